// The set-up of a new charger, one question a screen. Each can be left out, and asked again.

import { amps, ask, command, el, lively, row, said, sentence, setList, setText, sleep, stored, t, tell, view, worded } from "./core.js";
import { form, label, named, renew, settings, withUnit } from "./form.js";
import { bare, here, offer, ruleOf } from "./zone.js";

const LOOK_MS = 1000;
const ANSWERS = 50; // code of the doctor's: a meter that no setting uses
const SHOWN = ["tz", "mains_met", "mains", "max", "config", "lock", "api_units", "trust_lan", "mqtt_host"];

// A step's title and its content: a function that is told how to go on and returns
// {element, show, close}, the last two optional.
const STEPS = [
  [t("Your password"), password],
  [t("Where the charger is"), zone],
  [t("What measures the house?"), meter],
  [t("Fuses"), asked("mains", "max")],
  [t("Socket or cable?"), asked("config", "lock")],
  [t("Other programs"), asked("api_units", t("W for evcc, Homey, TeslaLogger and the apps, kW for ha-SmartEVSEv3 and dashboards of the first firmware. For MQTT it does not matter."))],
  [t("Who may change settings?"), asked("trust_lan", t("Without this, settings need the password or hands at the charger. With it nobody is asked, as in the original firmware: every person and device in your network can raise limits and erase cards."))],
  [t("Home Assistant and MQTT"), mqtt],
  [t("That is all"), summary],
];

export async function open(place, rest) {
  const all = await settings();
  const last = STEPS.length - 1;
  const at = Math.min(Math.max(Number(rest || stored("wizard")) || 0, 0), last);
  stored("wizard", at === last ? "done" : String(at));
  const go = (to) => `#wizard/${to}`;
  if (place.isConnected) history.replaceState(null, "", go(at)); // who comes back later comes back to this step
  const next = () => {
    if (place.isConnected) location.hash = go(at + 1);
  };
  const [title, make] = STEPS[at];
  const step = await make(next, all);
  const calm = lively();
  place.append(el("section", { class: "card broad" }, el("h2", {}, title),
    el("p", { class: "row" }, t("Step {0} of {1}", at + 1, STEPS.length), el("progress", { max: STEPS.length, value: at + 1, "aria-label": t("Set-up") })),
    step.element,
    el("p", { class: "links" }, at > 0 && el("a", { href: go(at - 1) }, t("Back")), at < last && el("a", { href: go(at + 1) }, t("Skip this")), at < last && el("a", { href: "#now" }, t("Later")))));
  let level = null;
  return {
    show(status) {
      if (level && level !== status.level) renew(); // others may be changed now
      level = status.level;
      step.show?.(status);
    },
    close() {
      calm();
      step.close?.();
    },
  };
}

// A step that asks for settings, under a word about them.
function asked(...keys) {
  const words = keys.filter((key) => key.includes(" "));
  return (next) => {
    const one = form(keys.filter((key) => !words.includes(key)), { word: t("Next"), done: next });
    return { element: el("div", {}, words.map((text) => el("p", {}, text)), one.element), close: one.close };
  };
}

async function password(next) {
  const { passwords } = await view("network");
  const { prove } = await view("login");
  const old = el("input", { type: "password", autocomplete: "current-password", required: true });
  const fresh = el("input", { type: "password", autocomplete: "new-password", minLength: 8, maxLength: 63, required: true });
  const given = async (words) => {
    await prove("/api/v1/login", { password: words }); // for what is to come
    next();
  };
  return { element: el("div", {}, el("p", {}, t("Only who knows it can change settings.")), passwords(old, fresh, given)) };
}

function zone(next, { tz }) {
  const select = el("select");
  offer(select);
  const send = el("button", { type: "button", class: "main", onclick: async () => {
    const rule = ruleOf(select.value);
    if (bare(rule) !== bare(tz.value) && !await tell("/api/v1/settings", { tz: rule }, { method: "PATCH", place: select })) return;
    await renew();
    next();
  } }, t("Next"));
  return { element: el("div", {}, el("p", {}, t("So that timers start on time, in summer and winter.")), row(t("Time zone"), select), el("p", { class: "links" }, send)) };
}

// ---- The meter -----------------------------------------------------------------------------

function meter(next) {
  const one = form(["mains_met", "mains_adr", "mains_host"], { word: t("Next"), done: next });
  const look = el("button", { type: "button", onclick: examine }, t("Look for meters on the cable"));
  const state = el("span", { role: "status" });
  const found = el("div");
  const reading = el("p");
  const element = el("div", {},
    el("p", {}, t("With a meter the car takes what the house leaves of the fuse, and can follow the sun. Without one it always takes what you allow.")),
    el("p", { class: "links" }, look, state), found, reading, el("h3", {}, t("Or choose yourself")), one.element);

  async function examine() {
    if (!await command("doctor", "bus", look)) return;
    look.disabled = true;
    for (let running = true; running && element.isConnected;) {
      await sleep(LOOK_MS);
      const answer = await ask("/api/v1/doctor");
      if (!answer?.ok) continue;
      const { state: how, percent, findings } = answer.document;
      running = how === "running";
      setText(state, running ? t("Asking every address: {0} %", percent) : how === "done" ? t("That is what answers:") : t("It could not look."));
      if (!running) setList(found, findings, () => findings.sort((a, b) => a.where.length - b.where.length || (a.where > b.where ? 1 : -1)).map(offerOf));
    }
    look.disabled = false;
  }

  // A meter that answers, to be chosen; or what is wrong on the cable.
  function offerOf({ code, what, where, hint }) {
    const names = what.split(" answers")[0];
    const address = Number(/\d+/.exec(where)?.[0]);
    const kind = names.split(" or ")[0];
    if (code !== ANSWERS || !named(kind) || names === "Something unknown") return el("p", {}, sentence(`${where}: ${said(what)}`), " ", worded(`help doctor_${code}`) || hint);
    const use = (word, key, place) => el("button", { type: "button", name: key, "aria-pressed": "false", async onclick({ target }) {
      if (!await tell("/api/v1/settings", { [key]: kind, [place]: address }, { method: "PATCH", place: target })) return;
      for (const one of found.querySelectorAll(`[name=${key}]`)) one.setAttribute("aria-pressed", one === target);
      await renew();
    } }, word);
    return el("div", { role: "group", "aria-label": t("{0} at address {1}", names, address) },
      el("p", {}, t("{0} at address {1}", names, address)),
      el("p", { class: "links" }, use(t("It measures the house"), "mains_met", "mains_adr"), use(t("It measures only the car"), "ev_meter", "ev_adr")));
  }

  function show({ mains }) {
    setText(reading, mains.meter === "Disabled" ? "" : mains.fresh ? t("It measures {0} A now. Switch something big on: it must rise.", mains.da.map(amps).join(" / ")) : t("The meter says nothing yet."));
  }

  return { element, show, close: one.close };
}

// ---- The end -------------------------------------------------------------------------------

async function mqtt(next) {
  const link = (await view("network")).broker();
  return { element: el("div", {}, link.element, el("p", { class: "links" }, el("button", { type: "button", class: "main", onclick: next }, t("Next")))), show: link.show, close: link.form.close };
}

function summary(_, all) {
  const told = (key, { kind, value }) => {
    if (key === "tz") return bare(ruleOf(here())) === bare(value) ? here() : value;
    return kind === "enum" ? named(value) : withUnit(value, all[key]) || "-";
  };
  const rows = SHOWN.map((key) => [label(key), told(key, all[key])]);
  return { element: el("div", {}, el("dl", {}, rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
    el("p", {}, t("Connect the car, and it charges.")),
    el("p", { class: "links" }, el("a", { class: "button", href: "#now" }, t("To the charger")), el("a", { href: "#settings" }, t("Settings")), el("a", { href: "#backup" }, t("Backup")))) };
}
