// "Why so slow?": all limits on the current, the one that wins, and what one can do about each.

import { amps, ask, el, refuse, said, sentence, t } from "./core.js";
import { LIMITS } from "./why.js";

// By the code of the limit: where it is set, and what one can do.
const HELP = {
  40: ["charging/max", t("Raise it only as far as wires and circuit breaker allow.")],
  41: ["charging/config", t("A thicker cable carries more.")],
  42: ["mains/mains", t("Switch off other loads, or charge when they are off.")],
  43: ["mains/circuit"],
  45: ["", t("Press “Clear” at the slider.")],
  46: ["board/max_temp", t("Give it shade and air.")],
  51: ["capacity", t("More would be dearer.")],
  52: ["solar", t("NORMAL and SMART charge faster.")],
  53: ["solar/battery_protect"],
  56: ["charging/random_start_s"],
};

// Show them in `place` (a details element); `status` is that of the moment.
export async function limits(place, status) {
  const answer = await ask("/api/v1/limits");
  if (!place.isConnected) return;
  if (!answer?.ok) {
    refuse(t("The charger did not answer. Try again."), place);
    return;
  }
  refuse("", place);
  const { group, evses: [own] } = answer.document;
  const winner = status.limit.code;
  const all = [...group.map((one) => ({ ...one, wins: one.code === winner })), ...own.limits];
  // What is decided from moment to moment has no ceiling of its own.
  if (!all.some((one) => one.code === winner)) all.push({ code: winner, text: status.limit.text, da: own.grant_da, wins: true });
  const lines = all.sort((a, b) => b.wins - a.wins || a.da - b.da).map((one) => {
    const [link, help] = HELP[one.code] ?? [];
    const now = { 42: status.mains.da, 43: status.circuit.age_ms < 0 ? null : status.circuit.da }[one.code];
    const value = now ? t("{0} of {1} A", amps(Math.max(...now)), one.da / 10) : t("{0} A", one.da / 10);
    const sum = one.of === "sum" ? ` ${t("(sum of the phases)")}` : "";
    return el("li", { class: one.wins ? "wins" : "" }, el("strong", {}, said(one.text)), ` ${value}${sum} `, one.wins ? el("em", {}, t("This one decides.")) : "",
      el("small", {}, ` ${help ?? (one.wins ? sentence(LIMITS[one.code]?.(status)) : "")} `), link ? el("a", { href: `#settings/${link}` }, t("Change it")) : "");
  });
  const list = place.querySelector("ul") ?? place.appendChild(el("ul", { id: "limits" }));
  if (!list.contains(document.activeElement)) list.replaceChildren(...lines);
}
