"use strict";

// What the current follows: sun, home battery, capacity tariff, circuit, the other chargers.
// The helpers are in app.js.

// An input shows what is set, except while somebody changes it.
function fill(id, value) {
  const element = byId(id);
  if (document.activeElement === element) return;
  if (element.type === "checkbox") element.checked = value;
  else if (element.value !== String(value)) element.value = value;
}

function batteryText(battery) {
  if (battery.expired) return "Home battery: the last value is too old to be used.";
  const what = battery.da > 0 ? "charges with" : "gives";
  const now = battery.da ? `${what} ${amps(Math.abs(battery.da))} A` : "rests";
  return battery.age_ms < 0 ? "" : `Home battery ${now}, ${ageText(battery.age_ms)}.`;
}

function showSolar(status) {
  const { solar, battery } = status;
  byId("solar").hidden = !status.modes.includes("Solar") || status.share.startsWith("Node");
  const text = batteryText(battery);
  setText("battery-text", text);
  byId("battery-text").hidden = !text;
  fill("solar-style", solar.style);
  fill("solar-start", solar.start);
  fill("solar-import", solar.import);
  fill("solar-stop", solar.stop);
  fill("battery-reserve", battery.reserve);
  fill("battery-protect", battery.protect);
}

function watts(w) {
  return `${(w / 1000).toFixed(2)} kW`;
}

function capacityLimitText(capacity) {
  const left = Math.max(0, capacity.budget_wh - capacity.used_wh);
  return capacity.mode === "Flanders" ? `capacity, ${left} Wh are left for ${durationText(capacity.left_s)}` : "capacity";
}

function capacityText(capacity) {
  if (capacity.mode === "Disabled") return "No tariff is set.";
  const limit = capacity.limit_da === null ? "no limit now" : `${amps(capacity.limit_da)} A now (sum of the phases)`;
  const peak = capacity.mode === "Flanders" ? `, peak of the month ${watts(capacity.peak_w)}` : "";
  return `${capacity.mode}: ${limit}${peak}.`;
}

function clockText(minute) {
  return [Math.floor(minute / 60), minute % 60].map((part) => String(part).padStart(2, "0")).join(":");
}

function showCapacity(status) {
  const { capacity } = status;
  const master = !status.share.startsWith("Node");
  byId("capacity").hidden = !master || (capacity.mode === "Disabled" && !status.trust_lan);
  byId("capacity-open").hidden = !status.trust_lan;
  setText("capacity-text", capacityText(capacity));
  const counted = capacity.mode === "Flanders" && capacity.left_s > 0;
  byId("quarter").hidden = !counted;
  if (counted) {
    const text = `${capacity.used_wh} of ${capacity.budget_wh} Wh in this quarter hour, ${durationText(capacity.left_s)} left`;
    const meter = byId("quarter").querySelector(".track");
    meter.firstElementChild.style.width = `${Math.min(100, (80 * capacity.used_wh) / capacity.budget_wh)}%`;
    byId("quarter").classList.toggle("over", capacity.used_wh > capacity.budget_wh);
    meter.setAttribute("aria-valuemax", String(capacity.budget_wh));
    meter.setAttribute("aria-valuenow", String(Math.min(Math.max(capacity.used_wh, 0), capacity.budget_wh)));
    meter.setAttribute("aria-valuetext", text);
    setText("quarter-text", text);
  }
  fill("cap-mode", capacity.mode);
  fill("cap-amps", capacity.amps);
  fill("cap-stop", capacity.stop);
  fill("cap-intervals", capacity.intervals.map(([minute, w]) => `${clockText(minute)} ${w}`).join(", "));
}

function phasesText(status) {
  const { wish, in_force: now, used } = status.phases;
  const car = used.length ? `, the car uses ${used.map((phase) => `L${phase}`).join(" ")}` : "";
  const soon = status.contactors.contact_2 === "Auto" && status.mode === "Solar" && wish !== now ? `, ${wish} wanted` : "";
  return soon + car;
}

function circuitText(circuit) {
  const limit = circuit.limit_da === null ? "no limit" : `CIRCUIT ${circuit.limit_da / 10} A`;
  return circuit.age_ms < 0 ? limit : `${circuit.da.map(amps).join(" / ")} A, ${limit}, ${ageText(circuit.age_ms)}`;
}

function groupWhy(row) {
  if (row.lost) return "no answer, its share stays reserved";
  return row.wants && row.limit ? `${row.reason}, limited by ${row.limit}` : row.reason || "no car asks";
}

function showGroup(status) {
  byId("group").hidden = status.share !== "Master";
  const rows = status.evses.map((row) => [row.number ? `Node ${row.number}` : "This one", row.mode, `${amps(row.grant_da)} A`, groupWhy(row)]);
  setList(byId("group-rows"), rows.join("|"), () => rows.map((cells) => {
    const line = document.createElement("tr");
    line.append(...cells.map((text, place) => {
      const cell = document.createElement(place ? "td" : "th");
      if (!place) cell.scope = "row";
      cell.textContent = text;
      return cell;
    }));
    return line;
  }));
}

function setIntervals(input) {
  const pairs = input.value.split(",").map((part) => part.trim()).filter(Boolean).map((part) => {
    const found = /^(\d{1,2}):(\d\d) +(\d+)$/.exec(part);
    return found && [Number(found[1]) * 60 + Number(found[2]), Number(found[3])];
  });
  if (pairs.includes(null)) refuse("Intervals are written as 07:00 4000, 22:00 9000 (from 7:00 on 4000 W).");
  else command("intervals", pairs.sort((a, b) => a[0] - b[0]), input);
}

document.addEventListener("change", (event) => {
  const element = event.target;
  const key = element.dataset.set;
  if (!key) return;
  let { value } = element;
  if (element.type === "checkbox") value = element.checked ? "Enabled" : "Disabled";
  if (element.type === "number") value = element.valueAsNumber;
  element.blur();
  command("set", [key, value], element);
});

byId("cap-intervals").addEventListener("change", (event) => {
  event.target.blur();
  setIntervals(event.target);
});
