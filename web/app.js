"use strict";

const POLL_MS = 1000;
const PATIENCE_MS = 3000; // for one answer
const LOST_MS = 4000; // without any answer the charger counts as lost
const REFUSAL_MS = 15000;
const RCM_ERROR = 5; // stays until somebody resets it

const byId = (id) => document.getElementById(id);
const amps = (da) => (da / 10).toFixed(1);

let line = Promise.resolve(); // requests go one after the other
let heard = Date.now();
let pollTimer = 0;
let refusalTimer = 0;
let overrideMax = "";

function setText(id, text) {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
}

function alertText(id, text) {
  setText(id, text);
  byId(id).hidden = !text;
}

// The answer, or null when there was none or half of one.
async function send(path, options) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), PATIENCE_MS);
  try {
    const answer = await fetch(path, { ...options, signal: abort.signal, cache: "no-store" });
    return { ok: answer.ok, status: answer.status, document: await answer.json() };
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

function sentence(text) {
  return text ? `${text[0].toUpperCase()}${text.slice(1)}.` : "";
}

function limitText(status) {
  const text = status.limit.text;
  if (text !== "mains") return text;
  const fullest = status.mains.da.indexOf(Math.max(...status.mains.da)) + 1;
  return `mains, L${fullest} is the fullest phase`;
}

function whyText(status) {
  if (!status.charging) return sentence(status.reason.text);
  const limit = limitText(status);
  return limit ? `${amps(status.offered_da)} A. Limited by ${limit}.` : "";
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

function showMains(mains) {
  const none = mains.meter === "Disabled";
  byId("phases").hidden = none || mains.age_ms < 0;
  byId("phases").classList.toggle("old", !mains.fresh);
  const limit = `MAINS ${mains.limit_da / 10} A`;
  if (none) {
    setText("mains-note", "No mains meter is set. SMART needs one.");
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

function showDetails(status) {
  setText("name", `SmartEVSE-${status.serial}`);
  setText("version", `MicroEVSE ${status.version} on ${status.board}`);
  setText("grant", status.grant_da ? `${amps(status.grant_da)} A` : "none");
  setText("limit", status.limit.text || "–");
  setText("range", `${status.min_da / 10} to ${status.max_da / 10} A`);
  setText("car", status.car_connected ? "connected" : "not connected");
  setText("temp", `${status.temp_c} °C`);
  setText("uptime", durationText(status.uptime_s));
  setText("heap", `${Math.round(status.heap.free / 1024)} KB`);
  setText("cycle", status.cycle ? `${status.cycle.worst_ms} ms` : "–");
  setText("bus", status.bus.map(busText).join(", ") || "no meter on the bus");
}

function busText(row) {
  return `${row.name}: ${row.ok ? "in contact" : "no contact"}, ${row.replies} of ${row.requests} answers`;
}

function showFault(status) {
  const fault = status.fault === "None" ? "" : status.fault;
  setText("fault-text", fault);
  byId("fault").hidden = !fault;
  byId("fault-reset").hidden = status.error.id !== RCM_ERROR;
}

function show(status) {
  showNow(status);
  showOverride(status);
  showMains(status.mains);
  showDetails(status);
  showFault(status);
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

async function command(name, value, element) {
  element.setAttribute("aria-busy", "true");
  refuse("");
  const answer = await ask("/api/v1/command", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name, value }),
  });
  if (!answer) refuse("The charger did not answer. The command may not have been carried out.");
  else if (!answer.ok) refuse(`Refused: ${answer.document.error}`);
  element.removeAttribute("aria-busy");
  poll();
}

byId("modes").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) command("mode", button.dataset.mode, button);
});

byId("override").addEventListener("change", (event) => {
  event.target.blur();
  command("override", Number(event.target.value), event.target);
});

byId("fault-reset").addEventListener("click", (event) => command("fault", "reset", event.target));

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  heard = Date.now(); // silence while nobody asked does not count
  poll();
});

setInterval(watch, 500);
poll();
