// The view of the history: a day's power, current and quarter hours, and why the current was as it was.

import { chart, sample, timeAt } from "./chart.js";
import { amps, ask, charger, el, kw, kwh, said, setList, setText, t, table, zone } from "./core.js";

const MINUTE_S = 60;
const QUARTER_S = 900;
const DAY_S = 86400;
const MINUTES_KEPT_S = 2 * DAY_S;
const PART_S = DAY_S / 4; // of minutes in one request
const AGAIN_MS = 20000;
const CLOSED = 1; // flag of a row: contactor 1

// The charts: what they are called, and of each line the member of a row and its words.
const POWER = { title: t("Power in kW"), unit: 1000, least: 1000, words: kw, lines: [
  { name: "car_w", area: true, words: t("car") }, { name: "sun_w", area: true, words: t("of it sun") },
  { name: "net_w", words: t("mains, fed in below zero") }] };
const CURRENT = { title: t("Current of each phase in A"), unit: 10, least: 60, words: (da) => `${amps(da)} A`, lines: [
  { name: "phase_da", words: t("fullest phase of the mains") }, { name: "grant_da", words: t("the car may take") }] };
const QUARTERS = { title: t("Bought in each quarter of an hour, in kW"), unit: 1000, least: 1000, words: kw, lines: [
  { name: "import_w", area: true, words: t("bought") }, { name: "budget_w", words: t("what it may be") }] };

export function open(place, rest) {
  const title = el("h2", {}, t("History"));
  const note = el("p", { class: "soft" }, t("Asking the charger"));
  const head = el("section", { class: "card broad" }, title, note);
  place.append(head);
  let shown = null; // the day in sight and today; empty while the charger knows of none
  let end = null;
  return {
    // The day that the address names, or today: that one gives way to the next at midnight.
    show({ clock }) {
      const today = clock.local.slice(0, 10);
      const date = today && (Number.isNaN(Date.parse(rest)) ? today : rest.slice(0, 10));
      if (date + today === shown || (shown && !today)) return;
      shown = date + today;
      end?.();
      head.replaceChildren(title, note);
      place.replaceChildren(head);
      end = begin(place, head, note, clock.s, date, today);
    },
    close() {
      end?.();
    },
  };
}

// ---- Days ------------------------------------------------------------------------------------

const dateOf = (s) => new Date(s * 1000).toISOString().slice(0, 10);
const later = (date, days) => dateOf(Date.parse(date) / 1000 + days * DAY_S);

function chooser(date, today) {
  const link = (days, words) => el("a", { class: "button", href: `#history/${later(date, days)}` }, words);
  const choose = el("input", { type: "date", value: date, max: today, "aria-label": t("Day"), onchange: () => {
    if (choose.value) location.hash = `history/${choose.value}`;
  } });
  return el("p", { class: "links" }, link(-1, t("Day before")), choose, date < today && link(1, t("Next day")));
}

// Shows the day `date`; returns what ends that. `now` is in Unix seconds.
function begin(place, head, note, now, date, today) {
  if (!date) {
    setText(note, t("The charger does not know the time of day, so it keeps no history."));
    return () => {};
  }
  const from = (day) => Date.parse(day) / 1000 - zone(Date.parse(day) / 1000);
  const day = {
    begin: from(date), end: from(later(date, 1)), rows: [], words: {}, band: null,
    hour: (s) => new Date((s + zone(s)) * 1000).toISOString().slice(11, 16),
  };
  day.step = day.begin > now - MINUTES_KEPT_S ? MINUTE_S : QUARTER_S;
  note.before(chooser(date, today));
  return follow(day, note, drawn(place, head, day));
}

// ---- Its rows --------------------------------------------------------------------------------

function take(day, { columns, rows, words }) {
  for (const values of rows) {
    const row = Object.fromEntries(columns.map((name, at) => [name, values[at]]));
    row.net_w = row.import_w === null ? null : row.import_w - row.export_w;
    while (day.rows.length && day.rows.at(-1).t >= row.t) day.rows.pop(); // it has grown
    day.rows.push(row);
  }
  Object.assign(day.words, words);
}

// Asks for the rows part by part, and for today's again and again; returns what ends that.
function follow(day, note, draw) {
  let timer = 0;
  let ended = false;
  async function more() {
    let from = day.rows.at(-1)?.t ?? day.begin;
    let words = "";
    while (from < Math.min(day.end, charger.status.clock.s + MINUTE_S)) {
      const to = day.step === MINUTE_S ? Math.min(day.end, from + PART_S) : day.end;
      const answer = await ask(`/api/v1/history?step=${day.step}&from=${from}&to=${to}`);
      if (ended) return;
      if (!answer?.ok) {
        words = t("The history did not come. Trying again.");
        break;
      }
      take(day, answer.document);
      from = answer.document.next ?? to;
      draw();
    }
    setText(note, words || (day.rows.length ? "" : t("Nothing was recorded on this day.")));
    if (words || charger.status.clock.s < day.end) timer = setTimeout(more, AGAIN_MS);
  }
  more();
  addEventListener("resize", draw);
  return () => {
    ended = true;
    clearTimeout(timer);
    removeEventListener("resize", draw);
  };
}

const wh = (rows, name) => rows.reduce((sum, row) => sum + ((row[name] ?? 0) * row.minutes) / 60, 0);
const most = (rows, name) => rows.reduce((found, row) => Math.max(found, row[name] ?? 0), 0);
const least = (rows, name) => rows.reduce((found, row) => Math.min(found, row[name] ?? 0), 0);

// The same for each quarter of an hour: means of the power, the last of all else.
function quarters({ rows, step }) {
  if (step === QUARTER_S) return rows;
  const found = new Map();
  for (const row of rows) {
    const at = row.t - (row.t % QUARTER_S);
    if (!found.has(at)) found.set(at, []);
    found.get(at).push(row);
  }
  return [...found].map(([at, members]) => {
    const quarter = { ...members.at(-1), t: at, minutes: members.length };
    for (const name of ["import_w", "export_w", "car_w", "sun_w", "net_w"]) {
      const known = members.filter((row) => row[name] !== null);
      quarter[name] = known.length ? (wh(known, name) * 60) / known.length : null;
    }
    return quarter;
  });
}

// What lasted: [{from, to, row, low, high, changes: [[row, amps before]]}], parted where the reason,
// the limit or the contactor changed, or nothing was recorded.
function stretches({ rows, step }) {
  const all = [];
  let before = null;
  for (const row of rows) {
    const joined = before && row.t === before.t + step;
    const limit = row.grant_da ? row.limit : 0;
    const key = `${row.reason} ${limit} ${row.flags & CLOSED}`;
    if (!joined || all.at(-1).key !== key) {
      all.push({ key, limit, from: row.t, row, low: row.grant_da, high: row.grant_da, changes: [[row, joined ? before.grant_da : null]] });
    } else if (row.grant_da !== before.grant_da) {
      all.at(-1).changes.push([row, before.grant_da]);
    }
    const one = all.at(-1);
    one.to = row.t + step;
    one.low = Math.min(one.low, row.grant_da);
    one.high = Math.max(one.high, row.grant_da);
    before = row;
  }
  return all;
}

// ---- What is seen ----------------------------------------------------------------------------

// Makes the elements; returns what draws them anew.
function drawn(place, head, day) {
  const energies = el("dl");
  const cells = el("div");
  const asTable = el("details", { ontoggle: draw }, el("summary", {}, t("As a table")), cells);
  const list = el("div");
  const stretch = stretchList(day, list, (from, to) => {
    day.band = [from, to];
    draw();
  });
  const charts = [POWER, CURRENT, QUARTERS].map((one) => [one, el("div", { class: "chart", onclick: ({ currentTarget, clientX }) => stretch.openAt(timeAt(currentTarget, clientX, day)) })]);
  head.append(energies);
  place.append(
    el("section", { class: "card broad" }, charts.map(([{ title, lines }, box]) => [
      el("h3", {}, title), box, el("p", { class: "keys" }, lines.map((line) => el("span", {}, sample(line), line.words)))]).flat(), asTable),
    el("section", { class: "card broad" }, el("h2", {}, t("What happened")), list));

  function draw() {
    const parts = quarters(day);
    const facts = [[t("Car"), "car_w"], [t("of it sun"), "sun_w"], [t("Bought"), "import_w"], [t("Fed in"), "export_w"]].map(([words, name]) => [words, kwh(wh(day.rows, name))]);
    setList(energies, facts, () => facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
    for (const [one, box] of charts) {
      const [rows, step] = one === QUARTERS ? [parts, QUARTER_S] : [day.rows, day.step];
      const summary = one.lines.map(({ name, words }) => t("{0}: up to {1}", words, one.words(most(rows, name))));
      chart(box, day, {
        ...one, summary: `${one.title}. ${summary.join(", ")}.`,
        low: Math.min(...one.lines.map(({ name }) => least(rows, name))), high: Math.max(one.least, ...one.lines.map(({ name }) => most(rows, name))),
      }, rows, step);
    }
    stretch.show(stretches(day));
    if (asTable.open) setList(cells, parts, () => [tableOf(day, parts)]);
  }
  return draw;
}

// Why it was so, in words, and how much.
const why = (day, { reason }, limit, low, high) => [
  said(day.words[reason]), high && `${[...new Set([amps(low), amps(high)])].join(" \u2013 ")} A`, limit && t("limited by {0}", said(day.words[limit]))].filter(Boolean).join(", ");
const watts = (w) => (w === null ? "\u2013" : kw(w));

const tableOf = (day, parts) => table([t("Time"), t("Mains"), t("Car"), t("of it sun"), t("Current"), t("Why")], parts.map((row) => [
  day.hour(row.t), watts(row.net_w), watts(row.car_w), watts(row.sun_w), `${amps(row.grant_da)} A`, said(day.words[row.reason])]));

// The list of stretches in `place`, newest first: each opens to the changes of current within it.
// `mark(from, to)` makes a time stand out in the charts.
function stretchList(day, place, mark) {
  const items = new Map(); // element of each, by when it began

  function change([row, before]) {
    const current = [before, row.grant_da].filter((da) => da !== null).map(amps).join(" \u2192 ");
    const phase = row.phase_da === null ? "" : `, ${t("fullest phase of the mains")} ${amps(row.phase_da)} A`;
    return el("details", { ontoggle: () => mark(row.t, row.t + day.step) }, el("summary", {}, `${day.hour(row.t)} ${current} A`),
      el("p", {}, `${t("Why")}: ${why(day, row, row.grant_da && row.limit)}. ${t("Mains")}: ${watts(row.net_w)}${phase}. ${t("Car")}: ${watts(row.car_w)}.`));
  }

  // Only what is new: what somebody has open or is at stays as it is.
  function fill(item) {
    if (!item.open) return;
    for (const one of item.one.changes.slice(item.children.length - 1)) item.append(change(one));
  }

  function make(one) {
    const item = el("details", { class: "stretch", ontoggle: (event) => {
      if (event.target !== item || !item.open) return;
      fill(item);
      mark(item.one.from, item.one.to);
    } }, el("summary"));
    items.set(one.from, item);
    place.prepend(item);
    return item;
  }

  return {
    show(all) {
      for (const [from, item] of items) {
        if (all.some((one) => one.from === from)) continue;
        item.remove();
        items.delete(from);
      }
      for (const one of all) {
        const item = items.get(one.from) ?? make(one);
        item.one = one;
        item.classList.toggle("closed", Boolean(one.row.flags & CLOSED));
        setText(item.firstChild, `${day.hour(one.from)} \u2013 ${day.hour(one.to)} ${why(day, one.row, one.limit, one.low, one.high)}`);
        fill(item);
      }
    },
    openAt(s) {
      const item = [...items.values()].find(({ one }) => one.from <= s && s < one.to);
      if (!item) return;
      item.open = true;
      item.firstChild.focus();
    },
  };
}
