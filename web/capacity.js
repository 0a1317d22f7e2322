// The limit for the whole house: what it is now, and its times of day.

import { amps, command, duration, el, kw, kwh, lively, setFacts, setList, t } from "./core.js";
import { draft, forms, keep, value } from "./form.js";

const KEY = "intervals"; // not a setting, but kept as one until it is stored
const FIRST = 1439; // a new line: the last minute, so that it is not there yet
const two = (number) => String(number).padStart(2, "0");
const clock = (minute) => `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;

export function open(place) {
  const facts = el("dl");
  const rows = el("ul");
  const add = el("button", { type: "button", onclick: () => change([...now(), [FIRST, 0]], true) }, t("Add a time"));
  const store = el("button", { type: "button", class: "main", onclick: send }, t("Store the times"));
  const undo = el("button", { type: "button", onclick: () => keep(KEY) }, t("Undo"));
  const note = el("p", { class: "soft" });
  const times = el("section", { class: "card", id: "intervals" }, el("h2", {}, t("Times of day")), note, rows, el("p", { class: "links" }, add, store, undo));
  let known = [];

  place.append(el("section", { class: "card" }, el("h2", {}, t("The limit now")), facts), times);
  note.textContent = t("Each line holds from its time until the next one's, the last through the night until the first. 0 W: nothing may be bought.");
  const now = () => (draft([KEY]).length ? value(KEY) : known);

  function change(next, last) {
    keep(KEY, JSON.stringify(next) === JSON.stringify(known) ? undefined : next);
    if (last) rows.lastElementChild.querySelector("input").focus();
  }

  function line([minute, watts], place) {
    const put = (part, one) => change(now().map((row, at) => (at === place ? row.map((old, i) => (i === part ? one : old)) : row)));
    const time = el("input", { type: "time", value: clock(minute), "aria-label": t("From"), oninput() {
      const [hour, rest] = time.value.split(":");
      if (rest) put(0, hour * 60 + Number(rest));
    } });
    const most = el("input", { type: "number", value: watts, min: 0, max: 32000, step: 100, inputMode: "numeric", "aria-label": t("At most, W"), oninput: () => put(1, most.value === "" ? null : Number(most.value)) });
    return el("li", { class: "row" }, time, most, "W", el("button", { type: "button", "aria-label": t("Remove {0}", clock(minute)), onclick() {
      change(now().filter((_, at) => at !== place));
      add.focus();
    } }, "×"));
  }

  function update() {
    const edited = draft([KEY]).length > 0;
    times.hidden = value("cap_mode") !== "Interval" && !known.length && !edited;
    // Who types in a line keeps it: only their number makes new ones.
    if (!rows.contains(document.activeElement) || rows.children.length !== now().length) {
      setList(rows, now(), () => now().map(line));
    }
    store.disabled = undo.hidden = !edited;
  }

  async function send() {
    const wanted = value(KEY);
    const sorted = [...wanted].sort((a, b) => a[0] - b[0]);
    if (await command(KEY, sorted, rows)) {
      known = sorted;
      if (value(KEY) === wanted) keep(KEY);
    }
  }

  function show({ capacity }) {
    known = capacity.intervals;
    update();
    const { limit_da: limit, mode } = capacity;
    const quarter = mode === "Flanders";
    const all = [[t("Limit, sum of the phases"), limit === null ? t("none") : t("{0} A", amps(limit))]];
    if (quarter) {
      all.push([t("Used in this quarter of an hour"), t("{0} of {1}", kwh(capacity.used_wh), kwh(capacity.budget_wh))]);
      all.push([t("It ends in"), duration(capacity.left_s)]);
    }
    if (quarter || capacity.peak_w) all.push([t("Peak of the month"), kw(capacity.peak_w)]);
    setFacts(facts, all);
  }

  const own = { update };
  forms.add(own);
  const calm = lively();
  return { show, close() {
    forms.delete(own);
    calm();
  } };
}
