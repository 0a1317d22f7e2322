// The meters: set-up next to what they show, how well each device on the bus answers, and the doctor
// who looks for mistakes.

import { age, amps, ask, command, el, kw, kwh, lively, said, sentence, setFacts, setList, setText, t, table, worded } from "./core.js";
import { form, idle, named, settings } from "./form.js";
import { GROUPS, shower } from "./settings.js";

const PLACES = { mains: t("Mains meter"), circuit: t("Circuit meter"), ev: t("Car's meter"), bus: t("Bus"), car: t("Car") };
const STATES = { done: t("Examined: nothing is wrong, as far as one can tell from here."), stopped: t("The examination was stopped."), failed: t("The examination could not be carried through.") };
// Each meter: its member of the status, the first letters of its settings.
const METERS = [["mains", /^(mains|grid|sb2)_?/], ["circuit", /^circt/], ["ev", /^ev_/]];
const LOST_MISSES = 5;
const BROADCAST = 9; // lower addresses are those of nodes
const OLD_MS = 11000; // then a meter counts as lost

export async function open(place, rest) {
  const spec = await settings();
  const keys = GROUPS.meters[1].split(" ");
  const forms = [];
  const shows = [];
  const close = lively();
  const card = (title, ...content) => place.append(el("section", { class: "card" }, el("h2", {}, title), ...content));
  const made = (own) => {
    forms.push([own, form(own)]);
    return forms.at(-1)[1].element;
  };

  for (const [name, begin] of METERS) {
    const [live, note] = [el("dl"), el("p", { class: "soft" })];
    card(PLACES[name], live, note, made(keys.filter((key) => begin.test(key))));
    shows.push((status) => showReading(name, status, live, note));
  }
  const custom = keys.filter((key) => key.startsWith("em_"));
  const details = el("details", { open: !idle(custom[0]) }, el("summary", {}, t("Registers of a Custom meter")), made(custom));
  card(t("Another meter"), el("p", { class: "soft" }, t("For a meter that is not in the list: choose “Another” and say where its values are. Its manual tells.")), details);

  const box = el("dl");
  card("Sensorbox", box);
  shows.push((status) => showBox(status.sensorbox, box));
  const bus = el("div");
  card(t("Bus"), bus);
  shows.push((status) => showBus(status.bus, bus));
  const doctor = makeDoctor();
  card(t("Examine"), ...doctor.elements);
  shows.push(doctor.show);

  const wanted = forms.find(([own]) => own.includes(rest));
  if (wanted) setTimeout(() => {
    details.open ||= custom.includes(rest);
    wanted[1].show(rest);
  });
  return { show: shower((status) => shows.forEach((show) => show(status))), close() {
    close();
    forms.forEach(([, one]) => one.close());
  } };
}

// ---- What a meter shows ----

function showReading(name, status, live, note) {
  const reading = status[name === "ev" ? "ev_meter" : name];
  const there = reading.meter !== "Disabled";
  live.hidden = note.hidden = !there;
  if (!there) return;
  const known = reading.age_ms >= 0;
  const facts = reading.da.map((da, phase) => [`L${phase + 1}`, known ? t("{0} A", amps(da)) : "–", known && da ? sign(name, da) : ""]);
  // What is not known is null at the mains and -1 at the car.
  if (known && (name === "mains" ? reading.w !== null : reading.w >= 0)) facts.push([t("Power"), kw(reading.w)]);
  if (known && reading.wh >= 0) facts.push([t("Energy"), kwh(reading.wh)]);
  setFacts(live, facts);
  note.classList.toggle("refusal", !known || reading.age_ms > OLD_MS);
  setText(note, known ? t("{0}, measured {1}", named(reading.meter), age(reading.age_ms)) : t("{0}: no reading yet", named(reading.meter)));
}

function sign(name, da) {
  if (name === "mains") return da > 0 ? t("from the grid") : t("to the grid");
  return da > 0 ? "" : t("the wrong way round?");
}

function showBox(box, live) {
  live.parentElement.hidden = !box;
  if (!box) return;
  const facts = [
    [t("Version"), box.version ? `${box.version / 10} (${box.software})` : t("not seen yet")],
    [t("Measures"), box.p1 ? t("the smart meter (P1)") : t("by current transformers")],
    [t("Wiring"), box.p1 ? "" : `${box.wiring & 2 ? t("3 wires") : t("4 wires")}, ${box.wiring & 1 ? t("rotation left") : t("rotation right")}`],
    [t("WiFi"), box.wifi_connected ? box.ip : [t("off"), t("not connected"), t("set-up")][box.wifi_mode] ?? t("off")],
    [t("Password of its portal"), box.portal_password],
  ].filter(([, text]) => text);
  setFacts(live, facts);
}

// ---- The bus ----

function placeText(where) {
  const text = where.split(", ").map((part) => PLACES[part] ?? said(part)).join(", ");
  return text[0].toUpperCase() + text.slice(1);
}

function failedText(row) {
  const failed = row.requests - row.replies;
  if (!row.requests) return "–";
  const share = (100 * failed) / row.requests;
  return failed ? `${share < 1 ? "< 1" : Math.round(share)} %` : t("none");
}

// What is only sent to, and nodes that never answered, have nothing to tell.
function busShown(row) {
  return row.address !== BROADCAST && (row.replies > 0 || !(row.address < BROADCAST));
}

function busCells(row) {
  const lost = row.misses >= LOST_MISSES || !row.replies;
  const seen = row.age_ms < 0 ? t("never") : age(row.age_ms);
  return [placeText(row.name), row.address, lost && row.replies ? t("lost, {0}", seen) : seen, row.latency_ms ? `${row.latency_ms} ms` : "–", failedText(row)];
}

function showBus(bus, place) {
  const rows = bus.filter(busShown).map(busCells);
  setList(place, rows, () => [rows.length
    ? table([t("Device"), t("Address"), t("Last answer"), t("Delay"), t("Failed")], rows)
    : el("p", { class: "soft" }, t("No device on the bus is set."))]);
}

// ---- The doctor ----

function makeDoctor() {
  const button = (kind, title) => el("button", { type: "button", onclick: (event) => command("doctor", kind, event.currentTarget) }, title);
  const [bus, phases, stop] = [button("bus", t("Examine the bus")), button("phases", t("Examine the phases")), button("stop", t("Stop"))];
  const why = el("p", { class: "soft" });
  const progress = el("progress", { max: 100, "aria-label": t("Examine") });
  const result = el("p", { role: "status" });
  const findings = el("ul");
  let seen = ""; // what the list of findings shows

  async function look(key) {
    seen = key;
    const answer = await ask("/api/v1/doctor");
    if (!answer?.ok) {
      seen = ""; // once more
      return;
    }
    const { state, findings: all } = answer.document;
    const sorted = [...all].sort((a, b) => b.mistake - a.mistake);
    setList(findings, sorted, () => sorted.map((one) => el("li", { class: one.mistake ? "setting mistake" : "setting" }, el("strong", {}, `${one.mistake ? "⚠ " : ""}${placeText(one.where)}: `), sentence(said(one.what)), el("br"), el("small", {}, worded(`help doctor_${one.code}`) || one.hint))));
    if (state !== "running") setText(result, state === "done" && sorted.some((one) => one.mistake) ? t("Examined. What is marked is wrong.") : STATES[state] ?? "");
  }

  function show({ doctor, evses, charging }) {
    const running = doctor.state === "running";
    const group = evses.some((one) => one.charging);
    bus.disabled = running || group;
    phases.disabled = running || !charging;
    setText(why, group ? t("The bus is examined while nothing charges.") : t("The phases are examined while the car charges."));
    why.hidden = running;
    stop.hidden = progress.hidden = !running;
    progress.value = doctor.percent;
    if (running) setText(result, doctor.kind === "bus" ? t("Examining the bus. No meter is read meanwhile.") : t("Examining the phases. The car gets less and more current meanwhile."));
    const key = `${doctor.kind} ${doctor.state} ${doctor.percent}`;
    if (doctor.state !== "idle" && key !== seen) look(key);
  }

  return { show, elements: [el("p", { class: "soft" }, t("The charger looks for wrong addresses, types, wires and phases, and says what to do.")), el("p", { class: "links" }, bus, phases, stop), why, progress, result, findings] };
}
