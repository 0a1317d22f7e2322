// Forms of settings, made of what the charger says of each; what was changed is kept until it is stored.

import { ask, byId, el, setText, sleep, t, tell, worded } from "./core.js";

const AGAIN_MS = 1000;
const DEEDS = ["Learn", "Delete", "DeleteAll"]; // names of rfid that are done in the view of the cards
const UNITS = { C: "°C", "10^x": "" };
const NO_WIRE = "Disabled Sensorbox API HomeWizrd"; // no address to choose
const METERED = "mains min normal_mains start stop import solar_style battery_reserve battery_protect cap_mode capacity cap_stop";

// What settings need to have an effect: which (a name ending in _ begins several), the setting they
// follow, the names it must have (after "not": must not), and words for it where these would not do.
// The first that is not so counts.
const NEEDS = [
  [`${METERED} mains_met mains_adr mains_host grid sb2_wifi circt_ circuit contact_2 c2_return em_`, "pwr_share", "Disabled Master", "The Master decides this."],
  ["em_u_", "mode", "", "Kept for other firmware only."],
  ["em_", "mains_met circt_met ev_meter", "Custom"],
  [METERED, "mains_met", "not Disabled"],
  ["mains_adr", "mains_met", `not ${NO_WIRE}`],
  ["circt_adr", "circt_met", `not ${NO_WIRE}`],
  ["ev_adr", "ev_meter", `not ${NO_WIRE}`],
  ["mains_host", "mains_met", "HomeWizrd"],
  ["circt_host", "circt_met", "HomeWizrd"],
  ["ev_host", "ev_meter", "HomeWizrd"],
  ["grid sb2_wifi", "mains_met", "Sensorbox"],
  ["ev_meter_role", "ev_meter", "not Disabled"],
  ["start stop import solar_style battery_reserve", "mode", "Solar"],
  ["battery_protect", "mode", "Smart Solar"],
  ["lock cable_lock", "config", "Socket"],
  ["cable_lock", "lock", "not Disabled"],
  ["c2_return", "contact_2", "Auto"],
  ["c2_pause_s", "contact_2", "Auto Solar_Off"],
  ["relay_w", "switch", "Grid_Relay"],
  ["required_evccid", "modem", "Experimental"],
  ["capacity", "cap_mode", "Fixed"],
  ["cap_stop", "cap_mode", "Fixed Interval"],
  ["share_order rotation_min", "pwr_share", "Master"],
  ["mqtt_port mqtt_user mqtt_password mqtt_prefix ha_discovery", "mqtt_host", "not ", "Only with a broker."],
  ["drive_locked", "trust_lan", "Disabled"],
].map(([keys, others, names, words]) => ({ keys: keys.split(" "), others: others.split(" "), not: names.startsWith("not "), names: names.replace(/^not /, "").split(" ").map((name) => name.replace("_", " ")), words }));

let spec = null;
const drafts = new Map(); // what was changed and not stored
export const forms = new Set(); // those in sight: {update}
let where = ""; // the view in which somebody last changed something

// What the charger says of all settings, by key: what is known, while it is asked again.
export async function settings() {
  if (spec) renew();
  else await renew();
  return spec;
}

// Ask the charger again, until it has answered.
export async function renew() {
  let answer;
  while (!(answer = await ask("/api/v1/settings"))?.ok) await sleep(AGAIN_MS);
  spec = answer.document;
  updateAll();
}

export const label = (key) => worded(`label ${key}`) || key;
export const named = (name) => worded(`value ${name}`) || t(name);
// The value as it would be once all is stored.
export const value = (key) => (drafts.has(key) ? drafts.get(key) : spec[key].value);

// Why a setting has no effect now, "" when it has.
export function idle(key) {
  const need = NEEDS.find(({ keys, others, names, not }) => keys.some((one) => one === key || (one.endsWith("_") && key.startsWith(one))) && others.some((other) => names.includes(value(other))) === not);
  if (need) return need.words ? t(need.words) : t(need.not ? "Not with {0}: {1}." : "Only with {0}: {1}.", need.others.map(label).join(", "), need.names.map(named).join(", "));
  if (key !== "circuit" || value("pwr_share") === "Master" || value("circt_met") !== "Disabled" || (value("ev_meter") !== "Disabled" && value("ev_meter_role") !== "Car only")) return "";
  return t("Only as Master, or where a meter measures the circuit.");
}

export const draft = (keys) => keys.filter((key) => drafts.has(key));

function control(key, one) {
  if (one.kind === "enum") {
    if (one.names.join() === "Disabled,Enabled") return el("input", { type: "checkbox" });
    const names = one.names.filter((name) => key !== "rfid" || name === one.value || !DEEDS.includes(name));
    return el("select", {}, names.map((name) => el("option", { value: name }, named(name))));
  }
  if (one.kind === "int") return el("input", { type: "number", min: one.min, max: one.max, inputMode: one.min < 0 ? "text" : "numeric" });
  return el("input", { type: one.kind === "secret" ? "password" : "text", maxLength: one.longest, autocomplete: one.kind === "secret" ? "new-password" : "off", spellcheck: false });
}

const unitOf = (one) => UNITS[one.unit] ?? one.unit;
export const withUnit = (text, one) => `${text} ${unitOf(one)}`.trim();

function facts(one, secret) {
  const all = [];
  if (one.kind === "int") all.push(withUnit(t("{0} to {1}", one.min, one.max), one));
  if (secret) all.push(t(one.set ? "is set" : "is not set"));
  else if (one.default !== "") all.push(t("usual: {0}", one.kind === "enum" ? named(one.default) : withUnit(one.default, one)));
  if (!one.writable) all.push(t("needs the password"));
  return all.join(" · ");
}

// Keep what somebody wants `key` to be until it is stored; undefined: nothing is wanted.
export function keep(key, wanted) {
  if (wanted === undefined) drafts.delete(key);
  else drafts.set(key, wanted);
  where = location.hash;
  updateAll();
}

// One setting: {element, input, update}.
function field(key) {
  const one = spec[key];
  const secret = !("value" in one);
  const usual = one.default ?? (one.kind === "int" ? 0 : "");
  const input = control(key, one);
  input.id = `set-${key}`;
  input.setAttribute("aria-describedby", `help-${key}`);
  const put = (now) => {
    if (input.type === "checkbox") input.checked = now === "Enabled";
    else input.value = now ?? "";
  };
  const change = (now) => keep(key, now === spec[key].value ? undefined : now);
  input.addEventListener("input", () => {
    if (input.type === "checkbox") change(input.checked ? "Enabled" : "Disabled");
    else if (input.value === "") change(secret ? undefined : "");
    else change(one.kind === "int" ? Number(input.value) : input.value);
  });
  const word = t(secret ? "Remove" : "Back to usual");
  const back = el("button", { type: "button", class: "slim", "aria-label": `${word}: ${label(key)}`, onclick: () => {
    change(usual);
    put(usual);
    input.focus();
  } }, word);
  const [why, fine] = [el("strong"), el("small")];
  const element = el("div", { class: "setting" },
    el("p", { class: "row" }, el("label", { htmlFor: input.id }, label(key), one.label ? el("small", {}, ` ${one.label}`) : null), input, unitOf(one)),
    el("p", { class: "soft", id: `help-${key}` }, why, worded(`help ${key}`), " ", fine), back);
  put(value(key));
  const update = (all) => {
    const reason = idle(key);
    element.hidden = reason !== "" && !all && !drafts.has(key);
    setText(why, reason && `${reason} `);
    setText(fine, facts(spec[key], secret));
    element.classList.toggle("changed", drafts.has(key));
    back.hidden = secret ? !spec[key].set || drafts.has(key) : value(key) === usual;
    if (!drafts.has(key) && document.activeElement !== input) put(spec[key].value);
  };
  return { element, input, update };
}

// A form for the settings `keys` (after `settings()`): {element, update, close}. They are stored
// together, all or none. With `done`, which is called once there is nothing left to store, the button
// can be pressed at any time and says `word`.
export function form(keys, { word = t("Store"), done } = {}) {
  const fields = {};
  for (const key of keys) fields[key] = field(key);
  let all = keys.every(idle); // a form without anything would be odd
  const note = el("span", { role: "status" });
  const store = el("button", { class: "main" }, word);
  const undo = el("button", { type: "button", onclick: () => forget(keys) }, t("Undo"));
  const more = el("button", { type: "button", class: "slim", onclick: () => {
    all = true;
    update();
  } });
  const element = el("form", { noValidate: true, onsubmit: submit }, keys.map((key) => fields[key].element), more, el("p", { class: "links" }, store, undo, note));

  function update() {
    for (const key of keys) fields[key].update(all);
    const hidden = keys.filter((key) => fields[key].element.hidden).length;
    more.hidden = !hidden;
    setText(more, t("Show {0} without effect now", hidden));
    const changes = draft(keys).length;
    undo.hidden = !changes;
    store.disabled = !changes && !done;
    if (changes) setText(note, t("{0} changed, not stored", changes));
    else if (note.textContent !== t("Stored.")) setText(note, "");
  }

  async function submit(event) {
    event.preventDefault();
    const sent = Object.fromEntries(draft(keys).map((key) => [key, drafts.get(key)]));
    const inputs = Object.fromEntries(keys.map((key) => [key, fields[key].input]));
    if (Object.keys(sent).length && !await tell("/api/v1/settings", sent, { method: "PATCH", place: store, fields: inputs })) {
      element.querySelector("[aria-invalid]:not(button)")?.focus();
      return;
    }
    for (const key of Object.keys(sent)) if (drafts.get(key) === sent[key]) drafts.delete(key);
    for (const key of Object.keys(sent)) if (!("value" in spec[key]) && !drafts.has(key)) inputs[key].value = "";
    setText(note, t("Stored."));
    await renew();
    done?.();
  }

  const one = { element, update, close: () => forms.delete(one), show: (key) => {
    all ||= idle(key) !== "";
    update();
    fields[key].input.focus();
    fields[key].element.scrollIntoView({ block: "center" });
  } };
  forms.add(one);
  update();
  return one;
}

function forget(keys) {
  for (const key of keys) {
    drafts.delete(key);
    const input = byId(`set-${key}`);
    if (input && !("value" in spec[key])) input.value = ""; // a secret is not told
  }
  updateAll();
}

function updateAll() {
  for (const one of forms) one.update();
  remind();
}

// Whoever leaves a form with changes is told, and finds them there when coming back.
const link = el("a");
const reminder = el("p", { id: "unsaved", class: "card links", role: "status", hidden: true }, link, el("button", { type: "button", onclick: () => forget([...drafts.keys()]) }, t("Undo")));
document.querySelector("main").before(reminder);

function remind() {
  const away = drafts.size > 0 && location.hash !== where;
  if (away) {
    link.href = where;
    setText(link, t("Not stored yet: {0}", [...drafts.keys()].map(label).join(", ")));
  }
  reminder.hidden = !away;
}

addEventListener("hashchange", remind);
addEventListener("beforeunload", (event) => {
  if (drafts.size) event.preventDefault();
});
