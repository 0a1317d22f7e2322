// Chargers that share one connection: what each does, and who comes first, by dragging or by buttons.

import { amps, charger, command, el, said, sentence, setText, t } from "./core.js";
import { value } from "./form.js";

const OWN_ORDER = "Node order";

export function open(place) {
  const rows = new Map(); // number of a charger: its line
  const list = el("ol", { class: "share" });
  const note = el("p", { class: "soft" });
  const moved = el("p", { class: "unseen", role: "status" });
  let dragged = null;
  let told = ""; // the order that the charger has
  place.append(el("section", { class: "card" }, el("h2", {}, t("The chargers")), note, list, moved));

  const name = (number) => (number ? t("Node {0}", number) : t("This charger"));
  const numbers = () => [...list.children].map((line) => Number(line.dataset.number));

  async function send(line) {
    setText(moved, t("{0} is now number {1}", name(Number(line.dataset.number)), numbers().indexOf(Number(line.dataset.number)) + 1));
    told = numbers().join();
    if (await command("order", numbers(), list)) return;
    told = "";
    show(charger.status);
  }

  // Moves the other line: the one that was moved itself would lose the focus and the pointer.
  function pass(line, up) {
    const other = up ? line.previousElementSibling : line.nextElementSibling;
    if (other && up) line.after(other);
    else if (other) line.before(other);
    return other;
  }

  function drag(event) {
    const line = event.currentTarget.closest("li");
    if (event.type === "pointerdown" && event.button === 0) {
      dragged = line;
      event.currentTarget.setPointerCapture(event.pointerId);
      line.classList.add("dragged");
    } else if (event.type === "pointermove" && dragged === line) {
      const middle = (one) => one.getBoundingClientRect().top + one.offsetHeight / 2;
      const [before, after] = [line.previousElementSibling, line.nextElementSibling];
      if (before && event.clientY < middle(before)) pass(line, true);
      else if (after && event.clientY > middle(after)) pass(line, false);
    } else if (event.type !== "pointermove" && dragged === line) {
      dragged = null;
      line.classList.remove("dragged");
      if (numbers().join() !== told) send(line);
    }
  }

  function make(number) {
    const what = el("small");
    const line = el("li", { class: "row" }, el("span", {
      class: "grip", "aria-hidden": "true", onpointerdown: drag, onpointermove: drag, onpointerup: drag, onlostpointercapture: drag,
    }, "⠿"), el("span", {}, el("strong", {}, name(number)), el("br"), what));
    line.dataset.number = number;
    for (const [text, sign, up] of [["{0} goes up", "↑", true], ["{0} goes down", "↓", false]]) {
      line.append(el("button", { type: "button", "aria-label": t(text, name(number)), onclick: () => pass(line, up) && send(line) }, sign));
    }
    rows.set(number, { line, what });
    return line;
  }

  function show(status) {
    const master = status.share === "Master";
    list.hidden = !master;
    if (!master) {
      setText(note, status.share === "Disabled"
        ? t("Up to 8 chargers can share one connection. Join their terminals A, B and GND. The one with the mains meter becomes Master, the others Node 1, 2 and so on.")
        : t("The Master decides who gets how much. Its page shows all chargers and their order."));
      return;
    }
    setText(note, value("share_order") === OWN_ORDER
      ? t("When there is not enough for all, who is higher up comes first. Drag, or use the arrows.")
      : t("Their order counts when “Who comes first” is “Own order”."));
    const known = status.evses.map((one) => one.number);
    for (const one of status.evses) {
      if (!rows.has(one.number)) list.append(make(one.number));
      const amount = one.grant_da ? `${t("{0} A", amps(one.grant_da))}. ` : "";
      const text = one.lost ? t("does not answer") : said(one.reason) || t("no car asks");
      setText(rows.get(one.number).what, amount + sentence(text));
    }
    const order = [...status.order.filter((number) => known.includes(number)), ...known.filter((number) => !status.order.includes(number))];
    if (dragged || order.join() === told) return;
    told = order.join();
    for (const number of order) list.append(rows.get(number).line);
  }

  return { show };
}
