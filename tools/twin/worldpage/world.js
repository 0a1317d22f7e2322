"use strict";

const byId = (id) => document.getElementById(id);
const amps = (value) => value.toFixed(1) + " A";
const held = new Set(); // controls in somebody's hand are not overwritten

function show(state) {
  const alive = byId("alive");
  alive.textContent = state.firmware ? "firmware runs" : "the firmware has ended";
  alive.className = state.firmware ? "good" : "bad";

  fill("model", state.models, state.car.model);
  fill("cable", state.cables, state.board.cable);
  byId("plug").textContent = state.car.plugged ? "Unplug" : "Plug in";
  byId("plug").dataset.plugged = state.car.plugged;
  byId("car-state").textContent = state.car.state + (state.car.full ? ", full" : "");
  byId("car-draw").textContent =
    amps(state.car.draw_a) + " on L" + state.car.phases.join(", L");
  byId("car-taken").textContent = (state.car.taken_wh / 1000).toFixed(2) + " kWh";

  const pilot = state.pilot;
  byId("pilot").textContent = (pilot.connected ? "connected, " : "open, ") +
    pilot.percent.toFixed(1) + " %, " + (pilot.high_mv / 1000).toFixed(1) + " V / " +
    (pilot.low_mv / 1000).toFixed(1) + " V";
  byId("offers").textContent = pilot.offers_a ? amps(pilot.offers_a) : "nothing";
  byId("contactors").textContent = "C1 " + (state.contactors.c1 ? "closed" : "open") +
    ", C2 " + (state.contactors.c2 ? "closed" : "open") +
    " (" + state.contactors.closings + " closings)";
  byId("under-load").textContent = state.contactors.opened_under_load + " times";
  byId("led").style.background = "rgb(" + state.led.join(",") + ")";

  const site = state.site;
  set("load", site.load_a[0]);
  set("sun", site.sun_a[0]);
  byId("load-out").textContent = amps(site.load_a[0]);
  byId("sun-out").textContent = amps(site.sun_a[0]);
  check("recorded", state.day.recorded);
  set("speed", state.day.speed);
  byId("clock").textContent =
    new Date(state.day.second * 1000).toISOString().slice(11, 16);
  rows([["House", site.load_a], ["Sun", site.sun_a.map((value) => -value)],
    ["Battery", site.battery_a], ["Car", site.ev_a], ["Mains", site.mains_a]]);
  check("meter", state.meter.on);

  check("rcm", state.board.rcm);
  check("no-diode", !state.car.diode);
  check("short", state.pilot.short);
  set("temp", state.board.temp_c);
  byId("temp-out").textContent = state.board.temp_c + " °C";
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
    body: JSON.stringify({name, ...more}),
  });
  const document_ = await answer.json();
  byId("error").hidden = answer.ok;
  byId("error").textContent = answer.ok ? "" : document_.error;
  if (answer.ok) show(document_);
}

async function poll() {
  try {
    show(await (await fetch("/state")).json());
  } catch {
    byId("alive").textContent = "the twin has ended";
    byId("alive").className = "bad";
  }
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

byId("plug").addEventListener("click", (event) =>
  command(event.target.dataset.plugged === "true" ? "unplug" : "plug"));
byId("model").addEventListener("change", (event) => command("car", {model: event.target.value}));
byId("cable").addEventListener("change", (event) => command("cable", {size: event.target.value}));
slider("load", (value) => command("load", {amps: value}));
slider("sun", (value) => command("sun", {amps: value}));
slider("temp", (value) => command("temperature", {celsius: value}));
byId("recorded").addEventListener("change", (event) =>
  command("recorded", {on: event.target.checked}));
byId("hour").addEventListener("change", (event) =>
  command("recorded", {on: true, hour: Number(event.target.value)}));
byId("speed").addEventListener("change", (event) =>
  command("speed", {factor: Number(event.target.value)}));
byId("meter").addEventListener("change", (event) => command("meter", {on: event.target.checked}));
byId("rcm").addEventListener("change", (event) => command("rcm", {on: event.target.checked}));
byId("short").addEventListener("change", (event) => command("short", {on: event.target.checked}));
byId("no-diode").addEventListener("change", (event) =>
  command("diode", {on: !event.target.checked}));
for (const button of document.querySelectorAll("[data-button]")) {
  hold(button, (on) => command("button", {which: button.dataset.button, pressed: on}));
}
hold(byId("switch"), (on) => command("switch", {pressed: on}));
poll();
