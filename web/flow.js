// The picture of the energy: where it comes from and where it goes; and the phases against their limits.

import { amps, el, kw, setText, svg, t } from "./core.js";

const W_PER_DA = 23;
const LEAST_W = 50; // less shows no flow
// Of each: its icon and where it stands, the place of its number, the line to the house, and the arrow
// in the line's middle with its angle while power flows to the house.
const PLACES = {
  grid: { at: [16, 66], label: [32, 114], line: "M60 82H128", arrow: [96, 82, 0], d: "M16 0 4 34M16 0 28 34M8 22 26 34M24 22 6 34M2 10H30M6 18H26" },
  sun: { at: [144, 0], label: [186, 22], line: "M160 40V60", arrow: [160, 50, 90], d: "M16 10a7 7 0 1 1 0 14a7 7 0 1 1 0-14ZM16 1v4M16 29v4M0 17h4M28 17h4M5 6l3 3M24 25l3 3M5 28l3-3M24 9l3-3" },
  battery: { at: [144, 134], label: [186, 157], line: "M160 138V122", arrow: [160, 130, 270], d: "M2 9H30V27H2ZM30 14h3v8h-3M8 14v8M14 14v8M20 14v8" },
  car: { at: [272, 66], label: [288, 114], line: "M260 82H192", arrow: [226, 82, 180], d: "M2 27V19l5-2 4-8H22l6 8 4 2v8H2M8 24a4 4 0 1 0 .1 0M25 24a4 4 0 1 0 .1 0" },
  house: { at: [144, 64], label: [160, 114], d: "M2 17 16 3 30 17M6 14V33H26V14" },
};

function icon(name, [x, y], d) {
  return svg("g", { class: `icon ${name}`, transform: `translate(${x} ${y})` }, svg("path", { d }));
}

function stream(name, line) {
  return svg("g", { class: `stream ${name}` }, svg("path", { d: line }), svg("path", { d: "M-5-6 6 0-5 6Z" }));
}

// {element, show(status)}
export function picture() {
  const values = {};
  const streams = {};
  const icons = {};
  for (const [name, { at, d, label: [x, y], line }] of Object.entries(PLACES)) {
    icons[name] = icon(name, at, d);
    values[name] = svg("text", { x, y, class: x === 186 ? "beside" : "" });
    if (line) streams[name] = stream(name, line);
  }
  const drawing = svg("svg", { id: "flow", role: "img" }, Object.values(streams), Object.values(icons), Object.values(values));
  const note = el("p", { class: "soft", id: "flow-note" });
  const element = el("div", {}, drawing, note);

  function show(status) {
    const { powers, text, told } = reckon(status);
    for (const name of Object.keys(PLACES)) {
      const power = powers[name];
      icons[name].toggleAttribute("hidden", power === undefined);
      setText(values[name], power === undefined || power === null ? "" : kw(Math.abs(power)));
      const line = streams[name];
      if (!line) continue;
      line.toggleAttribute("hidden", !power || Math.abs(power) < LEAST_W);
      line.classList.toggle("back", power < 0);
      const [x, y, turn] = PLACES[name].arrow;
      line.lastChild.setAttribute("transform", `translate(${x} ${y}) rotate(${power < 0 ? turn + 180 : turn})`);
    }
    // No room for what is not there.
    const top = powers.sun === undefined ? 60 : 0;
    drawing.setAttribute("viewBox", `0 ${top} 320 ${(powers.battery === undefined ? 122 : 172) - top}`);
    if (drawing.getAttribute("aria-label") !== text) drawing.setAttribute("aria-label", text);
    setText(note, told);
    note.hidden = !told;
  }
  return { element, show };
}

// Power towards the house in W (null: there, and not known; undefined: not there), in words, and
// what has to be said of it. The sun is not measured: what the house gives away is the least of it.
export function reckon(status) {
  const { mains, battery, session, charging, ev_meter: ev, car_connected: plugged } = status;
  const car = charging ? session.w : 0;
  const powers = { car: plugged ? 0 - car : undefined, house: null };
  const say = plugged ? [charging ? t("{0} go into the car.", kw(car)) : t("No current flows into the car.")] : [];
  let told = "";
  if (mains.w === null) say.push(t("The mains are not measured."));
  if (mains.w !== null) {
    powers.grid = mains.w;
    say.unshift(mains.w < 0 ? t("{0} are fed into the grid.", kw(-mains.w)) : t("{0} come from the grid.", kw(mains.w)));
    const stored = battery.age_ms < 0 ? 0 : battery.da * W_PER_DA;
    if (battery.age_ms >= 0) {
      powers.battery = -stored;
      say.push(stored < 0 ? t("{0} come from the home battery.", kw(-stored)) : stored ? t("{0} go into the home battery.", kw(stored)) : t("The home battery rests."));
    }
    const rest = mains.w - stored - car;
    const sure = !car || ev.age_ms >= 0 || mains.w < 0; // what is missing to an estimate may be the car's
    if (rest < -LEAST_W && !sure) {
      say.push(t("The house is not measured."));
    } else if (rest < -LEAST_W) {
      powers.sun = -rest;
      say.push(t("The sun gives {0} or more.", kw(-rest)));
      told = t("The sun is not measured: what it gives the house comes on top of this.");
    } else {
      powers.house = Math.max(0, rest);
      say.push(t("The house takes {0}.", kw(powers.house)));
      if (status.mode === "Solar") told = t("The house is shown without what its own sun covers.");
    }
  }
  if (battery.expired) told = t("What was told of the home battery is too old to be used.");
  return { powers, text: say.join(" "), told };
}

// {element, show(da, limit in dA)}: three currents against one limit. `name` is what they are of.
export function bars(name) {
  const rows = [1, 2, 3].map((number) => {
    const fill = el("div", { class: "fill" });
    const meter = el("div", { class: "track", role: "meter", "aria-label": `${name} L${number}`, "aria-valuemin": 0 }, fill);
    const output = el("span", { "aria-hidden": "true" });
    return { fill, meter, output, row: el("div", { class: "phase" }, el("span", {}, `L${number}`), meter, output) };
  });
  const element = el("div", {}, rows.map(({ row }) => row));
  function show(currents, limit) {
    rows.forEach(({ fill, meter, output, row }, phase) => {
      const da = currents[phase];
      const text = da < 0 ? t("feeds {0} A", amps(-da)) : t("{0} of {1} A", amps(da), limit / 10);
      row.classList.toggle("feeds", da < 0);
      row.classList.toggle("over", da > limit);
      measure(meter, fill, Math.abs(da), limit, text);
      setText(output, text);
    });
  }
  return { element, show };
}

// Set a meter; its track reaches to 125 % of what it may be.
export function measure(meter, fill, value, most, text) {
  fill.style.width = `${Math.min(100, most ? (value / most) * 80 : 0)}%`;
  meter.setAttribute("aria-valuemax", most / 10);
  meter.setAttribute("aria-valuenow", Math.min(Math.max(value, 0), most) / 10);
  meter.setAttribute("aria-valuetext", text);
}
