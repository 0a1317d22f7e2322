"use strict";

const byId = (id) => document.getElementById(id);
const amps = (value) => value.toFixed(1) + " A";
const held = new Set(); // controls in somebody's hand are not overwritten
let chosen = 0; // the charger the page is about

function show(state) {
  const alive = byId("alive");
  const by = state.chargers[state.evse].driven_by;
  alive.textContent = by ? by + " runs" : "the charger has no power";
  alive.className = by ? "good" : "bad";

  showChargers(state);
  showCar(state);
  showCharger(state);

  const site = state.site;
  for (const [id, values] of [["load", site.load_a], ["sun", site.sun_a],
    ["battery", site.battery_a], ["circuit", site.circuit_load_a]]) {
    set(id, values[0]);
    byId(id + "-out").textContent = amps(values[0]);
  }
  check("recorded", state.day.recorded);
  set("speed", state.day.speed);
  byId("clock").textContent =
    new Date(state.day.second * 1000).toISOString().slice(11, 16);
  rows([["House", site.load_a], ["Sun", site.sun_a.map((value) => -value)],
    ["Battery", site.battery_a], ["Car", site.ev_a], ["Circuit", site.circuit_a],
    ["Mains", site.mains_a]]);
  meter("meter", "mains meter", state.meter);
  meter("ev-meter", "EV meter", state.ev_meter);
  meter("circuit-meter", "circuit meter", state.circuit_meter);
  showMishaps(state);
}

function showChargers(state) {
  byId("several").hidden = state.chargers.length < 2;
  if (byId("cards").children.length !== state.chargers.length) {
    byId("cards").replaceChildren(...state.chargers.map(({number}) => {
      const card = document.createElement("button");
      card.type = "button";
      card.append(number ? "Node " + number : "Master", ...["small", "small"].map(
        (name) => document.createElement(name)));
      card.addEventListener("click", () => { chosen = number; refresh(); });
      return card;
    }));
  }
  state.chargers.forEach((row, number) => {
    const card = byId("cards").children[number];
    card.setAttribute("aria-pressed", number === state.evse);
    const [first, second] = card.querySelectorAll("small");
    first.textContent = row.state + ", contactor " + (row.c1 ? "closed" : "open");
    second.textContent = !row.driven_by ? "no power" : !row.linked ? "cut off the bus" :
      amps(row.draw_a) + " of " + amps(row.offers_a);
    second.className = row.driven_by && row.linked ? "" : "hurt";
  });
  byId("replace").disabled = state.evse === 0;
  check("link", state.chargers[state.evse].linked);
  const {bus, site: {record}} = state;
  const worst = (name) => {
    const limit = record[name];
    if (!limit || limit.worst_a === null) return "";
    const over = limit.worst_a > 0;
    return name + " " + amps(Math.abs(limit.worst_a)) + (over ? " above" : " below") + " its " +
      amps(limit.limit_a) + (over ? " (" + limit.longest_s + " s)" : "");
  };
  byId("judge").textContent = "Bus " + Math.round(bus.load * 100) + " % busy, " +
    bus.collisions + " bytes collided, mains answers at most " + bus.longest_gap_s +
    " s apart. At worst: " + ["mains", "circuit"].map(worst).filter(Boolean).join(", ") + ".";
}

function meter(id, name, shown) {
  byId(id + "-name").textContent = name + " on the bus" +
    (shown.kind ? " (" + shown.kind + ", " + shown.address + ")" : "");
  check(id, shown.on);
}

function showCar(state) {
  const car = state.car;
  fill("model", state.models, car.model);
  fill("cable", state.cables, state.board.cable);
  fill("wake", ["any offer", ...state.wakes], car.wake || "any offer");
  byId("plug").textContent = car.plugged ? "Unplug at the socket" : "Plug in";
  byId("plug").dataset.plugged = car.plugged;
  byId("pull").disabled = !car.plugged;
  byId("car-state").textContent =
    car.state + (car.full ? ", full" : "") + (car.asleep ? ", asleep" : "");
  byId("car-draw").textContent = amps(car.draw_a) + " on " +
    (car.drawing_on.length ? "L" + car.drawing_on.join(", L") : "no phase") +
    " of its L" + car.phases.join(", L");
  byId("car-taken").textContent = (car.taken_wh / 1000).toFixed(2) + " kWh";
  check("asleep", car.asleep);
  set("over", car.over_da / 10);
  check("ignores-offer", car.ignores_offer);
  check("ignores-stop", car.ignores_stop);
  check("no-diode", !car.diode);
}

function showCharger(state) {
  const {pilot, contactors, lock} = state;
  byId("pilot").textContent = (pilot.connected ? "connected, " : "open, ") +
    pilot.percent.toFixed(1) + " %, " + (pilot.high_mv / 1000).toFixed(1) + " V / " +
    (pilot.low_mv / 1000).toFixed(1) + " V";
  byId("offers").textContent = pilot.offers_a ? amps(pilot.offers_a) : "nothing";
  contactor("c1", contactors.c1, contactors.closed_1, contactors.closings);
  contactor("c2", contactors.c2, contactors.closed_2, contactors.c2_closings);
  if (!contactors.second) {
    byId("c2").textContent = "not fitted, told " + (contactors.c2 ? "closed" : "open");
    byId("c2").className = "";
  }
  times("under-load", contactors.opened_under_load);
  times("c2-load", contactors.c2_under_load);
  times("no-neutral", contactors.without_neutral);
  byId("lock-state").textContent = lock.kind === "none" ? "none" :
    (lock.locked ? "locked" : "open") + " (" + lock.pulses + " pulses)";
  byId("led").style.background = "rgb(" + state.led.join(",") + ")";
  showDisplay(state.lcd);
  check("second", contactors.second);
  fill("lock", state.locks, lock.kind);
  check("rcm-fitted", state.board.rcm_fitted);
}

// The display's memory: 8 pages of 128 columns, a byte each, its lowest bit on top.
function showDisplay(lcd) {
  const place = byId("lcd");
  place.style.opacity = 0.5 + lcd.backlight / 510;
  if (place.dataset.pages === lcd.pages) return;
  place.dataset.pages = lcd.pages;
  const bytes = atob(lcd.pages);
  const context = place.getContext("2d");
  const image = context.createImageData(128, 64);
  for (let at = 0; at < 128 * 64; at++) {
    const row = at >> 7;
    const dark = bytes.charCodeAt((row >> 3) * 128 + (at & 127)) >> (row & 7) & 1;
    image.data.set(dark ? [10, 20, 30, 255] : [190, 215, 235, 255], 4 * at);
  }
  context.putImageData(image, 0, 0);
}

function contactor(id, commanded, closed, closings) {
  const place = byId(id);
  const word = (on) => (on ? "closed" : "open");
  const follows = commanded === closed;
  place.textContent = (follows ? word(closed) : "told " + word(commanded) + ", is " +
    word(closed)) + " (" + closings + " closings)";
  place.className = follows ? "" : "hurt";
}

function times(id, number) {
  byId(id).textContent = number + " times";
  byId(id).className = number ? "hurt" : "";
}

function showWifi({access_point: ap, state, portal}) {
  check("ap", ap.on);
  set("ap-ssid", ap.ssid);
  set("ap-password", ap.password);
  set("ap-join", ap.join_s);
  byId("wifi-state").textContent = state;
  byId("wifi-portal").hidden = !portal;
  if (!portal) return;
  byId("portal-ssid").textContent = portal.ssid;
  byId("portal-password").textContent = portal.password;
  byId("portal-url").href = portal.url || "#";
}

function showMishaps(state) {
  showWifi(state.chargers[state.evse].wifi);
  const {board, contactors, pilot} = state;
  fill("fault-1", state.contactor_faults, contactors.faults[0]);
  fill("fault-2", state.contactor_faults, contactors.faults[1]);
  check("jammed", state.lock.jammed);
  check("rcm", board.rcm);
  check("short", pilot.short);
  set("forced", pilot.forced_mv ?? "");
  set("floating", pilot.floating_mv);
  set("reject", board.reject_pct);
  set("temp", board.temp_c);
  byId("temp-out").textContent = board.temp_c + " °C";
  const card = byId("card");
  card.setAttribute("aria-pressed", board.card !== null);
  card.textContent = board.card ? "take away" : "hold to the reader";
}

function fill(id, names, chosen) {
  const list = byId(id);
  if (list.length !== names.length) {
    list.replaceChildren(...names.map((name) => new Option(name, name)));
  }
  set(id, chosen);
}

function set(id, value) {
  if (!held.has(id)) byId(id).value = value;
}

function check(id, on) {
  if (!held.has(id)) byId(id).checked = on;
}

function rows(table) {
  byId("phases").replaceChildren(...table.map(([name, values]) => {
    const row = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = name;
    row.append(head, ...values.map((value) => {
      const cell = document.createElement("td");
      cell.textContent = amps(value);
      return cell;
    }));
    return row;
  }));
}

async function command(name, more) {
  const answer = await fetch("/command", {
    method: "POST",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify({name, evse: chosen, ...more}),
  });
  const document_ = await answer.json();
  byId("error").hidden = answer.ok;
  byId("error").textContent = answer.ok ? "" : document_.error;
  if (answer.ok) show(document_);
}

async function refresh() {
  try {
    show(await (await fetch("/state?evse=" + chosen)).json());
  } catch {
    byId("alive").textContent = "the twin has ended";
    byId("alive").className = "bad";
  }
}

async function poll() {
  await refresh();
  setTimeout(poll, 500);
}

function slider(id, send) {
  const input = byId(id);
  input.addEventListener("input", () => { held.add(id); send(Number(input.value)); });
  input.addEventListener("change", () => held.delete(id));
}

function hold(button, send) {
  const change = (on) => {
    if (on === (button.getAttribute("aria-pressed") === "true")) return;
    button.setAttribute("aria-pressed", on);
    send(on);
  };
  const keys = [" ", "Enter"];
  button.addEventListener("pointerdown", () => change(true));
  for (const name of ["pointerup", "pointerleave", "blur"]) {
    button.addEventListener(name, () => change(false));
  }
  button.addEventListener("keydown", (event) => keys.includes(event.key) && change(true));
  button.addEventListener("keyup", (event) => keys.includes(event.key) && change(false));
}

function toggle(id, send) {
  byId(id).addEventListener("change", (event) => send(event.target.checked));
}

function choose(id, send) {
  byId(id).addEventListener("change", (event) => send(event.target.value));
}

function type(id, send) {
  const input = byId(id);
  input.addEventListener("focus", () => held.add(id));
  input.addEventListener("blur", () => held.delete(id));
  input.addEventListener("change", () => send(input.value));
}

function enter(id, send) {
  type(id, (value) => send(Number(value)));
}

const quirk = (key, value) => command("quirk", {key, value});

for (const name of ["kill", "reboot", "replace"]) {
  byId(name).addEventListener("click", () => command(name));
}
toggle("link", (on) => command("link", {on}));
toggle("ap", (on) => command("access_point", {on}));
type("ap-ssid", (ssid) => command("access_point", {ssid}));
type("ap-password", (password) => command("access_point", {password}));
enter("ap-join", (join_s) => command("access_point", {join_s}));

byId("plug").addEventListener("click", (event) =>
  command(event.target.dataset.plugged === "true" ? "unplug" : "plug"));
byId("pull").addEventListener("click", () => command("unplug", {at: "car"}));
choose("model", (model) => command("car", {model}));
choose("cable", (size) => command("cable", {size}));
choose("wake", (value) => quirk("wake", value === "any offer" ? null : value));
toggle("asleep", (on) => quirk("asleep", on));
enter("over", (value) => quirk("over_da", Math.round(value * 10)));
toggle("ignores-offer", (on) => quirk("ignores_offer", on));
toggle("ignores-stop", (on) => quirk("ignores_stop", on));
toggle("no-diode", (on) => command("diode", {on: !on}));

toggle("second", (second) => command("wiring", {second}));
choose("lock", (kind) => command("lock", {kind}));
toggle("rcm-fitted", (fitted) => command("rcm_sensor", {fitted}));

slider("load", (value) => command("load", {amps: value}));
slider("sun", (value) => command("sun", {amps: value}));
slider("battery", (value) => command("battery", {amps: value}));
slider("circuit", (value) => command("circuit", {amps: value}));
toggle("recorded", (on) => command("recorded", {on}));
choose("hour", (hour) => command("recorded", {on: true, hour: Number(hour)}));
choose("speed", (factor) => command("speed", {factor: Number(factor)}));
toggle("meter", (on) => command("meter", {on}));
toggle("ev-meter", (on) => command("ev_meter", {on}));
toggle("circuit-meter", (on) => command("circuit_meter", {on}));

for (const button of document.querySelectorAll("[data-button]")) {
  hold(button, (on) => command("button", {which: button.dataset.button, pressed: on}));
}
hold(byId("switch"), (on) => command("switch", {pressed: on}));
byId("card").addEventListener("click", (event) => {
  const there = event.target.getAttribute("aria-pressed") === "true";
  command("card", {uid: there ? null : byId("uid").value});
});

for (const which of [1, 2]) choose("fault-" + which, (fault) => command("contactor", {which, fault}));
toggle("jammed", (jammed) => command("lock", {jammed}));
toggle("rcm", (on) => command("rcm", {on}));
toggle("short", (on) => command("short", {on}));
choose("forced", (mv) => command("pilot", {high_mv: mv === "" ? null : Number(mv)}));
choose("floating", (mv) => command("floating", {mv: Number(mv)}));
enter("reject", (value) => command("adc", {reject_pct: value}));
slider("temp", (value) => command("temperature", {celsius: value}));
poll();
