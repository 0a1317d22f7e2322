// Why this current and what happens next, in sentences with the numbers of the moment.

import { amps, charger, duration, kwh, language, moment, said, sentence, t } from "./core.js";

export const phases = (status) => status.phases.used.length || status.phases.in_force;

const highest = (da) => Math.max(...da);
const sum = (da) => da[0] + da[1] + da[2];
const per = (da, limit) => t("L{0}: {1} of {2} A", da.indexOf(highest(da)) + 1, amps(highest(da)), limit / 10);

// What holds the current down, by the code of the limit.
export const LIMITS = {
  40: (s) => t("This is all it may give: MAX is {0} A", s.max_da / 10),
  41: (s) => t("The cable carries no more than {0} A", amps(s.grant_da)),
  42: (s) => t("Limited by mains {0}", per(s.mains.da, s.mains.limit_da)),
  43: (s) => (s.circuit.age_ms < 0 ? t("Limited by the circuit, {0} A for all its chargers", s.circuit.limit_da / 10) : t("Limited by the circuit {0}", per(s.circuit.da, s.circuit.limit_da))),
  44: () => t("The mains meter is silent. Until it is heard again only what is certainly safe is given"),
  45: (s) => t("Set by hand to {0} A", amps(s.override_da)),
  46: (s) => t("The charger is warm, {0} °C, and gives less", s.temp_c),
  47: () => t("It begins low and rises when the car takes it"),
  48: (s) => (s.limit.code === 48 || !LIMITS[s.limit.code] ? t("There is not enough current") : `${t("There is not enough current")}. ${LIMITS[s.limit.code](s)}`),
  49: () => t("The car takes more than it may, so it is offered less"),
  50: () => t("The grid operator has taken power back"),
  51: (s) => (s.capacity.mode === "Flanders" ? t("Limited by the quarter hour: {0} are left for {1}", kwh(Math.max(0, s.capacity.budget_wh - s.capacity.used_wh)), duration(s.capacity.left_s))
    : t("Limited by the capacity tariff: {0} of {1} A in all", amps(sum(s.mains.da)), amps(s.capacity.limit_da ?? 0))),
  52: () => t("It follows the sun"),
  53: () => t("The home battery shall not run empty into the car"),
  54: () => t("The meter of the circuit is silent. Until it is heard again only what is certainly safe is given"),
  55: () => t("The car takes no more; the rest is lent to the others"),
  56: () => t("It starts at a random moment"),
  57: () => t("The master is silent"),
  58: () => t("This is its share of the group"),
};

// Why nothing flows, by the code of the reason: a word for it, a sentence, and what one can do.
const REASONS = {
  1: () => [t("Ready"), t("No car is connected")],
  2: () => [t("Off"), t("Switched off"), t("Choose a mode to charge.")],
  3: () => [t("Paused"), t("Paused"), t("Choose a mode to go on.")],
  4: () => [t("Stopped"), t("Stopped by a fault"), t("What to do stands above.")],
  5: () => [t("Waiting"), t("Waits for current")],
  7: () => [t("Connected"), t("The car does not ask for current"), t("It may be full, or wait for a time of its own.")],
  8: () => [t("Stopped"), t("No diode seen in the car"), t("Try without adapters.")],
  9: () => [t("Connected"), t("The car has stopped"), t("It may be full, or wait for a time of its own.")],
  11: () => [t("Waiting"), t("A short pause after a stop")],
  12: () => [t("Waiting"), t("The power was away")],
  13: () => [t("Stopped"), t("The signal between charger and car is not right"), t("Check plug, cable and car.")],
  14: () => [t("Stopped"), t("The car did not stop in time, so the charger has")],
  17: () => [t("Connected"), t("The car sleeps and is being woken")],
  18: (s) => [t("Waiting"), s.phases.wish === 1 && s.contactors.contact_2 === "Auto" ? t("Switches to one phase") : t("Switches phases")],
  19: () => [t("Waiting"), t("Waits for the plug to lock"), t("Push it right in.")],
  23: () => [t("Stopped"), t("Stopped to be safe: current leaks to earth")],
  24: () => [t("Stopped"), t("Stopped to be safe: the charger was too slow")],
  27: () => [t("Waiting"), t("Waits for the start time")],
  28: () => [t("Waiting"), t("Waits for the time of day"), t("Set it below.")],
  32: () => [t("Stopped"), t("The car takes more than it may")],
  33: () => [t("Waiting"), t("Waits for a card"), t("Hold it to the reader.")],
  34: (s) => [t("Waiting"), s.solar.needs_da === null ? t("Waits for sun") : t("Waits for sun: {0} of {1} A surplus", amps(s.solar.free_da), amps(s.solar.needs_da))],
  35: () => [t("Waiting"), t("Waits for its turn: another car charges first")],
  36: () => [t("Waiting"), t("Waits for the master")],
};
const SAME = { 20: 9, 21: 13, 22: 13 }; // to a driver
const QUIET = [1, 2, 16, 27]; // nobody asks since when

// The moment at which the charger had been up for `seconds`, as a time of day.
function timeAt(seconds) {
  const ms = charger.booted + 1000 * seconds;
  const day = Date.now() - ms > 72e6 ? { weekday: "short" } : {};
  return moment(ms / 1000, { ...day, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

function parts(status) {
  const { code, text } = status.reason;
  if (status.state.id === 10) return [t("Stopping"), t("The car is asked to stop")];
  if (status.charging) return [t("Charging"), LIMITS[status.limit.code]?.(status) ?? said(status.limit.text)];
  return REASONS[SAME[code] ?? code]?.(status) ?? [t("Waiting"), LIMITS[code]?.(status) ?? said(text)];
}

// [one word, why in sentences]
export function why(status) {
  const [word, text, advice] = parts(status);
  const { code, since_s: since } = status.reason;
  const asked = text && !status.charging && !QUIET.includes(code) && charger.booted;
  return [word, [sentence(asked ? t("{0}, since {1}", text.replace(/\.$/, ""), timeAt(since)) : text), advice].filter(Boolean).join(" ")];
}

// "starts today 23:00 daily" in the language.
export function plan(text) {
  const [, what, day, clock, daily] = /^(starts|stops) (\S+ )?(\d\d:\d\d)( daily)?$/.exec(text) ?? [];
  if (!what) return said(text);
  const date = day?.trim();
  const named = date && /\d/.test(date) ? new Date(`${date}T00:00`).toLocaleDateString(language, { weekday: "short", day: "numeric", month: "short" }) : date && t(date);
  const when = named ? `${named} ${clock}` : clock;
  if (what === "starts") return daily ? t("Starts {0}, daily", when) : t("Starts {0}", when);
  return daily ? t("Stops {0}, daily", when) : t("Stops {0}", when);
}

const span = (seconds) => (seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : duration(60 * Math.round(seconds / 60)).replace(/ 0 s$/, ""));

// What happens next, in sentences; "" when nothing is known to happen by itself.
export function next(status) {
  const { reason, solar, capacity, timer, charging } = status;
  const found = [];
  if (charging && solar.left_s) found.push(t("Stops in {0} unless there is more sun.", span(solar.left_s)));
  if (charging && capacity.stops_s) found.push(t("Stops in {0} unless the house takes less.", span(capacity.stops_s)));
  const left = (charger.booted - Date.now()) / 1000 + reason.until_s;
  if (!charging && reason.until_s && left > 0) found.push(t("This ends in {0}.", span(left)));
  if (!charging && reason.code === 34 && solar.free_da > solar.needs_da) found.push(t("Starts when it stays so for a minute or more."));
  if (timer.text) found.push(sentence(plan(timer.text)));
  return found.join(" ");
}
