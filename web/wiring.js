// The view of the wiring: wiring.txt in the language, as words and pictures. It says how it is written.

import { ask, el, language, refuse, svg, t, table } from "./core.js";

// An element of a picture.
const SHAPES = {
  w: ([kind, ...points]) => [svg("polyline", { class: kind, points: points.join(" ") })],
  d: ([x, y]) => [svg("circle", { cx: x, cy: y, r: 4 })],
  t: ([x, y, ...words]) => [svg("text", { x, y }, words.join(" "))],
  b: ([x, y, width, height, ...words]) => [svg("rect", { x, y, width, height, rx: 4 }), ...SHAPES.t([+x + width / 2, +y + height / 2 + 4, ...words])],
};

function part(text) {
  const [title, ...lines] = text.trim().split("\n");
  const found = el("section", { class: "card" }, el("h2", {}, title));
  const rows = [];
  let picture = null;
  for (const line of lines) {
    const kind = line[0];
    const rest = line.slice(2);
    if (kind === "-") found.append(el("p", { class: "told" }, rest));
    else if (kind === "|") rows.push(rest.split(" | "));
    else if (kind === "@") found.append(picture = svg("svg", { class: "wiring", role: "img", "aria-label": title, viewBox: `0 0 ${rest}` }));
    else picture.append(...SHAPES[kind](rest.split(" ")));
  }
  if (rows.length) found.append(table(rows[0], rows.slice(1)));
  return found;
}

export async function open(place) {
  const answer = await ask(`/wiring-${language}.txt`);
  if (answer?.ok) place.append(...answer.document.slice(2).split("\n= ").map(part));
  else refuse(t("This part of the page did not come. Try again."));
}
