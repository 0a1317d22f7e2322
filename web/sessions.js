// The view of the sessions: the last ones, and a month's sheet of what each card took.

import { amps, ask, duration, el, kwh, language, refuse, row, said, save, sentence, setText, stored, t, table } from "./core.js";

const FEW = 20; // sessions at first; "Older" asks for so many times more
const TIMES = 3;
const PATIENCE_MS = 10000; // the charger reads all of its sessions

// The charger's local time, YYYY-MM-DDTHH:MM, as the language writes it.
const dated = (local, form) => new Date(`${local}Z`).toLocaleString(language, { timeZone: "UTC", ...form });
const moment = (local, dateStyle) => (local ? dated(local, { dateStyle, timeStyle: "short" }) : t("time not known"));
const monthName = (month) => dated(`${month}-01T00:00`, { month: "long", year: "numeric" });
const monthBefore = (month) => new Date(Date.parse(month) - 1).toISOString().slice(0, 7);
const who = ({ card, name }) => name || card || t("without a card");

export function open(place, rest) {
  return /^\d{4}-\d\d$/.test(rest) ? sheet(place, rest) : list(place);
}

// The sessions `query` is about, oldest first; null without an answer, which `place` says.
async function sessions(query, place) {
  refuse("", place);
  place.setAttribute("aria-busy", "true");
  const answer = await ask(`/api/v1/sessions?${query}`, { patience: PATIENCE_MS });
  place.setAttribute("aria-busy", "false");
  if (answer?.ok) return answer.document.sessions;
  refuse(t("The charger did not answer. Try again."), place);
  return null;
}

const saveMonth = (month) => el("button", { type: "button", onclick: ({ target }) => save(`/api/v1/sessions.csv?from=${month}&to=${month}`, target, `sessions-${month}.csv`) }, t("Save {0} (CSV)", monthName(month)));

// ---- The last sessions -------------------------------------------------------------------------

function facts(one) {
  const started = said(one.started.replace("stopped ", "")); // the charger has one text for both
  return [
    [kwh(one.wh), one.wh && t("{0} % of it sun", Math.round((100 * one.solar_wh) / one.wh)), one.estimated && t("estimated"), who(one)],
    [t("charged for {0} of {1}", duration(one.charging_s), duration(one.connected_s)), one.phases && t("{0} phases", one.phases), t("up to {0} A", amps(one.peak_da))],
    [started && t("Started: {0}", started), one.stopped && t("ended: {0}", said(one.stopped)), one.woke > 0 && t("the car had to be woken"), one.interrupted && t("the power failed meanwhile")],
  ].map((line) => el("p", {}, sentence(line.filter(Boolean).join(", "))));
}

function list(place) {
  const items = el("ul", { class: "sessions" });
  const links = el("p", { class: "links" });
  const older = el("button", { type: "button", onclick: more }, t("Older"));
  place.append(el("section", { class: "card broad" }, el("h2", {}, t("Sessions")), links, items, older));
  let wanted = FEW;
  let lowest = Infinity;

  async function more() {
    older.disabled = true;
    const found = await sessions(`last=${wanted}`, older);
    older.disabled = false;
    if (!found) return;
    const fresh = found.filter((one) => one.number < lowest).reverse();
    items.append(...fresh.map((one) => el("li", {}, el("h3", {}, `${one.number}. ${moment(one.start, "medium")} \u2013 ${one.end.slice(11)}`), facts(one))));
    lowest = fresh.at(-1)?.number ?? lowest;
    if (!items.hasChildNodes()) items.append(el("li", {}, t("No session has ended yet.")));
    older.hidden = found.length < wanted;
    wanted *= TIMES;
  }

  more();
  return {
    show({ clock }) {
      if (links.hasChildNodes() || !clock.local) return;
      const last = monthBefore(clock.local.slice(0, 7));
      links.append(saveMonth(last), el("button", { type: "button", onclick: ({ target }) => save("/api/v1/sessions.csv", target) }, t("Save all (CSV)")),
        el("a", { href: `#sessions/${last}` }, t("A month on one sheet")));
    },
  };
}

// ---- The sheet of a month ----------------------------------------------------------------------

// One for each card of all sessions: {card, name, count, wh, solar_wh, estimated}.
function sums(all) {
  const found = new Map();
  for (const one of all) {
    const sum = found.get(one.card) ?? { ...one, count: 0, wh: 0, solar_wh: 0 };
    found.set(one.card, { ...sum, estimated: sum.estimated || one.estimated, count: sum.count + 1, wh: sum.wh + one.wh, solar_wh: sum.solar_wh + one.solar_wh });
  }
  return [...found.values()];
}

function sheet(place, month) {
  const charger = el("p", { class: "soft" });
  const tables = el("div");
  const choose = el("input", { type: "month", value: month, onchange: () => {
    if (choose.value) location.hash = `sessions/${choose.value}`;
  } });
  const card = el("select", { onchange: draw }, new Option(t("all"), "all"));
  const price = el("input", { type: "number", min: 0, step: "any", value: stored("price") ?? "", oninput: () => {
    stored("price", price.value);
    draw();
  } });
  place.append(el("section", { class: "card broad sheet" }, el("h2", {}, t("Charged in {0}", monthName(month))), charger,
    el("div", { class: "screen" }, row(t("Month"), choose), row(t("Card"), card), row(t("Price of a kWh"), price),
      el("p", { class: "links" }, el("button", { type: "button", class: "main", onclick: () => print() }, t("Print")), saveMonth(month), el("a", { href: "#sessions" }, t("Sessions")))),
    tables));
  let all = [];

  // Names and cells of what each line of both tables ends in.
  const names = () => [t("Energy"), t("of it sun"), price.value && t("Sum at {0}", price.value)].filter(Boolean);
  function cells({ wh, solar_wh, estimated }) {
    const sum = price.value && ((wh / 1000) * price.value).toLocaleString(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
    return [`${kwh(wh)}${estimated ? ` (${t("estimated")})` : ""}`, kwh(solar_wh), sum].filter(Boolean);
  }

  function draw() {
    const chosen = all.filter((one) => card.value === "all" || one.card === card.value);
    const total = sums(chosen.map((one) => ({ ...one, card: "all", name: t("all") })));
    tables.replaceChildren(
      table([t("Card"), t("Sessions"), ...names()], [...sums(chosen), ...total].map((sum) => [who(sum), sum.count, ...cells(sum)])),
      el("h3", {}, t("Sessions")),
      table([t("Start"), t("End"), t("Card"), ...names()], chosen.map((one) => [moment(one.start, "short"), moment(one.end, "short"), who(one), ...cells(one)])));
  }

  (async () => {
    all = await sessions(`from=${month}&to=${month}`, choose) ?? [];
    card.append(...sums(all).map((sum) => new Option(who(sum), sum.card)));
    if (all.length) draw();
    else tables.append(t("No session began in this month."));
  })();
  return { show: ({ serial }) => setText(charger, `SmartEVSE-${serial}`) };
}
