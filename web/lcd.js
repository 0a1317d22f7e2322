"use strict";

// The charger's display, and its three buttons for whoever may press them from here.
// The helpers are in app.js.

const LCD_MS = 1000;
const LCD_BUSY_MS = 330; // while somebody works the buttons
const LCD_BUSY_FOR_MS = 10000;
const LCD_AGAIN_MS = 1500; // a button held is told again: the charger lets go of it after 4 s
const LCD_LEAST_MS = 100; // shorter presses it might not notice
const LCD_KEYS = { ArrowLeft: "left", ArrowRight: "right", Enter: "middle", " ": "middle" };
const LCD_NOTES = {
  open: "Hold o for 2 s for the menu. With the focus on the display, the keys ←, Enter and → are the buttons.",
  pin: "The buttons can be pressed from here by whoever knows the LCD PIN.",
  locked: "The buttons are locked, here and at the charger.",
  closed: "The buttons are pressed at the charger. To do it from here, the installer sets an LCD PIN or “trust this LAN”.",
};

const lcdPicture = new Uint8Array(1024);
const lcdHeld = new Map(); // by name: what tells the charger again and again
let lcdFrame = -1;
let lcdTimer = 0;
let lcdAsking = false;
let lcdVisible = false;
let lcdPressedAt = -LCD_BUSY_FOR_MS;
let lcdButtons = ""; // open, pin, locked or closed; empty before the first answer

// Storage may be forbidden; then the PIN is asked for again.
function lcdPin(pin) {
  try {
    if (pin === undefined) return sessionStorage.getItem("lcd-pin");
    if (pin) sessionStorage.setItem("lcd-pin", pin);
    else sessionStorage.removeItem("lcd-pin");
  } catch {
    // not remembered
  }
  return null;
}

function lcdDraw() {
  const canvas = byId("lcd-canvas");
  const context = canvas.getContext("2d");
  const image = context.createImageData(128, 64);
  const [red, green, blue] = getComputedStyle(canvas).color.match(/\d+/g).map(Number);
  for (let at = 0; at < 8192; at += 1) {
    const [x, y] = [at & 127, at >> 7];
    const on = (lcdPicture[(y >> 3) * 128 + x] >> (y & 7)) & 1;
    image.data.set([red, green, blue, on * 255], at * 4);
  }
  context.putImageData(image, 0, 0);
}

async function lcdSend() {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), PATIENCE_MS);
  try {
    const answer = await fetch(`/api/v1/lcd?since=${lcdFrame}`, { signal: abort.signal, cache: "no-store" });
    return { status: answer.status, headers: answer.headers, body: new Uint8Array(await answer.arrayBuffer()) };
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

function lcdTake({ status, headers, body }) {
  const buttons = headers.get("X-Buttons");
  if (status === 200) {
    const pages = Number(headers.get("X-Pages"));
    let at = 0;
    for (let page = 0; page < 8; page += 1) {
      if ((pages >> page) & 1) {
        lcdPicture.set(body.subarray(at, at + 128), page * 128);
        at += 128;
      }
    }
    lcdDraw();
  } else if (status === 403) {
    lcdPicture.fill(0);
    lcdDraw();
  }
  byId("lcd-secret").hidden = status !== 403;
  lcdFrame = status === 200 || status === 204 ? Number(headers.get("X-Frame")) : -1;
  if (buttons) lcdAllow(buttons);
}

function lcdAllow(buttons) {
  const before = lcdButtons;
  if (buttons === before) return;
  lcdButtons = buttons;
  if (buttons !== "open") lcdReleaseAll();
  setText("lcd-note", LCD_NOTES[buttons]);
  byId("lcd-form").hidden = buttons !== "pin";
  for (const button of byId("lcd-buttons").children) button.disabled = buttons !== "open";
  if (buttons === "pin" && lcdPin()) lcdUnlock(lcdPin());
}

async function lcdUnlock(pin) {
  const answer = await ask("/lcd-verify-password", {
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: `password=${encodeURIComponent(pin)}`,
  });
  if (!answer?.ok) {
    setText("lcd-note", "The charger did not answer. Try again.");
    return;
  }
  const { success, wait_s: wait, error } = answer.document;
  lcdPin(success ? pin : "");
  if (success) byId("lcd-form").reset();
  else setText("lcd-note", wait ? `Too many wrong PINs. Wait ${wait} s.` : sentence(error || "this is not the LCD PIN"));
  lcdPoll();
}

async function lcdPoll() {
  clearTimeout(lcdTimer);
  if (lcdAsking || !lcdVisible || document.hidden) return;
  lcdAsking = true;
  try {
    line = line.then(lcdSend);
    const answer = await line;
    if (answer) lcdTake(answer);
  } finally {
    lcdAsking = false;
    const busy = lcdHeld.size || Date.now() - lcdPressedAt < LCD_BUSY_FOR_MS;
    lcdTimer = setTimeout(lcdPoll, busy ? LCD_BUSY_MS : LCD_MS);
  }
}

async function lcdTell(button, state) {
  lcdPressedAt = Date.now();
  const body = JSON.stringify({ button, state });
  const answer = await ask("/lcd", { method: "POST", headers: { "Content-Type": "application/json" }, body });
  const error = answer?.document.error;
  if (error) {
    refuse(`Refused: ${error}`);
    lcdButtons = ""; // the next answer tells what is so now
  }
  lcdPoll();
}

function lcdPress(button) {
  if (lcdButtons !== "open" || lcdHeld.has(button)) return;
  const held = { busy: false, timer: 0 };
  const tell = async () => {
    if (held.busy) return;
    held.busy = true;
    await lcdTell(button, 1);
    held.busy = false;
  };
  held.timer = setInterval(tell, LCD_AGAIN_MS);
  lcdHeld.set(button, held);
  byId("lcd-buttons").querySelector(`[data-key="${button}"]`).setAttribute("aria-pressed", "true");
  tell();
}

function lcdRelease(button) {
  const held = lcdHeld.get(button);
  if (!held) return;
  lcdHeld.delete(button);
  clearInterval(held.timer);
  byId("lcd-buttons").querySelector(`[data-key="${button}"]`).setAttribute("aria-pressed", "false");
  // In line behind the press, and not before the charger can have noticed that.
  line = line.then(() => new Promise((done) => { setTimeout(done, LCD_LEAST_MS); }));
  lcdTell(button, 0);
}

function lcdReleaseAll() {
  for (const button of [...lcdHeld.keys()]) lcdRelease(button);
}

function showLcd(status) {
  byId("lcd").hidden = !status.display;
}

function lcdKey(event) {
  const own = event.target.dataset.key;
  return (own && !event.key.startsWith("Arrow") && LCD_KEYS[event.key] && own) || LCD_KEYS[event.key];
}

for (const button of byId("lcd-buttons").children) {
  const { key } = button.dataset;
  button.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    button.setPointerCapture(event.pointerId);
    lcdPress(key);
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
    button.addEventListener(name, () => lcdRelease(key));
  }
  button.addEventListener("contextmenu", (event) => event.preventDefault());
}

byId("lcd-panel").addEventListener("keydown", (event) => {
  const key = lcdKey(event);
  if (!key || lcdButtons !== "open" || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  if (!event.repeat) lcdPress(key);
});

byId("lcd-panel").addEventListener("keyup", (event) => {
  const key = lcdKey(event);
  if (key) lcdRelease(key);
});

byId("lcd-panel").addEventListener("focusout", lcdReleaseAll);

byId("lcd-form").addEventListener("submit", (event) => {
  event.preventDefault();
  lcdUnlock(byId("lcd-pin").value);
});

new IntersectionObserver((entries) => {
  lcdVisible = entries[entries.length - 1].isIntersecting;
  lcdPoll();
}).observe(byId("lcd"));

document.addEventListener("visibilitychange", () => {
  if (document.hidden) lcdReleaseAll();
  lcdPoll();
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", lcdDraw);
