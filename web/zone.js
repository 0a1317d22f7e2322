// Time zones as the browser knows them, in the words the charger understands: a POSIX rule.

const HOUR_S = 3600;
const DAY_S = 86400;
const WEEK_S = 7 * DAY_S;
const YEARS = 8; // in so many every day of the week has been early and late in its month
const USUAL_S = 2 * HOUR_S; // of a day that changes the clock, unless the rule says another time

export const here = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

// Offer all zones in a select, the browser's own chosen.
export function offer(select) {
  const names = Intl.supportedValuesOf?.("timeZone") ?? [here()];
  select.append(...names.map((name) => new Option(name.replaceAll("_", " "), name, false, name === here())));
}

// What the times are called makes no difference.
export const bare = (rule) => rule.replace(/<.*?>|[A-Za-z]{3,}/g, "");

function time(s) {
  const minutes = Math.abs(s) / 60 % 60;
  return `${s < 0 ? "-" : ""}${Math.floor(Math.abs(s) / HOUR_S)}${minutes ? `:${minutes}` : ""}`;
}

// Offset from UTC as a name and as POSIX has it, west positive: "<UTC>-1".
const named = (offset) => `<${offset < 0 ? "-" : "+"}${time(Math.abs(offset)).replace(":", "").padStart(2, "0")}>${time(-offset)}`;

// ",M10.5.0/3" of the moments of a change of the clock, in local time, one a year; "" if they follow
// no rule. Some are counted from the day before or after.
function rule(moments) {
  for (const shift of [0, -1, 1, -2]) {
    const days = moments.map((s) => Math.floor(s / DAY_S + shift) * DAY_S);
    const month = (s) => new Date(s * 1000).getUTCMonth() + 1;
    const last = days.every((s) => month(s + WEEK_S) !== month(s));
    const found = new Set(days.map((s, at) => {
      const [date, from] = [new Date(s * 1000), moments[at] - s];
      return `,M${month(s)}.${last ? 5 : Math.ceil(date.getUTCDate() / 7)}.${date.getUTCDay()}${from === USUAL_S ? "" : `/${time(from)}`}`;
    }));
    if (found.size === 1) return [...found][0];
  }
  return "";
}

// The rule of a zone, such as "<+01>-1<DST>,M3.5.0,M10.5.0/3". Where the clock changes by no rule it
// is the time of now.
export function ruleOf(zone) {
  const clock = new Intl.DateTimeFormat("sv", { timeZone: zone, dateStyle: "short", timeStyle: "medium" });
  const offset = (s) => Date.parse(`${clock.format(s * 1000).replace(" ", "T")}Z`) / 1000 - s; // from UTC
  const now = Math.floor(Date.now() / 1000);
  const usual = offset(now);
  const found = [[], []]; // changes forward and back
  let other = usual;
  for (let at = now, before = usual; at < now + YEARS * 365 * DAY_S; at += WEEK_S) {
    let [low, high] = [at, at + WEEK_S];
    const after = offset(high);
    if (after === before) continue;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (offset(middle) === before) low = middle;
      else high = middle;
    }
    found[after > before ? 0 : 1].push(high + before);
    other = after === usual ? before : after;
    before = after;
  }
  const [start, end] = found.map((moments) => moments.length && rule(moments));
  if (!start || !end) return named(usual);
  const [winter, summer] = [usual, other].sort((a, b) => a - b);
  return named(winter) + (summer - winter === HOUR_S ? "<DST>" : named(summer)) + start + end;
}
