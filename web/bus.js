"use strict";

// The bus: how well each device on it answers, and the doctor who looks for mistakes.
// The helpers are in app.js.

const PLACES = { mains: "Mains meter", circuit: "Circuit meter", ev: "Car's meter", bus: "Bus", car: "Car" };
const STATES = { done: "Examined: nothing is wrong, as far as one can tell from here.", stopped: "The examination was stopped.", failed: "The examination could not be carried through." };
const LOST_MISSES = 5;
const BROADCAST = 9; // lower addresses are those of nodes

let doctorSeen = ""; // what the list of findings shows

function placeText(where) {
  const text = where.split(", ").map((part) => PLACES[part] || part).join(", ");
  return text[0].toUpperCase() + text.slice(1);
}

function failedText(row) {
  const failed = row.requests - row.replies;
  if (!row.requests) return "–";
  const share = (100 * failed) / row.requests;
  return failed ? `${share < 1 ? "< 1" : Math.round(share)} %` : "none";
}

// What is only sent to, and nodes that never answered, have nothing to tell.
function busShown(row) {
  return row.address !== BROADCAST && (row.replies > 0 || !(row.address < BROADCAST));
}

function busCells(row) {
  const lost = row.misses >= LOST_MISSES || !row.replies;
  const age = row.age_ms < 0 ? "never" : ageText(row.age_ms);
  return [placeText(row.name), row.address, lost && row.replies ? `lost, ${age}` : age, row.latency_ms ? `${row.latency_ms} ms` : "–", failedText(row)];
}

function showRows(rows) {
  byId("bus-table").hidden = !rows.length;
  setText("bus-note", rows.length ? "" : "No device on the bus is set.");
  byId("bus-note").hidden = rows.length > 0;
  setList(byId("bus-rows"), JSON.stringify(rows), () => rows.map((cells) => {
    const line = document.createElement("tr");
    line.classList.toggle("lost", /^(lost|never)/.test(cells[2]));
    line.append(...cells.map((text, place) => {
      const cell = document.createElement(place ? "td" : "th");
      if (!place) cell.scope = "row";
      cell.textContent = text;
      return cell;
    }));
    return line;
  }));
}

function showBus(status) {
  showRows(status.bus.filter(busShown).map(busCells));
  const { doctor } = status;
  const running = doctor.state === "running";
  const group = status.evses.some((row) => row.charging);
  const [bus, phases] = [byId("doctor-bus"), byId("doctor-phases")];
  bus.disabled = running || group;
  phases.disabled = running || !status.charging;
  bus.title = group ? "Only while nothing charges" : "";
  phases.title = status.charging ? "" : "Only while the car charges";
  byId("doctor-stop").hidden = !running;
  byId("doctor-running").hidden = !running;
  byId("doctor-progress").value = doctor.percent;
  if (running) {
    setText("doctor-text", doctor.kind === "bus" ? "Examining the bus. No meter is read meanwhile." : "Examining the phases. The car gets less and more current meanwhile.");
  }
  const key = `${doctor.kind} ${doctor.state} ${doctor.percent}`;
  if (doctor.state !== "idle" && key !== doctorSeen) askDoctor(key);
}

async function askDoctor(key) {
  doctorSeen = key;
  const answer = await ask("/api/v1/doctor");
  if (answer?.ok) showFindings(answer.document);
  else doctorSeen = ""; // once more
}

function finding(one) {
  const line = item("");
  const [place, hint] = [document.createElement("strong"), document.createElement("small")];
  place.textContent = `${placeText(one.where)}: `;
  hint.textContent = one.hint;
  line.className = one.mistake ? "mistake" : "";
  line.append(place, sentence(one.what), document.createElement("br"), hint);
  return line;
}

function showFindings({ state, findings }) {
  const sorted = [...findings].sort((a, b) => b.mistake - a.mistake);
  setList(byId("findings"), JSON.stringify(sorted), () => sorted.map(finding));
  const mistakes = sorted.some((one) => one.mistake);
  const text = state === "done" && mistakes ? "" : STATES[state] || "";
  setText("doctor-result", text);
  byId("doctor-result").hidden = !text;
}

for (const kind of ["bus", "phases", "stop"]) {
  byId(`doctor-${kind}`).addEventListener("click", (event) => command("doctor", kind, event.target));
}
