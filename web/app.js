"use strict";

const POLL_MS = 1000;
const PATIENCE_MS = 3000; // for one answer
const LOST_MS = 4000; // without any answer the charger counts as lost
const REFUSAL_MS = 15000;
const PART_BYTES = 900; // of a list of cards in one request

const byId = (id) => document.getElementById(id);
const amps = (da) => (da / 10).toFixed(1);

let line = Promise.resolve(); // requests go one after the other
let heard = Date.now();
let pollTimer = 0;
let refusalTimer = 0;
let overrideMax = "";
let chargerTime = ""; // YYYY-MM-DDTHH:MM at the charger, empty while it does not know

function setText(id, text) {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
}

function alertText(id, text) {
  setText(id, text);
  byId(id).hidden = !text;
}

// Children made anew only when their content changed, so that nothing is read out twice.
function setList(element, key, make) {
  if (element.dataset.key === key) return;
  element.dataset.key = key;
  element.replaceChildren(...make());
}

function item(text) {
  const element = document.createElement("li");
  element.textContent = text;
  return element;
}

// The answer, or null when there was none or half of one.
async function send(path, options) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), PATIENCE_MS);
  try {
    const answer = await fetch(path, { ...options, signal: abort.signal, cache: "no-store" });
    const text = await answer.text();
    const json = answer.headers.get("Content-Type").startsWith("application/json");
    return { ok: answer.ok, document: json ? JSON.parse(text) : text };
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

function ask(path, options) {
  line = line.then(() => send(path, options));
  return line;
}

function ageText(ms) {
  return ms < 10000 ? `${(ms / 1000).toFixed(1)} s ago` : `${Math.round(ms / 1000)} s ago`;
}

function durationText(seconds) {
  const days = Math.floor(seconds / 86400);
  const hours = Math.floor(seconds / 3600) % 24;
  const minutes = Math.floor(seconds / 60) % 60;
  if (days) return `${days} d ${hours} h`;
  return hours ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`;
}

function kwh(wh) {
  return `${(wh / 1000).toFixed(2)} kWh`;
}

function sentence(text) {
  return text ? `${text[0].toUpperCase()}${text.slice(1)}.` : "";
}

function limitText(status) {
  const text = status.limit.text;
  if (text === "capacity") return capacityLimitText(status.capacity);
  if (text !== "mains") return text;
  const fullest = status.mains.da.indexOf(Math.max(...status.mains.da)) + 1;
  return `mains, L${fullest} is the fullest phase`;
}

function whyText(status) {
  if (!status.charging) return sentence(status.reason.text);
  const limit = limitText(status);
  const left = status.solar.left_s;
  const stop = left ? ` Stops in ${durationText(left)} unless there is more sun.` : "";
  return limit ? `${amps(status.offered_da)} A. Limited by ${limit}.${stop}` : stop.trim();
}

function showNow(status) {
  const now = byId("now");
  now.setAttribute("aria-busy", "false");
  now.classList.toggle("charging", status.charging);
  setText("state", status.state.name);
  setText("amps-value", amps(status.charging ? status.offered_da : 0));
  setText("why", whyText(status));
  document.title = status.charging ? `${amps(status.offered_da)} A – ${status.state.name}` : status.state.name;
  for (const button of byId("modes").children) {
    const mode = button.dataset.mode;
    button.setAttribute("aria-pressed", String(mode === status.mode));
    button.disabled = !status.modes.includes(mode);
    button.title = button.disabled ? "Needs a mains meter" : "";
  }
}

function showOverride(status) {
  const select = byId("override");
  const range = `${status.min_da}-${status.max_da}`;
  if (range !== overrideMax) {
    overrideMax = range;
    select.replaceChildren(new Option("none", "0"));
    for (let da = status.min_da; da <= status.max_da; da += 10) {
      select.add(new Option(`${da / 10} A`, String(da)));
    }
  }
  select.disabled = false;
  if (document.activeElement === select) return; // somebody is choosing
  const wanted = String(status.override_da);
  if (![...select.options].some((option) => option.value === wanted)) {
    select.add(new Option(`${amps(status.override_da)} A`, wanted));
  }
  select.value = wanted;
}

function showMains(status) {
  const { mains } = status;
  const none = mains.meter === "Disabled";
  byId("phases").hidden = none || mains.age_ms < 0;
  byId("phases").classList.toggle("old", !mains.fresh);
  const limit = `MAINS ${mains.limit_da / 10} A`;
  if (none) {
    setText("mains-note", status.share.startsWith("Node") ? "The master measures the mains." : "No mains meter is set. SMART and SOLAR need one.");
    return;
  }
  const age = mains.age_ms < 0 ? "" : ageText(mains.age_ms);
  const state = mains.fresh ? age : `no fresh reading${age && `, last ${age}`}`;
  setText("mains-note", `${mains.meter}, ${limit}: ${state}`);
  [...byId("phases").children].forEach((row, phase) => {
    const da = mains.da[phase];
    const meter = row.querySelector(".track");
    const text = da < 0 ? `feeds ${amps(-da)} A` : `${amps(da)} A`;
    row.classList.toggle("feeds", da < 0);
    row.classList.toggle("over", da > mains.limit_da);
    row.querySelector(".fill").style.width = `${Math.min(100, (Math.abs(da) / mains.limit_da) * 80)}%`;
    row.querySelector("output").textContent = text;
    meter.setAttribute("aria-valuemax", String(mains.limit_da / 10));
    meter.setAttribute("aria-valuenow", amps(Math.min(Math.max(da, 0), mains.limit_da)));
    meter.setAttribute("aria-valuetext", text);
  });
}

function showSession(status) {
  const session = status.session;
  const share = session.wh ? Math.round((100 * session.solar_wh) / session.wh) : 0;
  const title = session.number ? `${status.car_connected ? "Session" : "Last session"} ${session.number}` : "Session";
  setText("session-title", title);
  setText("session-energy", session.number ? `${kwh(session.wh)}${session.estimated ? ", estimated" : ""}` : "none yet");
  setText("session-solar", session.wh ? `${share} % (${kwh(session.solar_wh)})` : "–");
  setText("session-time", session.number ? durationText(session.charging_s) : "–");
  setText("session-card", session.card);
  byId("session-card-row").hidden = !session.card;
}

function showTimer(status) {
  chargerTime = status.clock.local;
  const set = status.timer.start > 0 || status.timer.stop > 0;
  const mode = set && status.timer.mode ? ` in mode ${status.timer.mode.toUpperCase()}` : "";
  setText("timer-text", status.timer.text ? sentence(status.timer.text + mode) : "No start or stop is set.");
  byId("timer-cancel").hidden = !set;
  byId("clock-ask").hidden = status.clock.s > 0;
  setText("clock-text", chargerTime ? `Times of the charger, where it is ${chargerTime.replace("T", " ")} now.` : "");
  const modes = status.modes.filter((mode) => mode !== "Off" && mode !== "Pause");
  setList(byId("timer-mode"), modes.join(), () => modes.map((mode) => new Option(mode.toUpperCase(), mode, false, mode === status.mode)));
}

function showCards(status) {
  const reader = status.reader;
  byId("cards").hidden = reader.mode === "Disabled";
  byId("cards-closed").hidden = status.trust_lan;
  byId("cards-open").hidden = !status.trust_lan;
  setText("reader-text", `${reader.mode}: ${reader.text}${reader.last && `, last card ${reader.last}`}.`);
}

function showDetails(status) {
  const { contactors, lock } = status;
  const second = contactors.contact_2 !== "Not present";
  setText("name", `SmartEVSE-${status.serial}`);
  setText("version", `MicroEVSE ${status.version} on ${status.board}`);
  setText("grant", status.grant_da ? `${amps(status.grant_da)} A` : "none");
  setText("limit", status.limit.text || "–");
  setText("range", `${status.min_da / 10} to ${status.max_da / 10} A`);
  setText("car", `${status.car_connected ? "connected" : "not connected"}${status.session.woke > 0 ? ", had to be woken" : ""}`);
  setText("phase-text", `${contactors.phases || "as wired"}${second ? ` (contactor 2: ${contactors.contact_2})` : ""}${phasesText(status)}`);
  setText("circuit-text", circuitText(status.circuit));
  byId("circuit-row").hidden = status.circuit.limit_da === null && status.circuit.age_ms < 0;
  setText("ev-text", evText(status.ev_meter));
  byId("ev-row").hidden = status.ev_meter.meter === "Disabled";
  setText("lock-text", lock.state);
  byId("lock-row").hidden = lock.kind === "Disabled" || !lock.state;
  setText("closings", `${contactors.c1_count}${second ? `, contactor 2: ${contactors.c2_count}` : ""}`);
  setText("temp", `${status.temp_c} °C`);
  setText("uptime", durationText(status.uptime_s));
  setText("heap", `${Math.round(status.heap.free / 1024)} KB`);
  setText("cycle", status.cycle ? `${status.cycle.worst_ms} ms` : "–");
}

function evText(meter) {
  if (meter.age_ms < 0) return `${meter.meter}, no reading yet`;
  const power = meter.w < 0 ? "" : `, ${(meter.w / 1000).toFixed(1)} kW`;
  return `${meter.da.map(amps).join(" / ")} A${power}`;
}

function faultText(fault, here) {
  const stops = { nothing: "Charging goes on", "in order": "Charging stops", "at once": "Charging stops at once" }[fault.stops];
  const where = fault.clears === "by reset" && !here ? " at the charger" : "";
  return `${fault.name}. ${stops}. Clears ${fault.clears}${where}.`;
}

function showFaults(status) {
  const lines = status.faults.map((fault) => faultText(fault, status.trust_lan));
  byId("fault").hidden = !lines.length;
  byId("fault-reset").hidden = !status.trust_lan || !status.faults.some((fault) => fault.clears === "by reset");
  setList(byId("fault-list"), lines.join(), () => lines.map(item));
}

function show(status) {
  showNow(status);
  showOverride(status);
  showMains(status);
  showSolar(status);
  showCapacity(status);
  showGroup(status);
  showBus(status);
  showLcd(status);
  showSession(status);
  showTimer(status);
  showCards(status);
  showDetails(status);
  showFaults(status);
}

function watch() {
  const silence = Date.now() - heard;
  const lost = silence > LOST_MS && !document.hidden;
  byId("now").classList.toggle("old", lost);
  alertText("lost", lost ? `No answer from the charger for ${Math.round(silence / 1000)} s. What you see is old. Still trying.` : "");
}

async function poll() {
  clearTimeout(pollTimer);
  try {
    const answer = await ask("/api/v1/status");
    if (answer?.ok) {
      heard = Date.now();
      show(answer.document);
    }
  } finally {
    watch();
    clearTimeout(pollTimer);
    if (!document.hidden) pollTimer = setTimeout(poll, POLL_MS);
  }
}

function refuse(text) {
  clearTimeout(refusalTimer);
  alertText("refused", text);
  if (text) refusalTimer = setTimeout(() => refuse(""), REFUSAL_MS);
}

// True when the charger has done it; what it said instead is shown.
async function post(path, type, body, element) {
  element.setAttribute("aria-busy", "true");
  refuse("");
  const answer = await ask(path, { method: "POST", headers: { "Content-Type": type }, body });
  if (!answer) refuse("The charger did not answer. The command may not have been carried out.");
  else if (!answer.ok) refuse(`Refused: ${answer.document.error}`);
  element.removeAttribute("aria-busy");
  poll();
  return Boolean(answer?.ok);
}

function command(name, value, element) {
  return post("/api/v1/command", "application/json", JSON.stringify({ name, value }), element);
}

async function setTimer(form) {
  const [start, stop] = [byId("timer-start").value, byId("timer-stop").value];
  if (chargerTime && start < chargerTime) {
    refuse("This start has passed. To charge now, choose a mode.");
    return;
  }
  const value = { mode: byId("timer-mode").value, start, stop, repeat: Number(byId("timer-daily").checked) };
  if (await command("timer", value, form)) {
    form.reset();
    byId("timer-daily").disabled = true;
    byId("timer-new").open = false;
  }
}

async function listCards() {
  const answer = await ask("/api/v1/cards.csv");
  if (!answer?.ok) return;
  const cards = answer.document.split("\n").filter(Boolean);
  setList(byId("cards-list"), answer.document, () => cards.map((line) => {
    const [number, name = ""] = line.split(",");
    const row = item(`${number} ${name} `);
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Remove";
    button.setAttribute("aria-label", `Remove ${name || number}`);
    button.dataset.card = number;
    row.append(button);
    return row;
  }));
}

// The charger takes short requests only, and each of them as a whole or not at all.
function parts(text) {
  const all = [""];
  for (const line of text.split(/\r?\n/)) {
    if (new TextEncoder().encode(all[all.length - 1] + line).length >= PART_BYTES) all.push("");
    if (line.trim()) all[all.length - 1] += `${line}\n`;
  }
  return all.filter(Boolean);
}

async function addCards(input) {
  for (const part of parts(await input.files[0].text())) {
    if (!await post("/api/v1/cards?add", "text/csv", part, input)) break;
  }
  input.value = "";
  listCards();
}

byId("modes").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) command("mode", button.dataset.mode, button);
});

byId("override").addEventListener("change", (event) => {
  event.target.blur();
  command("override", Number(event.target.value), event.target);
});

byId("timer-stop").addEventListener("input", (event) => {
  const daily = byId("timer-daily");
  daily.disabled = !event.target.value;
  if (daily.disabled) daily.checked = false;
});

byId("timer-form").addEventListener("submit", (event) => {
  event.preventDefault();
  setTimer(event.target);
});

byId("timer-cancel").addEventListener("click", (event) => command("timer", null, event.target));

byId("clock-set").addEventListener("click", (event) => command("clock", Math.floor(Date.now() / 1000), event.target));

byId("cards-open").addEventListener("toggle", (event) => event.target.open && listCards());

byId("cards-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const value = ["add", byId("card-number").value.toUpperCase(), byId("card-name").value];
  if (await command("cards", value, event.target)) event.target.reset();
  listCards();
});

byId("cards-list").addEventListener("click", async (event) => {
  const { card } = event.target.dataset;
  if (!card) return;
  await command("cards", ["remove", card], event.target);
  listCards();
});

byId("cards-file").addEventListener("change", (event) => event.target.files.length && addCards(event.target));

byId("fault-reset").addEventListener("click", (event) => command("fault", "reset", event.target));

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  heard = Date.now(); // silence while nobody asked does not count
  poll();
});

setInterval(watch, 500);
addEventListener("DOMContentLoaded", poll); // when the other scripts are there, too
