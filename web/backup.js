// Keep all settings and put them back; what became of another firmware's; restart and erase.

import { ask, command, el, refuse, row, said, save, setText, t, table, tell, view } from "./core.js";
import { label, named, renew, settings } from "./form.js";

let spec = null;
const shown = (key, value) => (spec[key]?.kind === "enum" ? named(value) : typeof value === "string" ? value || "-" : JSON.stringify(value));

export async function open(place) {
  spec = await settings();
  const [taken, reset] = [el("section", { class: "card broad", hidden: true }), away()];
  place.append(backup(), reset.element, taken);
  await imported(taken);
  return { show: reset.show };
}

// ---- A copy of the settings ----------------------------------------------------------------

function backup() {
  const keep = el("button", { type: "button", class: "main", onclick: () => save("/api/v1/backup", keep) }, t("Keep a copy"));
  const box = el("button", { type: "button", onclick: () => save("/api/v1/blackbox", box) }, t("Download the black box"));
  const file = el("input", { type: "file", accept: ".json,application/json", onchange: read });
  const plan = el("div", { role: "status" });

  // What would be other than it is, before anything is done.
  async function read() {
    refuse("", file);
    plan.replaceChildren();
    const text = await file.files[0]?.text();
    if (!text) return;
    const answer = await ask("/api/v1/backup");
    let wanted;
    try {
      wanted = all(JSON.parse(text));
    } catch {
      refuse(t("This is no copy of a charger's settings."), file);
      return;
    }
    if (!answer?.ok) {
      refuse(t("The charger did not answer. Try again."), file);
      return;
    }
    const now = all(answer.document);
    const keys = Object.keys(wanted).filter((key) => JSON.stringify(wanted[key]) !== JSON.stringify(now[key]));
    const rows = Object.fromEntries(keys.map((key) => [key, el("span", {}, `${shown(key, now[key] ?? "")} → `, el("strong", {}, shown(key, wanted[key])))]));
    const store = el("button", { type: "button", class: "main", onclick: async () => {
      if (!await tell("/api/v1/restore", text, { place: store, fields: rows })) return;
      await renew();
      file.value = "";
      plan.replaceChildren(t("All of it is put back."));
    } }, t("Put it back"));
    plan.replaceChildren(...keys.length
      ? [el("p", {}, t("This would change:")), ...keys.map((key) => el("p", { class: "row" }, el("span", {}, label(key)), rows[key])), el("p", { class: "links" }, store)]
      : [t("It says what is set already.")]);
  }

  return el("section", { class: "card" }, el("h2", {}, t("Backup")),
    el("p", {}, t("All settings as a file, without passwords and PIN. Cards and sessions have files of their own.")),
    el("p", { class: "links" }, keep), el("h3", {}, t("Put a copy back")), row(t("The file"), file), plan,
    el("h3", {}, t("For help")), el("p", { class: "links" }, box));
}

// Settings and lists of a backup in one object; raises what is none.
function all({ settings: values, intervals, order }) {
  return { ...Object.fromEntries(Object.entries(values)), ...(intervals && { intervals }), ...(order && { order }) };
}

// ---- What was taken over from another firmware ---------------------------------------------

async function imported(place) {
  const answer = await ask("/api/v1/imported");
  if (!answer?.ok) return;
  const { cards, confirm, differs } = answer.document;
  const { linkTo } = await view("settings");
  const link = (key) => (key in spec ? el("a", { href: linkTo(key) }, label(key)) : key);
  const seen = el("button", { type: "button", class: "main", onclick: async () => {
    if (await tell("/api/v1/imported", undefined, { method: "DELETE", place: seen })) place.remove();
  } }, t("I have seen it"));
  place.append(el("h2", {}, t("What differs from your old firmware")),
    el("p", {}, t("Cards taken over: {0}.", cards)),
    confirm.length > 0 && el("p", {}, t("Look at these yourself:"), " ", confirm.flatMap((key, at) => [at ? ", " : "", link(key)])),
    differs.length > 0 && table([t("Setting"), t("Before"), t("Now"), t("Why")], differs.map((one) => [link(one.key), shown(one.key, one.old), shown(one.key, one.new), said(one.why)])),
    el("p", { class: "links" }, seen));
  place.hidden = false;
}

// ---- Begin anew ----------------------------------------------------------------------------

function away() {
  const restart = el("button", { type: "button", onclick: async () => {
    setText(note, "");
    if (await tell("/api/v1/restart", undefined, { place: restart })) setText(note, t("It restarts once nothing charges. This page comes back by itself."));
  } }, t("Restart"));
  const note = el("span", { role: "status" });
  const typed = el("input", { inputMode: "numeric", autocomplete: "off", oninput: check });
  const erase = el("button", { type: "button", disabled: true, onclick: async () => {
    if (await command("erase", "settings", erase)) setText(erased, t("Erased. Now choose SetupWifi in the menu of the display."));
  } }, t("Erase everything"));
  const erased = el("p", { role: "status" });
  let serial = null;

  function check() {
    erase.disabled = typed.value.trim() !== String(serial);
  }

  return { element: el("section", { class: "card" }, el("h2", {}, t("Begin anew")), el("p", { class: "links" }, restart, note),
    el("h3", {}, t("Erase everything")),
    el("p", {}, t("All settings, WiFi, passwords and cards go; sessions stay. Keep a copy before.")),
    row(t("The charger's number, to be sure"), typed), el("p", { class: "links" }, erase), erased),
  show(status) {
    serial = status.serial;
    check();
  } };
}
