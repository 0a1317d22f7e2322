// The owner's key: updates signed with it are taken as well.

import { ask, charger, el, row, t, tell, view } from "./core.js";

// A part of the view of updates; `changed` is called when there is another key, or none any more.
export function ownKey(changed) {
  const text = el("textarea", { rows: 3, spellcheck: false });
  const remove = el("button", { type: "button", onclick: () => have("DELETE") }, t("Remove"));
  const element = el("details", { class: "card" }, el("summary", {}, t("Own key")),
    el("p", {}, t("Whoever builds updates signs them with a key. Updates signed with the one stored here are taken as well.")), row(t("Modulus of the public key, in hex"), text),
    el("p", { class: "links" }, el("button", { type: "button", onclick: () => have("PUT", { key: text.value.replace(/^Modulus=|\s/g, "") }) }, t("Store")), remove));

  // Who is only trusted is not asked for the password by itself, but a key takes it.
  async function way(path, options) {
    const answer = await ask(path, options);
    return answer?.status === 403 && charger.status.trust_lan && await (await view("login"))?.login() ? ask(path, options) : answer;
  }

  async function have(method, body) {
    if (!await tell("/api/v1/update/key", body, { method, place: text, way })) return;
    text.value = "";
    changed();
  }

  return {
    element,
    show({ own_key: there }) {
      remove.hidden = !there;
    },
  };
}
