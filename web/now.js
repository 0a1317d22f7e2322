// The view of now: is it charging, how much, why, and what happens next.

import { amps, charger, command, duration, el, kwh, kw, setList, setText, stored, t, view, worded } from "./core.js";
import { bars, picture } from "./flow.js";
import { limits } from "./limits.js";
import { next, phases, why } from "./why.js";

const MODES = {
  Off: "Nothing is charged.",
  Normal: "Charges at once, with what the mains allow.",
  Solar: "Charges with the sun your house leaves.",
  Smart: "Charges at once, and leaves the house what it needs.",
  Pause: "Stops for now; the car stays connected.",
};
const RESTARTS = ["brownout", "watchdog", "panic", "crash"]; // those nobody wanted
const TOLD_S = 3600; // so long they are told
const LIMITS_MS = 3000; // the limits that are in sight are asked for again
const STOPS = { nothing: "Charging goes on.", "in order": "Charging has stopped.", "at once": "Charging stopped at once." };
const CLEARS = { "by itself": "It clears by itself.", "after a pause": "It clears after a pause.", "by reset": "It clears by reset." };

function hint(id, text, link, name) {
  return el("p", { class: "card broad hint", id, hidden: true }, `${text} `, el("a", { href: link }, name));
}

// A slider for the current set by hand. While somebody moves it, it is theirs.
function override() {
  let moved = false;
  let sending = false;
  const slider = el("input", { type: "range", id: "override", step: 1 });
  const shown = el("span", { id: "override-text" });
  const none = el("button", { type: "button", id: "override-none" }, t("Clear"));
  const element = el("p", { class: "row" }, el("label", { htmlFor: "override" }, t("Current set by hand")), shown, el("span", { class: "slide" }, slider, none));

  function say(text) {
    setText(shown, text);
    slider.setAttribute("aria-valuetext", text);
  }

  async function send() {
    if (sending) return; // the last position is sent when this one has been answered
    sending = true;
    for (let value; moved && value !== slider.value;) {
      value = slider.value;
      if (!await command("override", 10 * value, slider)) break;
    }
    sending = moved = false;
  }

  slider.addEventListener("input", () => {
    moved = true;
    say(`${slider.value} A`);
  });
  slider.addEventListener("change", send);
  none.addEventListener("click", () => command("override", 0, slider));

  function show(status) {
    none.disabled = !status.override_da;
    if (moved) return;
    slider.min = status.min_da / 10;
    slider.max = status.max_da / 10;
    slider.value = (status.override_da || status.max_da) / 10;
    say(status.override_da ? t("{0} A", amps(status.override_da)) : t("none"));
  }
  return { element, show };
}

function source({ session, mains, battery }) {
  if (mains.w === null || !session.w) return "";
  const share = Math.round((100 * session.solar_w) / session.w);
  if (!share) return mains.w < session.w ? "" : t("From the grid."); // a mere estimate may be too high
  return battery.da < 0 ? t("{0} % from sun and home battery.", share) : t("{0} % from the sun.", share);
}

function flowing(status) {
  if (!status.charging) return "";
  const power = status.ev_meter.age_ms < 0 ? t("about {0}", kw(status.session.w)) : kw(status.session.w);
  return status.session.w ? `${power}. ${source(status)}` : "";
}

function faults(place) {
  const list = el("ul", {});
  const reset = el("button", { type: "button", id: "fault-reset", onclick: () => command("fault", "reset", reset) }, t("Reset"));
  const element = el("div", { id: "fault", class: "broad", role: "alert", hidden: true }, list, reset);
  place.append(element);
  return (status) => {
    const known = status.faults.filter((fault) => status.reason.code !== 34 || fault.name !== "No Power Available"); // waits for sun
    element.hidden = !known.length;
    reset.hidden = !known.some((fault) => fault.clears === "by reset");
    setList(list, known, () => known.map(({ name, stops, clears }) => el("li", {},
      el("strong", {}, `${name === "Test IO" ? t("Circuit meter lost") : t(name)}.`), ` ${t(STOPS[stops])} ${t(CLEARS[clears])} `, el("span", {}, worded(`help fault_${name.replaceAll(" ", "_")}`)))));
  };
}

function session(place) {
  const cells = {};
  const rows = Object.entries({ energy: t("Energy"), sun: t("From the sun"), time: t("Time charging"), card: t("Card") }).map(([name, title]) => el("div", {}, el("dt", {}, title), cells[name] = el("dd", { id: `session-${name}` })));
  const title = el("h2", { id: "session-title" });
  place.append(el("section", { class: "card" }, title, el("dl", {}, rows), el("p", { class: "links" }, el("a", { href: "#sessions" }, t("All sessions")), el("a", { href: "#history" }, t("History")))));
  return ({ session: one, car_connected: here }) => {
    setText(title, one.number ? t(here ? "Session {0}" : "Last session {0}", one.number) : t("Session"));
    setText(cells.energy, one.number ? `${kwh(one.wh)}${one.estimated ? `, ${t("estimated")}` : ""}` : t("none yet"));
    setText(cells.sun, one.wh ? `${Math.round((100 * one.solar_wh) / one.wh)} % (${kwh(one.solar_wh)})` : "–");
    setText(cells.time, one.number ? duration(one.charging_s) : "–");
    setText(cells.card, one.card);
    cells.card.parentNode.hidden = !one.card;
  };
}

function energy(place) {
  const flow = picture();
  const mains = bars(t("Mains"));
  const circuit = bars(t("Circuit"));
  const note = el("p", { id: "mains-note" });
  const mainsPart = el("div", { id: "mains" }, el("h3", {}, t("Mains")), note, mains.element);
  const circuitPart = el("div", { id: "circuit" }, el("h3", {}, t("Circuit")), circuit.element);
  place.append(el("section", { class: "card", id: "energy" }, el("h2", {}, t("Energy")), flow.element, mainsPart, circuitPart));
  return (status) => {
    flow.show(status);
    const { mains: grid, circuit: sub, share } = status;
    const none = grid.meter === "Disabled";
    mains.element.hidden = none || grid.age_ms < 0;
    mains.element.classList.toggle("old", !grid.fresh);
    const missing = share.startsWith("Node") ? t("The master measures the mains.") : t("No mains meter is set. SMART and SOLAR need one.");
    setText(note, none ? missing : grid.fresh ? "" : t("There is no fresh reading."));
    note.hidden = !note.textContent;
    mains.show(grid.da, grid.limit_da);
    circuitPart.hidden = sub.limit_da === null || sub.age_ms < 0;
    if (!circuitPart.hidden) circuit.show(sub.da, sub.limit_da);
  };
}

function main(place) {
  const state = el("h2", { id: "state" }, t("Asking the charger"));
  const number = el("span", { id: "amps-value" }, "–");
  const times = el("span", {});
  const power = el("p", { id: "power" });
  const reason = el("p", { id: "why" });
  const then = el("p", { id: "next" });
  const slow = el("details", { id: "slow", hidden: true, ontoggle: () => slow.open && list() }, el("summary", {}, t("Why so slow?")));
  const meaning = el("p", { id: "mode-text", class: "soft" });
  const buttons = Object.keys(MODES).map((mode) => el("button", { type: "button", onclick: ({ currentTarget }) => command("mode", mode, currentTarget) }, mode.toUpperCase()));
  const hand = override();
  const element = el("section", { class: "card", id: "charge" }, state, el("p", { id: "amps" }, number, el("span", { class: "unit" }, " A", times)), power, reason, then, slow,
    el("div", { id: "modes", role: "group", "aria-label": t("Mode") }, buttons), meaning, hand.element);
  let last = null;
  let listed = 0;
  function list() {
    listed = Date.now();
    limits(slow, last);
  }
  place.append(element);
  return (status) => {
    last = status;
    const offered = status.charging ? status.offered_da : 0;
    const [word, text] = why(status);
    element.classList.toggle("charging", status.charging);
    setText(state, word);
    setText(number, amps(offered));
    setText(times, offered && phases(status) ? ` × ${phases(status)}` : "");
    setText(power, flowing(status));
    setText(reason, text);
    setText(then, next(status));
    document.title = status.charging ? `${amps(offered)} A – ${word}` : word;
    slow.hidden = !status.charging || offered >= status.max_da;
    if (slow.hidden) slow.open = false;
    if (slow.open && Date.now() - listed > LIMITS_MS) list();
    setText(meaning, t(MODES[status.mode]));
    Object.keys(MODES).forEach((mode, at) => {
      buttons[at].setAttribute("aria-pressed", mode === status.mode);
      buttons[at].disabled = !status.modes.includes(mode);
      buttons[at].title = buttons[at].disabled ? t("Needs a mains meter") : "";
    });
    hand.show(status);
  };
}

export function open(place) {
  const untouched = hint("untouched", t("Nothing is set up yet."), "#wizard", t("Set it up in five minutes"));
  const imported = hint("imported", t("The settings of your old firmware were taken over."), "#backup", t("What is different now"));
  const again = el("span", {});
  const restarted = el("p", { class: "card broad hint", id: "restarted", hidden: true }, again, " ", el("a", { href: "#details" }, t("Details")));
  const left = el("div", { class: "stack" });
  const right = el("div", { class: "stack" });
  place.append(untouched, imported, restarted);
  const parts = [faults(place), main(left), energy(right), session(left)];
  place.append(left, right);
  let latest = null;
  let closed = false;
  view("plan").then((module) => {
    if (closed || !module) return;
    const show = module.plan(left, right);
    parts.push(show);
    if (latest) show(latest);
  });
  const timer = setInterval(() => latest && parts[1](latest), 1000); // what is counted down
  return {
    show(status) {
      latest = status;
      untouched.hidden = !status.untouched || stored("wizard") === "done";
      imported.hidden = !status.imported;
      const ago = (Date.now() - charger.booted) / 1000;
      restarted.hidden = !RESTARTS.includes(status.reset_cause) || ago > TOLD_S;
      setText(again, t("It had to start again {0} ago: {1}.", `${Math.floor(ago / 60)} min`, worded(`value ${status.reset_cause}`)));
      for (const part of parts) part(status);
    },
    close() {
      closed = true;
      clearInterval(timer);
      document.title = "MicroEVSE";
    },
  };
}
