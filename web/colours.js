// The colours of the light.

import { command, el, row, t } from "./core.js";

const NAMES = { off: "Off", normal: "Normal", smart: "Smart", solar: "Solar", custom: "Own use" };

export function open(place) {
  const inputs = Object.entries(NAMES).map(([name, title]) => {
    const input = el("input", { type: "color", id: `colour-${name}`, onchange() {
      command("colour", [name, ...[1, 3, 5].map((at) => parseInt(input.value.slice(at, at + 2), 16))], input);
    } });
    return [title, input];
  });
  place.append(el("section", { class: "card" }, el("h2", {}, t("Colours of the light")), inputs.map(([title, input]) => row(t(title), input)), el("p", { class: "soft" }, t("They hold until the charger starts again."))));
  return { show(status) {
    inputs.forEach(([, input], place) => {
      if (document.activeElement !== input) input.value = status.colours[place];
    });
  } };
}
