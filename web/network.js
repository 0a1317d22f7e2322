// The network: WiFi, the time, the MQTT broker, and who may do what from there.

import { ask, byId, charger, command, el, lively, refresh, refuse, row, said, sentence, setList, setText, sleep, t, tell, view } from "./core.js";
import { form, renew, settings, value } from "./form.js";
import { bare, offer, ruleOf } from "./zone.js";

const LOOK_MS = 1000;
const FORMS = {
  wifi: ["wifi", "static_ip"],
  time: ["ntp_host"],
  mqtt: ["mqtt_host", "mqtt_port", "mqtt_user", "mqtt_password", "mqtt_prefix", "ha_discovery"],
  people: ["trust_lan", "drive_locked", "lcd_pin", "lcd_lock"],
};
const AIR = {
  off: "WiFi is off.",
  joining: "Joining {0}.",
  joined: "Joined with {0}.",
  "wrong password": "{0} does not accept the password.",
  "not found": "There is no network {0} within reach.",
  failed: "{0} did not let the charger in, or gave it no address.",
};

export async function open(place, key) {
  await settings();
  const parts = [wifi(), time(), broker(), people()];
  place.append(...parts.map((part) => part.element));
  const [calm, where] = [lively(), Object.keys(FORMS).findIndex((name) => FORMS[name].includes(key))];
  // After the heading had the focus.
  if (key) setTimeout(() => (where < 0 ? byId(`set-${key}`)?.focus() : parts[where].form.show(key)));
  let level = null;
  return {
    show(status) {
      if (level && level !== status.level) renew(); // others may be changed now
      level = status.level;
      for (const part of parts) part.show?.(status);
    },
    close() {
      calm();
      for (const part of parts) part.form.close();
    },
  };
}

const card = (title, ...content) => el("section", { class: "card" }, el("h2", {}, title), content);

// ---- WiFi ----------------------------------------------------------------------------------

function wifi() {
  const state = el("p", { role: "status" });
  const detail = el("p", { class: "soft" });
  const found = el("ul", { class: "tiles" });
  const looking = el("span", { role: "status" });
  const scan = el("button", { type: "button", onclick: look }, t("Look for networks"));
  const ssid = el("input", { id: "set-wifi_ssid", maxLength: 32, required: true, autocomplete: "off", autocapitalize: "none", spellcheck: false });
  const password = el("input", { id: "set-wifi_password", type: "password", minLength: 8, maxLength: 64, autocomplete: "off" });
  const send = el("button", { class: "main" }, t("Join"));
  const one = form(FORMS.wifi);
  const element = card(t("WiFi"), state, detail, el("h3", {}, t("Join another network")),
    el("p", { class: "row" }, looking, scan), found,
    el("form", { onsubmit: join }, row(t("Name of the network"), ssid), row(t("Its password"), password, t("empty if it has none")),
      el("p", { class: "soft" }, t("The charger then has another address, so this page may not come back. If it cannot join, only SetupWifi in the menu of its display helps.")),
      el("p", { class: "links" }, send)),
    el("h3", {}, t("How it is joined")), one.element);

  async function look() {
    if (!await tell("/api/v1/wifi/scan", undefined, { place: scan })) return;
    setText(looking, t("Looking"));
    for (;;) {
      await sleep(LOOK_MS);
      if (!element.isConnected) return;
      const answer = await ask("/api/v1/wifi");
      if (!answer?.ok || answer.document.scanning) continue;
      const networks = answer.document.networks ?? [];
      setText(looking, networks.length ? t("Choose one:") : t("None was found."));
      setList(found, networks, () => networks.map((network) => el("li", {}, el("button", { type: "button", onclick() {
        ssid.value = network.ssid;
        password.value = "";
        (network.secured ? password : send).focus();
      } }, network.ssid, el("small", {}, ` ${network.rssi} dBm${network.secured ? "" : `, ${t("no password")}`}`)))));
      return;
    }
  }

  async function join(event) {
    event.preventDefault();
    const body = { ssid: ssid.value, password: password.value };
    if (await tell("/api/v1/wifi", body, { place: send, fields: { ssid, password } })) password.value = "";
  }

  function show({ network, serial }) {
    setText(state, t(AIR[network.state], network.ssid));
    const facts = network.state === "joined" && [
      network.ip && t("Address {0}", network.ip), `smartevse-${serial}.local`, network.rssi && t("signal {0} dBm", network.rssi)];
    setText(detail, facts ? facts.filter(Boolean).join(" · ") : "");
  }

  return { element, show, form: one };
}

// ---- The time ------------------------------------------------------------------------------

function time() {
  const clock = el("p", {});
  const server = el("p", { class: "soft" });
  const set = el("button", { type: "button", onclick: () => command("clock", Math.floor(Date.now() / 1000), set) }, t("Set it from this device"));
  const zone = el("select", { id: "set-tz", onchange: () => store.toggleAttribute("disabled", !zone.value) });
  const store = el("button", { type: "button", onclick: keep }, t("Store"));
  const one = form(FORMS.time);

  // The charger has a rule and no name: it may be that of this browser's zone.
  function choices() {
    const now = value("tz");
    zone.replaceChildren(new Option(t("as it is: {0}", now), ""));
    offer(zone);
    if (!zone.value || bare(ruleOf(zone.value)) !== bare(now)) zone.value = "";
    store.disabled = true;
  }

  async function keep() {
    if (!await tell("/api/v1/settings", { tz: ruleOf(zone.value) }, { method: "PATCH", place: zone })) return;
    await renew();
    choices();
  }

  function show({ clock: { s, local }, ntp }) {
    setText(clock, s ? t("In the charger it is {0}.", local.replace("T", " ")) : t("The charger does not know the time. Timers and tariffs wait for it."));
    set.hidden = s > 0;
    setText(server, ntp.problem ? sentence(said(ntp.problem)) : "");
  }

  choices();
  return { element: card(t("Time"), clock, el("p", { class: "links" }, set), row(t("Time zone"), zone), el("p", { class: "links" }, store), one.element, server), show, form: one };
}

// ---- MQTT ----------------------------------------------------------------------------------

function linkWords({ host, state, problem }) {
  if (!host) return t("No broker is set: MQTT is off.");
  if (state === "waiting") return t("Not connected: {0}. The charger goes on trying.", said(problem));
  if (state === "connected") return problem ? sentence(said(problem)) : t("Connected with {0}.", host);
  return t("Connecting with {0}.", host);
}

// The broker's settings, and what comes of them when they are tried.
export function broker() {
  const result = el("p", { role: "status", id: "mqtt-state" });
  let trying = false; // what is known of the link is older than the settings
  const one = form(FORMS.mqtt, { word: t("Store and test"), done });

  async function done() {
    trying = true;
    refuse("", result);
    if (value("mqtt_host")) await tell("/api/v1/mqtt", undefined, { place: result });
    await refresh();
    trying = false;
    show(charger.status);
  }

  function show({ mqtt }) {
    if (!trying) setText(result, linkWords(mqtt));
  }

  return { element: card("MQTT", el("p", { class: "soft" }, t("A broker passes on what the charger says and is told, for instance by Home Assistant.")), one.element, result), show, form: one };
}

// ---- Who may do what -----------------------------------------------------------------------

function people() {
  const one = form(FORMS.people);
  const old = el("input", { type: "password", autocomplete: "current-password", required: true });
  const fresh = el("input", { type: "password", autocomplete: "new-password", minLength: 8, maxLength: 63, required: true });
  return { form: one, element: card(t("Who may do what"),
    el("p", {}, t("Everybody in your network may look and drive: choose mode, current and timer. All else needs the password.")),
    one.element, el("h3", {}, t("Another password for the settings")), passwords(old, fresh)) };
}

// A form to change the password; `done` is told the new one when it is changed.
export function passwords(old, fresh, done) {
  const note = el("span", { role: "status" });
  const send = el("button", { class: "main" }, t("Change the password"));
  return el("form", { async onsubmit(event) {
    event.preventDefault();
    setText(note, "");
    [old, fresh].forEach((input) => refuse("", input));
    send.disabled = true;
    const { problem, field } = await (await view("login")).prove("/api/v1/password", { old: old.value, password: fresh.value });
    send.disabled = false;
    refuse(problem, field === "password" ? fresh : old);
    if (problem) return;
    setText(note, t("Changed. All others are logged out."));
    done?.(fresh.value);
    old.value = fresh.value = "";
  } }, row(t("The one of now"), old), el("p", { class: "soft" }, t("At first it is the one on the charger's display: hold the middle button, choose WIFI, then SetupWifi.")), row(t("The new one"), fresh, t("8 characters or more")),
  el("p", { class: "links" }, send, note));
}
