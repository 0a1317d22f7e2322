// The view of the charger's display, and its three buttons for whoever may press them from here.

import { ask, el, inLine, row, said, sentence, setText, sleep, t } from "./core.js";

const ASK_MS = 1000;
const BUSY_MS = 330; // while somebody works the buttons
const BUSY_FOR_MS = 10000;
const AGAIN_MS = 1500; // a button held is told again: the charger lets go of it after 4 s
const BUTTONS = { left: ["Left", "<"], middle: ["Middle", "o"], right: ["Right", ">"] };
const KEYS = { ArrowLeft: "left", ArrowRight: "right", Enter: "middle", " ": "middle" };
const NOTES = {
  open: t("Hold o for 2 s for the menu. With the focus on the display, the keys ←, Enter and → are the buttons."),
  pin: t("The buttons can be pressed from here by whoever knows the LCD PIN."),
  locked: t("The buttons are locked, here and at the charger."),
  closed: t("The buttons are pressed at the charger. To do it from here, log in, or set an LCD PIN."),
  none: t("This charger has no display."),
};

// Storage may be forbidden; then the PIN is asked for again.
function remembered(pin) {
  try {
    if (pin === undefined) return sessionStorage.getItem("lcd-pin");
    if (pin) sessionStorage.setItem("lcd-pin", pin);
    else sessionStorage.removeItem("lcd-pin");
  } catch {
    // not remembered
  }
  return null;
}

class Display {
  constructor(place) {
    this.picture = new Uint8Array(1024);
    this.held = new Map(); // by name: since when, when that was sent, what tells it again and again
    this.frame = -1;
    this.allowed = ""; // open, pin, locked or closed; empty before the first answer
    this.pressedAt = -BUSY_FOR_MS;
    this.timer = 0;
    this.asking = false;
    this.over = false;
    this.canvas = el("canvas", { id: "lcd-canvas", width: 128, height: 64, tabIndex: 0, role: "img", "aria-label": t("What is on the charger's display") });
    this.buttons = Object.entries(BUTTONS).map(([name, [label, sign]]) => this.button(name, t(label), sign));
    this.note = el("p", { id: "lcd-note", role: "status" });
    this.secret = el("p", { id: "lcd-secret", hidden: true }, t("A password is on the display. It is read at the charger."));
    this.pin = el("input", { id: "lcd-pin", type: "password", inputMode: "numeric", pattern: "[0-9]{1,4}", maxLength: 4, title: t("up to 4 digits"), autocomplete: "off", required: true });
    this.form = el("form", { id: "lcd-form", hidden: true, onsubmit: (event) => this.submit(event) },
      row(t("LCD PIN"), this.pin), el("button", {}, t("Unlock the buttons")));
    const panel = el("div", { id: "lcd-panel", role: "group", "aria-label": t("Display"), onkeydown: (event) => this.key(event, true), onkeyup: (event) => this.key(event, false), onfocusout: () => this.releaseAll() },
      this.canvas, el("div", { id: "lcd-buttons" }, this.buttons));
    place.append(el("section", { class: "card broad" }, el("h2", {}, t("Display")),
      el("div", { id: "lcd-open" }, panel, el("div", { id: "lcd-side" }, this.secret, this.note, this.form))));
  }

  button(name, label, sign) {
    const release = () => this.release(name);
    return el("button", {
      type: "button", disabled: true, "aria-label": label, "aria-pressed": "false", "data-key": name,
      onpointerdown: (event) => {
        if (event.button) return;
        event.target.setPointerCapture(event.pointerId);
        this.press(name);
      },
      onpointerup: release, onpointercancel: release, onlostpointercapture: release,
      oncontextmenu: (event) => event.preventDefault(),
    }, sign);
  }

  draw() {
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(128, 64);
    const ink = getComputedStyle(this.canvas).color.match(/\d+/g).slice(0, 3).map(Number);
    for (let at = 0; at < 8192; at += 1) {
      const [x, y] = [at & 127, at >> 7];
      image.data.set([...ink, ((this.picture[(y >> 3) * 128 + x] >> (y & 7)) & 1) * 255], at * 4);
    }
    context.putImageData(image, 0, 0);
  }

  async poll() {
    clearTimeout(this.timer);
    if (this.asking || this.over || document.hidden) return;
    this.asking = true;
    const answer = await ask(`/api/v1/lcd?since=${this.frame}`, { raw: true });
    this.asking = false;
    if (this.over) return;
    if (answer) this.take(answer);
    const busy = this.held.size || Date.now() - this.pressedAt < BUSY_FOR_MS;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.poll(), busy ? BUSY_MS : ASK_MS);
  }

  take({ status, headers, document: body }) {
    if (status === 200) {
      const pages = Number(headers.get("X-Pages"));
      let at = 0;
      for (let page = 0; page < 8; page += 1) {
        if ((pages >> page) & 1) {
          this.picture.set(body.subarray(at, at + 128), page * 128);
          at += 128;
        }
      }
      this.draw();
    } else if (status === 403) {
      this.picture.fill(0);
      this.draw();
    }
    this.secret.hidden = status !== 403;
    this.frame = status === 200 || status === 204 ? Number(headers.get("X-Frame")) : -1;
    this.allow(status === 404 ? "none" : headers.get("X-Buttons"));
  }

  allow(allowed) {
    if (!allowed || allowed === this.allowed) return;
    this.allowed = allowed;
    if (allowed !== "open") this.releaseAll();
    setText(this.note, NOTES[allowed]);
    this.form.hidden = allowed !== "pin";
    for (const button of this.buttons) button.disabled = allowed !== "open";
    if (allowed === "pin" && remembered()) this.unlock(remembered());
  }

  submit(event) {
    event.preventDefault();
    this.unlock(this.pin.value);
  }

  async unlock(pin) {
    const answer = await ask("/lcd-verify-password", {
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      body: `password=${encodeURIComponent(pin)}`,
    });
    if (!answer?.ok) {
      setText(this.note, t("The charger did not answer. Try again."));
      return;
    }
    const { success, wait_s: wait, error } = answer.document;
    remembered(success ? pin : "");
    if (success) this.form.reset();
    else setText(this.note, wait ? t("Too many wrong PINs. Wait {0} s.", wait) : sentence(error ? said(error) : t("this is not the LCD PIN")));
    this.poll();
  }

  async tell(button, state) {
    this.pressedAt = Date.now();
    const body = JSON.stringify({ button, state });
    const answer = await ask("/lcd", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    const error = answer?.document.error;
    if (error) {
      this.allowed = ""; // the next answer tells what is so now
      setText(this.note, sentence(said(error)));
    }
    this.poll();
  }

  pressed(name, on) {
    this.buttons.find((button) => button.dataset.key === name).setAttribute("aria-pressed", on);
  }

  press(name) {
    if (this.allowed !== "open" || this.held.has(name)) return;
    const held = { since: Date.now(), sent: 0, busy: false };
    const tell = async () => {
      if (held.busy) return;
      held.busy = true;
      await this.tell(name, 1);
      held.busy = false;
    };
    held.timer = setInterval(tell, AGAIN_MS);
    this.held.set(name, held);
    this.pressed(name, true);
    inLine(async () => {
      held.sent = Date.now();
    });
    tell();
  }

  release(name) {
    const held = this.held.get(name);
    if (!held) return;
    this.held.delete(name);
    clearInterval(held.timer);
    this.pressed(name, false);
    // In line behind the press, which may have waited: held for so long here, so long there.
    const ms = Date.now() - held.since;
    inLine(() => sleep(held.sent + ms - Date.now()));
    this.tell(name, 0);
  }

  releaseAll() {
    for (const name of [...this.held.keys()]) this.release(name);
  }

  key(event, down) {
    const own = event.target.dataset.key;
    const name = (own && !event.key.startsWith("Arrow") && KEYS[event.key] && own) || KEYS[event.key];
    if (!name) return;
    if (!down) this.release(name);
    else if (this.allowed === "open" && !event.ctrlKey && !event.altKey && !event.metaKey) {
      event.preventDefault();
      if (!event.repeat) this.press(name);
    }
  }
}

export function open(place) {
  const display = new Display(place);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const draw = () => display.draw();
  const look = () => {
    if (document.hidden) display.releaseAll();
    display.poll();
  };
  scheme.addEventListener("change", draw);
  document.addEventListener("visibilitychange", look);
  display.poll();
  return {
    close() {
      display.releaseAll();
      display.over = true;
      clearTimeout(display.timer);
      scheme.removeEventListener("change", draw);
      document.removeEventListener("visibilitychange", look);
    },
  };
}
