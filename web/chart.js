// A chart of one day as svg. A unit of it is a pixel of the screen, so its words are as large as the page's.

import { language, svg } from "./core.js";

const LEFT = 34; // for the numbers
const TOP = 8;
const BOTTOM = 122;
const HEIGHT = 140;
const NARROW = 500;
const HOUR_S = 3600;

// 1, 2 or 5 times a power of ten, so that about three lines fit into `range`.
function nice(range) {
  const power = 10 ** Math.floor(Math.log10(range / 3));
  return [1, 2, 5, 10].find((times) => times * power >= range / 3) * power;
}

// Steps through the values of the rows, as the path of a line or of the area down to 0; where a
// row or its value is missing there is a gap.
function steps({ name, area }, rows, step, x, y) {
  let d = "";
  let next = 0; // when the row after this one begins
  const end = () => {
    if (next && area) d += `V${y(0)}Z`;
    next = 0;
  };
  for (const row of rows) {
    const value = row[name];
    if (row.t !== next || value === null) end();
    if (value === null) continue;
    if (!next) d += `M${x(row.t)},${y(area ? 0 : value)}`;
    next = row.t + step;
    d += `V${y(value)}H${x(next)}`;
  }
  end();
  return svg("path", { class: name, d });
}

// Draws `lines` [{name, area}] of `rows` into `place`, for the day {begin, end, hour(s), band}.
// `unit` is what the numbers at the side are counted in, [low, high] what must be seen at least.
export function chart(place, { begin, end, hour, band }, { lines, unit, low, high, summary }, rows, step) {
  const width = Math.max(place.clientWidth, 200);
  const x = (s) => Math.round(LEFT + ((width - LEFT) * (s - begin)) / (end - begin));
  const y = (value) => Math.round(TOP + ((BOTTOM - TOP) * (high - value)) / (high - low));
  const parts = band ? [svg("path", { class: "band", d: `M${x(band[0])},${TOP}V${BOTTOM}H${x(band[1]) + 2}V${TOP}Z` })] : [];
  const rule = (d, place_x, place_y, words) => parts.push(svg("path", { class: "grid", d }), svg("text", { x: place_x, y: place_y }, words));
  const apart = nice(high - low);
  for (let value = Math.ceil(low / apart) * apart; value <= high; value += apart) {
    rule(`M${LEFT},${y(value)}H${width}`, 0, y(value) + 4, (value / unit || 0).toLocaleString(language));
  }
  for (let s = begin; s < end; s += (width < NARROW ? 6 : 3) * HOUR_S) rule(`M${x(s)},${TOP}V${BOTTOM}`, x(s), HEIGHT - 4, hour(s));
  for (const line of lines) parts.push(steps(line, rows, step, x, y));
  place.replaceChildren(svg("svg", { class: "plot", role: "img", "aria-label": summary, viewBox: `0 0 ${width} ${HEIGHT}` }, parts));
}

// How a line looks, for the words beside it.
export function sample({ name, area }) {
  return svg("svg", { class: "plot", viewBox: "0 0 24 14", "aria-hidden": "true" }, svg("path", { class: name, d: area ? "M0,0H24V14H0Z" : "M0,7H24" }));
}

// The Unix second that `clientX` points at.
export function timeAt(place, clientX, { begin, end }) {
  const { left, width } = place.getBoundingClientRect();
  return begin + ((clientX - left - LEFT) / (width - LEFT)) * (end - begin);
}
