// The view of all there is to know: every figure with its age, what happened, and what helps others to help.

import { age, amps, ask, command, duration, el, kwh, lively, moment, row, said, save, setText, t, tell, worded } from "./core.js";

const EVENTS_MS = 3000;
const EVENTS_MAX = 64;
const RAW = ["/api/v1/status", "/settings", "/metrics", "/openapi.json"];

const ampere = (da) => t("{0} A", amps(da));
const count = (value, unit) => (value < 0 || value === undefined ? "–" : `${value} ${unit}`);
const counted = (wh) => (wh < 0 ? "–" : kwh(wh));
const since = (ms) => (ms < 0 ? t("never") : age(ms));
const named = (name) => worded(`value ${name}`) || said(name);
const yes = (on) => (on ? t("yes") : t("no"));
const started = ({ cause, ran_s: ran }) => (ran < 0 ? named(cause) : t("{0} after {1}", named(cause), duration(ran)));
const timer = (s) => (s ? moment(s) : "–");
const phases = (das, used = []) => t("{0} together", ampere(das[0] + das[1] + das[2]))
  + das.map((da, at) => ` · L${at + 1}${used.includes(at + 1) ? "*" : ""} ${amps(da)}`).join("");

// [title, [what, value], ...] of each part. What is undefined does not exist here.
function parts(s, set) {
  const { mains, battery, circuit, ev_meter: meter, ev_state: car, session, network, mqtt, ntp, cycle } = s;
  const used = s.charging ? s.phases.used : [];
  const has = (kind, value) => (kind === "Disabled" ? undefined : value);
  const stored = battery.age_ms >= 0 || battery.expired || undefined;
  return [
    [t("Charging"),
      [t("Mode"), named(s.mode)], [t("State"), `${said(s.state.name)} (${s.state.id})`],
      [t("Why"), said(s.reason.text)], [t("Fault"), said(s.fault)],
      [t("Car connected"), yes(s.car_connected)], [t("Permitted"), ampere(s.grant_da)],
      [t("Limited by"), said(s.limit.text) || "–"], [t("Offered to the car"), ampere(s.offered_da)],
      [t("Pilot signal"), `${Math.round(s.pwm1024 / 10.24)} %`],
      [t("Set by hand"), s.override_da ? ampere(s.override_da) : "–"],
      [t("Possible"), `${amps(s.min_da)} – ${ampere(s.max_da)}`],
      [t("Stops for want of sun in"), s.solar.left_s ? duration(s.solar.left_s) : undefined],
      [t("Start"), timer(s.timer.start)], [t("Stop"), timer(s.timer.stop)], [t("Daily"), yes(s.timer.repeat)],
      [t("Power share"), named(s.share)], [t("Custom button"), yes(s.custom)]],
    [t("Contactors and lock"),
      [t("Contactor 1"), s.charging ? t("closed") : t("open")], [t("Contactor 2"), named(s.contactors.contact_2)],
      [t("Contactor 1 has closed"), t("{0} times", s.contactors.c1_count)],
      [t("Contactor 2 has closed"), t("{0} times", s.contactors.c2_count)],
      [t("Phases in force"), s.phases.in_force || t("as wired")], [t("Phases wanted"), s.phases.wish],
      [t("Phases the car uses"), s.phases.used.map((phase) => `L${phase}`).join(" ") || "–"],
      [t("Lock"), said(s.lock.state) || "–"], [t("Grid relay"), s.relay_open ? t("open") : t("closed")],
      [t("Card reader"), has(s.reader.mode, said(s.reader.text))], [t("Last card"), has(s.reader.mode, s.reader.last || "–")],
      [t("Temperature"), set.max_temp ? t("{0} °C, at most {1} °C", s.temp_c, set.max_temp) : `${s.temp_c} °C`]],
    [t("Mains"),
      [t("Meter"), named(mains.meter)], [t("Measured"), has(mains.meter, phases(mains.da, used))],
      [t("Without the home battery"), has(mains.meter, stored && phases(mains.solar_da, used))],
      [t("Power"), has(mains.meter, count(mains.w ?? -1, "W"))], [t("Bought"), has(mains.meter, counted(mains.wh))],
      [t("Fed in"), has(mains.meter, counted(mains.out_wh))], [t("At most, each phase"), ampere(mains.limit_da)],
      [t("Last data"), has(mains.meter, since(mains.age_ms))]],
    [t("Home battery"),
      [t("State"), stored && (battery.da > 0 ? t("charges") : battery.da ? t("gives") : t("rests"))],
      [t("Current"), stored && ampere(battery.da)], [t("Last data"), stored && since(battery.age_ms)]],
    [t("Meter of the car"),
      [t("Meter"), named(meter.meter)], [t("Measured"), has(meter.meter, phases(meter.da))],
      [t("Power"), has(meter.meter, count(meter.w, "W"))], [t("Energy"), has(meter.meter, counted(meter.wh))],
      [t("Last data"), has(meter.meter, since(meter.age_ms))]],
    [t("Session"),
      [t("Number"), session.number || "–"], [t("Energy"), kwh(session.wh)], [t("From the sun"), kwh(session.solar_wh)],
      [t("Charged for"), duration(session.charging_s)], [t("Card"), session.card || "–"], [t("Estimated"), yes(session.estimated)]],
    [t("Circuit"),
      [t("Meter"), has(circuit.meter, named(circuit.meter))], [t("Measured"), has(circuit.meter, phases(circuit.da))],
      [t("At most, each phase"), circuit.limit_da === null ? undefined : ampere(circuit.limit_da)],
      [t("Last data"), has(circuit.meter, since(circuit.age_ms))]],
    [t("Car by modem"),
      ["EVCCID", car && (car.evccid || "–")], [t("State of charge"), car && count(car.computed_soc, "%")],
      [t("At first"), car && count(car.initial_soc, "%")], [t("Full at"), car && count(car.full_soc, "%")],
      [t("Full in"), car && (car.time_until_full < 0 ? "–" : duration(car.time_until_full))],
      [t("Capacity"), car && counted(car.energy_capacity)], [t("Asked for"), car && counted(car.energy_request)]],
    [t("Network"),
      ["WiFi", said(network.state)], [t("Network name"), network.ssid || "–"], [t("Address"), network.ip || "–"],
      [t("Access point"), network.bssid || undefined], [t("Signal"), network.rssi ? `${network.rssi} dBm` : undefined],
      [t("Lost"), network.losses === undefined ? undefined : t("{0} times", network.losses)],
      ["MQTT", said(mqtt.state)], [t("Broker"), mqtt.host || undefined], [t("Problem"), said(mqtt.problem) || undefined],
      [t("Clock"), s.clock.local.replace("T", " ") || "–"], [t("Time server"), said(ntp.problem) || t("answers")],
      [t("Clock set"), ntp.synced_s ? since((s.uptime_s - ntp.synced_s) * 1000) : t("never")]],
    [t("This charger"),
      [t("Version"), s.version], [t("Board"), s.board], [t("Serial number"), s.serial], [t("Runs since"), duration(s.uptime_s)],
      [t("Started by"), s.starts.last.map(started).join(", ") || named(s.reset_cause)], [t("Starts since power came"), s.starts.count],
      [t("Parts started again"), t("{0} times", s.starts.restarts)], [t("Free memory"), t("{0} KB, at least {1} KB", s.heap.free >> 10, s.heap.low >> 10)],
      [t("Control cycles"), cycle ? t("{0}, late {1}, worst {2} ms", cycle.count, cycle.late, cycle.worst_ms) : undefined],
      [t("Display light"), s.display ? (s.light_s ? `${s.light_s} s` : t("off")) : undefined]],
  ];
}

export function open(place) {
  const sections = [];
  const events = el("ol", { class: "events" });
  const evccid = el("input", { id: "evccid", maxLength: 32, autocomplete: "off" });
  const wanted = el("form", { hidden: true, onsubmit: want }, row(t("Only this car (EVCCID)"), evccid), el("button", {}, t("Store")));
  const light = el("button", { type: "button", id: "light", onclick: () => command("backlight", 1, light) }, t("Light the display"));
  const restart = el("button", { type: "button", id: "restart", onclick: again }, t("Restart"));
  const box = el("button", { type: "button", onclick: () => save("/api/v1/blackbox", box) }, t("Download the black box"));
  let set = {};
  let next = 0;
  let timing = 0;
  let latest = null;

  function want(event) {
    event.preventDefault();
    command("set", ["required_evccid", evccid.value.trim()], evccid);
  }

  async function again() {
    if (confirm(t("Restart the charger? While a car charges it waits until that is over."))) await tell("/api/v1/restart", undefined, { place: restart });
  }

  function show(status) {
    latest = status;
    light.hidden = !status.display;
    parts(status, set).forEach(([title, ...rows], at) => {
      const part = sections[at] ??= fresh(title, rows);
      part.section.hidden = rows.every(([, value]) => value === undefined);
      rows.forEach(([, value], line) => {
        part.values[line].parentNode.hidden = value === undefined;
        setText(part.values[line], value ?? "");
      });
    });
  }

  function fresh(title, rows) {
    const values = rows.map(() => el("dd"));
    const section = el("section", { class: "card" }, el("h2", {}, title),
      el("dl", {}, rows.map(([what], line) => el("div", {}, el("dt", {}, what), values[line]))));
    happened.before(section);
    return { section, values };
  }

  function at(uptime) {
    if (latest?.clock.s) return moment(latest.clock.s - latest.uptime_s + uptime);
    return uptime < 0 ? t("{0} before the start", duration(-uptime)) : t("{0} after the start", duration(uptime));
  }

  async function journal() {
    const answer = document.hidden ? null : await ask(`/api/v1/journal?since=${next}`);
    if (!timing) return;
    for (const { number, uptime_s: uptime, text, a, b } of answer?.ok ? answer.document : []) {
      if (number < next) events.replaceChildren(); // it has been restarted
      next = number + 1;
      events.prepend(el("li", {}, el("span", { class: "soft" }, at(uptime)), ` ${said(text)} `, el("small", {}, a || b ? `(${a}, ${b})` : "")));
    }
    while (events.childElementCount > EVENTS_MAX) events.lastChild.remove();
    timing = setTimeout(journal, EVENTS_MS);
  }

  const help = el("section", { class: "card broad" }, el("h2", {}, t("For help")),
    el("p", {}, t("The black box is one text with all that helps others to help you. There is no password and no card in it.")),
    el("p", { class: "links" }, box, light, restart), wanted,
    el("p", { class: "links" }, t("Raw data"), RAW.map((href) => el("a", { href }, href))));
  const happened = el("section", { class: "card broad" }, el("h2", {}, t("What happened")), events);
  place.append(help, happened);
  const calm = lively();
  timing = setTimeout(journal, 0);
  ask("/api/v1/settings?values").then((answer) => {
    set = answer?.ok ? answer.document : {};
    wanted.hidden = set.modem !== "Experimental";
    evccid.value = set.required_evccid ?? "";
  });
  return {
    show,
    close() {
      calm();
      clearTimeout(timing);
      timing = 0;
    },
  };
}
