// Below what is now: start and stop, phases, lock, card reader, tariff, the other chargers.

import { amps, command, duration, el, kw, kwh, lively, refuse, row, said, setList, setText, t } from "./core.js";
import { measure } from "./flow.js";
import { plan as planned } from "./why.js";

const PHASES = { "Always Off": t("One phase"), "Solar Off": t("One phase in SOLAR, else three"), "Always On": t("Three phases"), Auto: t("SOLAR chooses, else three") };

function section(place, title, ...children) {
  const element = el("section", { class: "card" }, el("h2", {}, title), children);
  place.append(element);
  return element;
}

// ---- Start and stop ----

function timer(place) {
  const words = el("span", { id: "timer-text" });
  const cancel = el("button", { type: "button", onclick: () => command("timer", null, cancel) }, t("Cancel"));
  const set = el("button", { type: "button", onclick: tellTime }, t("Set it from this device"));
  const ask = el("p", { class: "row", id: "clock-ask" }, el("span", {}, t("The charger does not know the time of day.")), set);
  const mode = el("select", { id: "timer-mode" });
  const start = el("input", { type: "datetime-local", id: "timer-start", required: true });
  const stop = el("input", { type: "datetime-local", id: "timer-stop" });
  const daily = el("input", { type: "checkbox", id: "timer-daily", disabled: true });
  const clock = el("small", { id: "clock-text" });
  const waits = el("p", {}, t("Charging stops now and goes on at the start."));
  const form = el("form", { autocomplete: "off" }, row(t("Mode"), mode), row(t("Start"), start), row(t("Stop"), stop, t("none: stays on")), row(t("Daily"), daily, t("needs a stop")),
    waits, el("p", { class: "row" }, clock, el("button", { type: "submit", class: "main" }, t("Set timer"))));
  const fresh = el("details", {}, el("summary", {}, t("Set a start and a stop")), form);
  section(place, t("Timer"), el("p", { class: "row" }, words, cancel), ask, fresh);
  let local = "";

  async function tellTime() {
    // That it is known now is told with the next minute only: so ask for a while.
    if (await command("clock", Math.floor(Date.now() / 1000), set)) setTimeout(lively(), 3000);
  }
  stop.addEventListener("input", () => {
    daily.disabled = !stop.value;
    if (daily.disabled) daily.checked = false;
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (local && start.value < local) {
      refuse(t("This start has passed. To charge now, choose a mode."), start);
      return;
    }
    refuse("", start);
    if (await command("timer", { mode: mode.value, start: start.value, stop: stop.value, repeat: Number(daily.checked) }, form)) {
      form.reset();
      daily.disabled = true;
      fresh.open = false;
    }
  });

  return (status) => {
    const one = status.timer;
    const isSet = one.start > 0 || one.stop > 0;
    local = status.clock.local;
    setText(words, isSet ? inWords(one) : t("No start or stop is set."));
    cancel.hidden = !isSet;
    ask.hidden = status.clock.s > 0;
    setText(clock, local ? t("Times of the charger, where it is {0} now.", local.replace("T", " ")) : "");
    const modes = status.modes.filter((name) => name !== "Off" && name !== "Pause");
    setList(mode, modes, () => modes.map((name) => new Option(name.toUpperCase(), name)));
    const usual = [status.mode, one.mode].find((name) => modes.includes(name));
    if (usual && !fresh.open) mode.value = usual;
    waits.hidden = !status.charging;
  };
}

// "Starts today 23:00, daily, in mode SMART. Then stops 06:00."
function inWords({ text, start, stop, mode }) {
  const first = planned(text);
  const begins = text.startsWith("starts");
  const found = [mode && begins ? t("{0} in mode {1}.", first, mode.toUpperCase()) : `${first}.`];
  const [, hour, minute] = /(\d\d):(\d\d)/.exec(text) ?? [];
  if (begins && hour && stop > start) {
    const at = (60 * hour + Number(minute) + Math.round((stop - start) / 60)) % 1440;
    found.push(t("Then stops {0}.", `${String(Math.floor(at / 60)).padStart(2, "0")}:${String(at % 60).padStart(2, "0")}`));
  }
  return found.join(" ");
}

// ---- The plug ----

function plug(place) {
  const option = el("select", { id: "contact-2" }, Object.entries(PHASES).map(([name, words]) => new Option(words, name)));
  const wish = el("select", { id: "phases-wish" }, new Option(t("One phase"), 1), new Option(t("Three phases"), 3));
  const keep = el("input", { type: "checkbox", id: "lock-keep" });
  const now = el("p", { id: "phase-text" });
  const optionRow = row(t("Phases"), option);
  const wishRow = row(t("Phases in SOLAR now"), wish);
  const lock = el("p", { id: "lock-text" });
  const keepRow = row(t("Never release the cable"), keep);
  const reader = el("p", { id: "reader-text" });
  const cards = el("p", { class: "links" }, el("a", { href: "#cards" }, t("Cards")));
  const element = section(place, t("Plug"), now, optionRow, wishRow, lock, keepRow, reader, cards);
  const change = (control, name, value) => control.addEventListener("change", async () => {
    control.dataset.mine = "1"; // until the charger has answered
    await command(name, value(), control);
    delete control.dataset.mine;
  });
  change(option, "set", () => ["contact_2", option.value]);
  change(wish, "phases", () => Number(wish.value));
  change(keep, "set", () => ["cable_lock", keep.checked ? "Enabled" : "Disabled"]);
  const fill = (control, name, value) => {
    if (!control.dataset.mine && document.activeElement !== control) control[name] = value;
  };

  return ({ contactors, phases, mode, lock: bolt, reader: read, car_connected: plugged }) => {
    const second = contactors.contact_2 !== "Not present";
    const solar = contactors.contact_2 === "Auto" && mode === "Solar";
    const used = phases.used.map((phase) => `L${phase}`).join(" ");
    optionRow.hidden = !second;
    wishRow.hidden = !solar;
    fill(option, "value", contactors.contact_2);
    fill(wish, "value", phases.wish);
    setText(now, !second ? "" : plugged && used ? t("The car uses {0}.", used) : phases.in_force ? phases.in_force === 1 ? t("The plug has one phase now.") : t("The plug has three phases now.") : "");
    now.hidden = !now.textContent;
    const locks = bolt.kind !== "Disabled" && bolt.state;
    setText(lock, locks ? { locked: t("The cable is locked."), unlocked: t("The cable is free."), moving: t("The lock is moving.") }[bolt.state] : "");
    lock.hidden = keepRow.hidden = !locks;
    fill(keep, "checked", bolt.keep);
    const reads = read.mode !== "Disabled";
    setText(reader, reads ? [t("Card reader: {0}.", said(read.text)), read.last && t("Last card: {0}.", read.last)].filter(Boolean).join(" ") : "");
    reader.hidden = cards.hidden = !reads;
    element.hidden = [...element.children].slice(1).every((child) => child.hidden);
  };
}

// ---- Tariff ----

function capacity(place) {
  const text = el("p", { id: "capacity-text" });
  const fill = el("div", { class: "fill" });
  const meter = el("div", { class: "track", role: "meter", "aria-label": t("Energy of this quarter hour"), "aria-valuemin": 0 }, fill);
  const words = el("p", { id: "quarter-text" });
  const quarter = el("div", { id: "quarter" }, meter, words);
  const element = section(place, t("Capacity"), text, quarter, el("p", { class: "links" }, el("a", { href: "#settings/capacity" }, t("Settings"))));
  return ({ capacity: one, share }) => {
    element.hidden = one.mode === "Disabled" || share.startsWith("Node");
    if (element.hidden) return;
    setText(text, [one.limit_da === null ? t("There is no limit now.") : t("{0} A are allowed now, as the sum of the phases.", amps(one.limit_da)),
      one.mode === "Flanders" && t("The peak of the month is {0}.", kw(one.peak_w))].filter(Boolean).join(" "));
    quarter.hidden = one.mode !== "Flanders" || !one.left_s;
    const said = t("{0} of {1} in this quarter hour, {2} left.", kwh(one.used_wh), kwh(one.budget_wh), duration(one.left_s));
    quarter.classList.toggle("over", one.used_wh > one.budget_wh);
    measure(meter, fill, one.used_wh, one.budget_wh, said);
    setText(words, said);
  };
}

// ---- The others ----

function group(place) {
  const head = [t("Charger"), t("Mode"), t("Permitted"), t("Why")].map((name) => el("th", { scope: "col" }, name));
  const rows = el("tbody", { id: "group-rows" });
  const element = section(place, t("Chargers"), el("div", { class: "wide" }, el("table", {}, el("thead", {}, el("tr", {}, head)), rows)));
  const reasonOf = (one) => {
    if (one.lost) return t("no answer, its share stays reserved");
    return one.wants && one.limit ? t("{0}, limited by {1}", said(one.reason), said(one.limit)) : said(one.reason) || t("no car asks");
  };
  return ({ share, evses }) => {
    element.hidden = share !== "Master";
    const lines = evses.map((one) => [one.number ? t("Node {0}", one.number) : t("This one"), one.mode?.toUpperCase(), `${amps(one.grant_da)} A`, reasonOf(one)]);
    setList(rows, lines, () => lines.map(([name, ...cells]) => el("tr", {}, el("th", { scope: "row" }, name), cells.map((cell) => el("td", {}, cell)))));
  };
}

// Add the sections to two columns; returns what shows a status in them.
export function plan(left, right) {
  const parts = [plug(left), group(left), timer(right), capacity(right)];
  return (status) => parts.forEach((part) => part(status));
}
