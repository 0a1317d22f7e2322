// What all views share: the way to the charger, the words of the language, the making of elements.

import { events } from "./events.js";

const PATIENCE_MS = 4000; // for one answer
const SLOW_MS = 10000; // for one that is long
const AGAIN_MS = 1000; // the charger was busy
const TRIES = 4;
const SILENT_MS = 4500; // without a sign of life the charger counts as lost
const LISTEN_AGAIN_MS = 5000; // when there was no place for one who listens: one may have become free
const POLL_MS = 1000;
const QUARTER_S = 900; // no zone is finer
const LANGUAGES = ["en", "nl", "de"];

export const byId = (id) => document.getElementById(id);
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// ---- Words ---------------------------------------------------------------------------------

const wanted = stored("language") || navigator.language.slice(0, 2);
export const language = LANGUAGES.includes(wanted) ? wanted : "en";
let words = {}; // by what stands for the English text, or by kind and name
let numbered = [];
let patterns = null; // of what the charger says with numbers in it

export function stored(key, value) {
  try {
    if (value === undefined) return localStorage.getItem(key);
    localStorage.setItem(key, value);
  } catch {
    // storage may be forbidden: then nothing is remembered
  }
  return null;
}

// All that is said is in a file of the language; without it nothing can be.
export async function loadWords() {
  const answer = await ask(`/${language}.json`);
  if (!answer?.ok) return false;
  const { keys, texts } = answer.document;
  words = Object.fromEntries(keys.map((key, at) => [key, texts[at]]));
  numbered = answer.document.numbered;
  return true;
}

function filled(text, values) {
  return values.length ? text.replace(/\{(\d)\}/g, (_, place) => values[place]) : text;
}

// As tools/webtexts.py: what the scripts say just where they do has become a number, other texts
// with nothing to fill in stand under one made of them.
const short = (text) => [...text].reduce((sum, char) => (sum * 31 + char.codePointAt()) % 1679616, 0).toString(36);
const known = (text) => (typeof text === "number" ? numbered[text] : words[text.includes("{0}") ? text : short(text)]);

// The language's words for an English text with {0}, {1}, ... in it.
export function t(text, ...values) {
  return filled(known(text) ?? text, values);
}

// The words under a key such as "label mains" or "help mains"; empty where there are none.
export function worded(key) {
  return words[key] ?? "";
}

// What the charger says in English, with its own numbers and names, in the language.
export function said(text) {
  if (language === "en" || !text) return text;
  if (known(text)) return known(text);
  patterns ??= Object.keys(words).filter((key) => key.includes("{0}")).map((key) => [
    new RegExp(`^${key.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{\d\}/g, "(.+?)")}$`), key]);
  for (const [pattern, key] of patterns) {
    const found = pattern.exec(text);
    if (found) return t(key, ...found.slice(1).map((part) => (part >= 0 ? part : known(part) ?? part)));
  }
  return text;
}

export function sentence(text) {
  return text ? `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}` : "";
}

const number = (value, digits) => value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
export const amps = (da) => number(da / 10, 1);
export const kwh = (wh) => `${number(wh / 1000, 2)} kWh`;
export const kw = (w) => `${number(w / 1000, 1)} kW`;

export function duration(seconds) {
  const days = Math.floor(seconds / 86400);
  const hours = Math.floor(seconds / 3600) % 24;
  const minutes = Math.floor(seconds / 60) % 60;
  if (days) return `${days} d ${hours} h`;
  return hours ? `${hours} h ${minutes} min` : `${minutes} min ${Math.floor(seconds) % 60} s`;
}

export function age(ms) {
  return t("{0} s ago", ms < 10000 ? number(ms / 1000, 1) : Math.round(ms / 1000));
}

// What must be added to `s` (Unix seconds) for the local time of the charger. It tells that for now
// only; at other times it is that of this device, if both agree now.
export function zone(s) {
  const here = (at) => -60 * new Date(at * 1000).getTimezoneOffset();
  const { clock } = charger.status;
  const there = Math.round((Date.parse(`${clock.local}Z`) / 1000 - clock.s) / QUARTER_S) * QUARTER_S;
  return there - here(clock.s) ? there : here(s);
}

// The moment `s` (Unix seconds) as the charger's clock and the language have it.
export const moment = (s, form) => new Date(1000 * (s + zone(s))).toLocaleString(language, { timeZone: "UTC", ...form });

// ---- Elements ------------------------------------------------------------------------------

// el("p", { class: "soft", hidden: true, onclick: go }, "text", child): an element. Names that
// begin with "on" are listeners, the others properties if there are such, else attributes.
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "list") element[name] = value;
    else element.setAttribute(name === "class" ? "class" : name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

// The same for what is inside an svg: all attributes.
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.flat());
  return element;
}

export function setText(element, text) {
  const one = typeof element === "string" ? byId(element) : element;
  if (one.textContent !== String(text)) one.textContent = text;
}

// Children made anew only when their content changed, so that nothing is read out twice.
export function setList(element, content, make) {
  const key = JSON.stringify(content);
  if (element.dataset.key === key) return;
  element.dataset.key = key;
  element.replaceChildren(...make());
}

// What is known, [[term, text, more], ...], in a dl.
export function setFacts(list, facts) {
  setList(list, facts, () => facts.map(([term, text, more]) => el("div", {}, el("dt", {}, term), el("dd", {}, text, more && [el("br"), el("small", {}, more)]))));
}

// A labelled line of a form: the control is a child of the label's row.
export function row(label, control, note) {
  control.id ||= `r${row.count = (row.count || 0) + 1}`;
  return el("p", { class: "row" }, el("label", { htmlFor: control.id }, label, note ? el("small", {}, ` ${note}`) : null), control);
}

// A table that may scroll sideways: what its columns are called, and rows of texts whose first names the row.
export function table(names, rows) {
  return el("div", { class: "wide", tabIndex: 0, role: "region", "aria-label": names.join(", ") }, el("table", {},
    el("thead", {}, el("tr", {}, names.map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, rows.map(([first, ...cells]) => el("tr", {}, el("th", { scope: "row" }, first), cells.map((cell) => el("td", {}, cell)))))));
}

// ---- Refusals ------------------------------------------------------------------------------

// Says at `place` (a control or any element; without one at the top of the page) what went wrong;
// "" takes it back.
export function refuse(text, place) {
  if (!place?.isConnected) {
    setText("refused-text", text);
    byId("refused").hidden = !text;
    return;
  }
  const holder = place.closest(".row") ?? place;
  let note = holder.nextElementSibling?.classList.contains("refusal") ? holder.nextElementSibling : null;
  if (text) {
    if (!note) {
      note = el("p", { class: "refusal", role: "alert", id: `refusal${refuse.count = (refuse.count || 0) + 1}` });
      holder.after(note);
    }
    setText(note, text);
    place.setAttribute("aria-invalid", "true");
    place.setAttribute("aria-errormessage", note.id);
  } else if (note) {
    note.remove();
    place.removeAttribute("aria-invalid");
    place.removeAttribute("aria-errormessage");
  }
}

// ---- The charger ---------------------------------------------------------------------------

// `at`: when the last of `status` came; `booted`: when the charger started (both ms of this clock).
export const charger = { status: null, at: 0, booted: 0, heard: Date.now(), lost: false, version: "" };
const listeners = new Set();
let line = Promise.resolve(); // requests go one after the other
let nextPoll = 0;
let waiting = null; // a poll that is not sent yet
let told = 0; // events of the stream so far
let stream = null;
let streamAllowedAt = 0;
let fast = 0; // views that want every figure each second

// One after the other: `work` is a function that returns a promise.
export function inLine(work) {
  const done = line.then(work);
  line = done.catch(() => null);
  return done;
}

async function send(path, options) {
  if (options?.patience) charger.heard = Date.now() + options.patience - PATIENCE_MS; // its silence is no loss
  for (let tries = 1; ; tries += 1) {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), options?.patience ?? PATIENCE_MS);
    try {
      const answer = await fetch(path, { ...options, signal: abort.signal, cache: "no-store" });
      if (answer.status === 503 && tries < TRIES) {
        await answer.text();
        await sleep(AGAIN_MS); // it has done nothing yet
        continue;
      }
      const json = answer.headers.get("Content-Type")?.startsWith("application/json");
      const document = options?.raw ? new Uint8Array(await answer.arrayBuffer()) : json ? await answer.json() : await answer.text();
      heard(); // half an answer is none
      return { ok: answer.ok, status: answer.status, headers: answer.headers, document };
    } catch {
      return null;
    } finally {
      clearTimeout(timer);
    }
  }
}

// {ok, status, headers, document} of a request, or null when there was no answer or half of one.
// `options` are those of fetch, and `raw: true` for bytes, `patience` in ms.
export function ask(path, options) {
  return inLine(() => send(path, options));
}

// Have something done. True when the charger has done it; otherwise what it said is shown at
// `place`, or at the field it names in `fields` ({field: control}). Who needs the password is
// asked for it, and it is sent again: nothing that was typed is lost. `way` is another than ask.
export async function tell(path, body, { method = "POST", type = "application/json", place, fields, way = ask } = {}) {
  refuse("", place);
  Object.values(fields ?? {}).forEach((control) => refuse("", control));
  place?.setAttribute("aria-busy", "true");
  const options = { method, headers: body === undefined ? {} : { "Content-Type": type }, body: typeof body === "string" || body === undefined ? body : JSON.stringify(body) };
  let answer = await way(path, options);
  while (answer && (answer.status === 403 || answer.status === 401)) {
    await refresh(); // the session may have ended unnoticed
    if (charger.status?.level === "install" || !await (await view("login"))?.login()) break;
    answer = await way(path, options);
  }
  place?.removeAttribute("aria-busy");
  if (!answer) refuse(t("The charger did not answer. It may not have been done."), place);
  else if (!answer.ok) refusal(answer.document, place, fields);
  if (!stream) poll(); // it tells by itself, and only what differs from what it has told
  return answer?.ok ? answer.document || true : false;
}

function refusal(document, place, fields = {}) {
  const errors = document.errors ?? [document];
  for (const { error, field } of errors) refuse(sentence(said(error ?? String(document))), fields[field] ?? place);
}

export function command(name, value, place, fields) {
  return tell("/api/v1/command", { name, value }, { place, fields });
}

// Let the person keep the file at `path`, as `name` or as the charger calls it.
export async function save(path, place, name) {
  refuse("", place);
  const answer = await ask(path, { raw: true, patience: SLOW_MS });
  if (!answer?.ok) {
    refuse(t("The file did not come. Try again."), place);
    return;
  }
  const called = /filename="(.+)"/.exec(answer.headers.get("Content-Disposition"))?.[1];
  const url = URL.createObjectURL(new Blob([answer.document]));
  el("a", { href: url, download: name ?? called ?? path.split("/").pop() }).click();
  setTimeout(() => URL.revokeObjectURL(url), SLOW_MS);
}

let loaded = null; // the modules that are loaded when they are wanted: once, for they keep things

// One of them; null, and said, when it does not come. Between two tries others have their turn.
export async function view(name) {
  for (let tries = 1; tries <= TRIES; tries += 1) {
    try {
      if (!loaded) await inLine(async () => loaded ??= await views(tries));
      return loaded[name];
    } catch (problem) {
      if (!(problem instanceof TypeError)) throw problem;
      await sleep(AGAIN_MS);
    }
  }
  refuse(t("This part of the page did not come. Try again."));
  return null;
}

function views(tries) {
  charger.heard = Date.now() + SLOW_MS - PATIENCE_MS; // its silence is no loss
  const silent = sleep(SLOW_MS).then(() => Promise.reject(new TypeError("silent")));
  return Promise.race([import(`./views.js${tries > 1 ? `?${tries}` : ""}`), silent]);
}

// ---- What the charger is doing --------------------------------------------------------------

// Calls `show(status)` now, if it is known, and after each change; returns what ends that.
export function listen(show) {
  listeners.add(show);
  if (charger.status) show(charger.status);
  return () => listeners.delete(show);
}

// While at least one view is `lively` the whole status is asked for every second: ages and counters
// are not among what the charger tells by itself. Returns what ends that.
export function lively() {
  fast += 1;
  poll();
  return () => {
    fast -= 1;
  };
}

function heard() {
  charger.heard = Date.now();
  watch();
}

function take(members) {
  if (members.safe_mode) {
    location.reload(); // it has another page now
    return;
  }
  const now = charger.at = Date.now();
  charger.status = { ...charger.status, ...members };
  const booted = now - 1000 * charger.status.uptime_s;
  if ("uptime_s" in members && Math.abs(booted - charger.booted) > 1500) charger.booted = booted;
  charger.version ||= charger.status.version;
  const other = charger.version !== charger.status.version; // it has been updated
  const asked = !byId("newer").hidden; // once is enough: somebody may have to finish something
  byId("newer").hidden = !other;
  if (other && !asked) location.reload();
  for (const show of listeners) {
    try {
      show(charger.status);
    } catch (problem) {
      reportError(problem); // the trouble of one view is not that of the others
    }
  }
}

function poll() {
  clearTimeout(nextPoll);
  waiting ??= inLine(async () => {
    waiting = null;
    const before = told;
    const answer = await send("/api/v1/status");
    // What the stream has told meanwhile is newer. Who polls each second soon knows better.
    if (answer?.ok && (fast || told === before)) take(answer.document);
    clearTimeout(nextPoll);
    if (!document.hidden && (fast || !stream)) nextPoll = setTimeout(() => (fast || !stream) && poll(), POLL_MS);
  });
  return waiting;
}

function letGo() {
  stream?.abort();
  stream = null;
}

// Ask for the status anew, as whoever we are now: a stream goes on for whom it was begun.
export async function refresh() {
  letGo();
  await poll();
}

async function follow() {
  if (stream || document.hidden || Date.now() < streamAllowedAt) return;
  const abort = stream = new AbortController();
  const had = await events(abort.signal, heard, (members) => {
    told += 1;
    take(members);
  });
  if (stream !== abort) return; // it was let go
  letGo();
  streamAllowedAt = Date.now() + (had ? AGAIN_MS : LISTEN_AGAIN_MS);
  poll();
}

function watch() {
  const silence = Date.now() - charger.heard;
  charger.lost = silence > SILENT_MS && !document.hidden;
  byId("lost").hidden = !charger.lost;
  setText("silence", charger.lost ? `${Math.round(silence / 1000)} s` : "");
  document.body.classList.toggle("lost", charger.lost);
  if (charger.lost && stream) {
    letGo();
    poll();
  }
}

function tick() {
  watch();
  if (!charger.lost) follow();
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    letGo(); // others may need the place
    clearTimeout(nextPoll);
    return;
  }
  charger.heard = Date.now(); // silence while nobody asked does not count
  poll();
});

// Begin to follow the charger.
export function start() {
  setInterval(tick, 500);
  return poll();
}
