// The view of the RFID cards: who may charge, and what the reader does.

import { charger, command, el, refuse, row, save, setText, t, tell, view, worded } from "./core.js";

const PART_BYTES = 3000; // of a list in one request; the charger takes 4096
const AGAIN_MS = 10000; // when the list did not come
const WRITING = ["Learn", "Delete"]; // what the reader does to the list by itself
const LINE = /^([0-9a-f]{12}|[0-9a-f]{14})(,[^,;"]{0,20})?$/i;
// Lines of a file in requests that are short enough, each of them done as a whole or not at all.
function parts(lines) {
  const all = [""];
  for (const line of lines) {
    if (new TextEncoder().encode(all.at(-1) + line).length > PART_BYTES) all.push("");
    all[all.length - 1] += `${line}\n`;
  }
  return all.filter(Boolean);
}

export async function open(place) {
  const reader = el("p");
  const last = el("p", { role: "status" });
  const busy = el("p", { hidden: true }, t("While the car charges, cards cannot be changed."));
  const login = el("button", { type: "button", onclick: async () => (await view("login"))?.login() }, t("Log in to see the cards"));
  const items = el("ul", { class: "cards" });
  const heading = el("h3", { tabIndex: -1 });
  const number = el("input", { name: "card", required: true, autocomplete: "off", spellcheck: false, pattern: "\\s*([0-9A-Fa-f]{12}|[0-9A-Fa-f]{14})\\s*", title: t("12 or 14 digits and letters A to F") });
  const name = el("input", { name: "name", maxLength: 20, autocomplete: "off" });
  const file = el("input", { type: "file", accept: ".csv,.txt,text/csv", onchange: () => file.files.length && add(file.files[0]) });
  const hint = el("p", {}, t("Hold it before the reader: the number of a card that is not known yet is filled in. Or type the number."));
  const form = el("form", { onsubmit: submit }, el("h3", {}, t("Add a card")),
    hint, last,
    row(t("Number"), number), row(t("Name"), name), el("p", { class: "links" }, el("button", { class: "main" }, t("Add"))));
  const known = el("div", { hidden: true }, form, heading, items,
    el("h3", {}, t("Lists")), row(t("Add the cards of a file (CSV)"), file),
    el("p", { class: "links" }, el("button", { type: "button", onclick: (event) => save("/api/v1/cards.csv", event.target) }, t("Save all (CSV)")),
      el("button", { type: "button", onclick: clear }, t("Remove all"))));
  place.append(el("section", { class: "card broad" }, el("h2", {}, t("Cards")), reader, el("p", { class: "links" }, el("a", { href: "#settings/access/rfid" }, t("Change what the reader does"))), busy, login, known));
  let cards = null; // {number: name}
  let asked = false;
  let seen = ""; // the last card
  let offered = "";

  async function list() {
    const answer = await tell("/api/v1/cards", undefined, { method: "GET", place: heading });
    if (!answer) {
      setTimeout(() => {
        asked = false;
      }, AGAIN_MS);
      return;
    }
    cards = Object.fromEntries(answer.cards.map((one) => [one.card, one.name]));
    setText(heading, t("Cards: {0}", answer.cards.length));
    items.replaceChildren(...answer.cards.map(item));
    show(charger.status);
  }

  function item({ card, name: called }) {
    const field = el("input", { value: called, maxLength: 20, "aria-label": t("Name of card {0}", card), onchange: async () => {
      if (await command("cards", ["add", card, field.value], field)) cards[card] = field.value;
    } });
    const remove = el("button", { type: "button", "aria-label": t("Remove {0}", called || card), onclick: async () => {
      if (await command("cards", ["remove", card], remove)) listAgain();
    } }, t("Remove"));
    return el("li", { class: "row" }, el("span", {}, card), field, remove);
  }

  async function listAgain() {
    await list();
    heading.focus();
  }

  async function submit(event) {
    event.preventDefault();
    if (!await command("cards", ["add", number.value.trim().toUpperCase(), name.value], form, { card: number })) return;
    form.reset();
    listAgain();
  }

  async function clear(event) {
    if (confirm(t("Remove all cards?")) && await command("cards", ["clear"], event.target)) listAgain();
  }

  async function add(one) {
    const lines = (await one.text()).split(/\r?\n/).map((line) => line.replace("\ufeff", "").trim());
    file.value = ""; // so that the same one, mended, is a change
    const wrong = lines.findIndex((line) => line && line[0] !== "#" && !LINE.test(line));
    refuse(wrong < 0 ? "" : t("Line {0} is no card: a number of 12 or 14 digits is wanted, then perhaps a comma and a name.", wrong + 1), file);
    if (wrong >= 0) return;
    for (const part of parts(lines.filter(Boolean))) {
      if (!await tell("/api/v1/cards?add", part, { type: "text/csv", place: file })) break;
    }
    list();
  }

  function show(status) {
    const { mode, last: card } = status.reader;
    setText(reader, `${worded("label rfid")}: ${worded(`value ${mode}`) || t(mode)}. ${mode === "Disabled" ? t("Until it is switched on, cards have no effect.") : ""}`);
    hint.hidden = mode === "Disabled";
    busy.hidden = !status.charging;
    login.hidden = status.level === "install";
    known.hidden = !login.hidden;
    if (known.hidden) return;
    if (!asked || (card !== seen && WRITING.includes(mode))) {
      seen = card;
      asked = true;
      list();
      return;
    }
    seen = card;
    const stranger = cards && card && !(card in cards);
    setText(last, card ? t(stranger ? "Last card: {0}, not in the list" : "Last card: {0}", cards?.[card] || card) : "");
    if (stranger && card !== offered && !number.value) number.value = offered = card;
  }

  return { show };
}
