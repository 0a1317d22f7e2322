// The settings: an index of their groups with a search, and a form for each group.

import * as capacity from "./capacity.js";
import * as colours from "./colours.js";
import { el, setList, t, worded } from "./core.js";
import { draft, form, label, named, renew, settings, value, withUnit } from "./form.js";
import * as share from "./share.js";

// Each setting has its place here once: the group's name, its settings, and what adds to the form.
export const GROUPS = {
  charging: [t("Charging"), "mode max min config random_start_s power_return_s"],
  mains: [t("Fuses"), "mains normal_mains circuit relay_w"],
  meters: [t("Meters"), "mains_met mains_adr mains_host grid sb2_wifi circt_met circt_adr circt_host ev_meter ev_adr ev_host ev_meter_role em_byte_order em_data_type em_function em_i_register em_i_divisor em_p_register em_p_divisor em_e_register em_e_divisor em_u_register em_u_divisor"],
  solar: [t("Sun and home battery"), "start stop import solar_style battery_reserve battery_protect"],
  capacity: [t("Limit for the whole house"), "cap_mode capacity cap_stop", capacity],
  phases: [t("Contactors and phases"), "contact_2 c2_return c2_pause_s phase_rotation"],
  share: [t("Several chargers"), "pwr_share share_order rotation_min", share],
  access: [t("Access, lock and light"), "rfid switch lock cable_lock led_mode", colours],
  network: [t("Network, time and passwords"), "wifi wifi_ssid wifi_password static_ip tz ntp_host mqtt_host mqtt_port mqtt_user mqtt_password mqtt_prefix ha_discovery trust_lan drive_locked lcd_pin lcd_lock"],
  interfaces: [t("For other programs"), "api_units modbus_tcp telnet"],
  display: [t("Display"), "language backlight_max"],
  board: [t("Safety and equipment"), "max_temp rcmon modem required_evccid"],
};
const ELSEWHERE = ["meters", "network"]; // groups that are views of these names
const LEAST = 2; // letters to search for
const keysOf = (group) => GROUPS[group][1].split(" ");
const addressOf = (group) => (ELSEWHERE.includes(group) ? `#${group}` : `#settings/${group}`);
// The address at which the setting can be changed.
export const linkTo = (key) => `${addressOf(Object.keys(GROUPS).find((name) => keysOf(name).includes(key)))}/${key}`;

export async function open(place, rest) {
  const [group, key] = rest.split("/");
  const spec = await settings();
  return group in GROUPS ? openGroup(place, group, key) : openIndex(place, spec);
}

// What is shown of a setting in a list.
function shownValue(key, one) {
  if (!("value" in one)) return t(one.set ? "is set" : "is not set");
  return one.kind === "enum" ? named(value(key)) : withUnit(value(key), one);
}

function openIndex(place, spec) {
  const found = el("ul", { class: "tiles" });
  const groups = el("ul", { class: "tiles" }, Object.keys(GROUPS).map((group) => el("li", {}, el("a", { href: addressOf(group) }, GROUPS[group][0], draft(keysOf(group)).length ? el("small", {}, ` ${t("not stored")}`) : null))));
  const count = el("p", { class: "soft", role: "status" });
  const search = el("input", { type: "search", id: "search", autocomplete: "off", oninput() {
    const wanted = search.value.trim().toLowerCase();
    const looking = wanted.length >= LEAST;
    const keys = looking ? Object.keys(spec).filter((key) => `${label(key)} ${key} ${spec[key].label} ${worded(`help ${key}`)}`.toLowerCase().includes(wanted)) : [];
    // Who is called so comes before whose help only mentions it.
    const first = (key) => !`${label(key)} ${key} ${spec[key].label}`.toLowerCase().includes(wanted);
    keys.sort((a, b) => first(a) - first(b));
    groups.hidden = looking;
    count.textContent = looking && !keys.length ? t("Nothing is called so.") : "";
    setList(found, keys, () => keys.map((key) => el("li", {}, el("a", { href: linkTo(key) }, label(key), el("small", {}, ` ${shownValue(key, spec[key])}`)))));
  } });
  place.append(el("section", { class: "card broad" }, el("h2", {}, t("Settings")), el("p", { class: "row" }, el("label", { htmlFor: "search" }, t("Find a setting")), search), count, found, groups));
  return {};
}

function openGroup(place, group, key) {
  const [title, , module] = GROUPS[group];
  const one = form(keysOf(group));
  place.append(el("section", { class: "card" }, el("h2", {}, title), one.element, el("p", { class: "links" }, el("a", { href: "#settings" }, t("All settings")))));
  const more = module?.open(place);
  if (keysOf(group).includes(key)) setTimeout(() => one.show(key)); // after the heading had the focus
  return { show: shower(more?.show), close: () => {
    one.close();
    more?.close?.();
  } };
}

// Who may change what is asked again whenever somebody has logged in or out.
export function shower(show) {
  let level = null;
  return (status) => {
    if (level !== null && level !== status.level) renew();
    level = status.level;
    show?.(status);
  };
}
