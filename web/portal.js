import { rescue } from "./safe.js";
import { offer, ruleOf } from "./zone.js";

const POLL_MS = 1000;
const FAILED = {
  "wrong password": "The password was not accepted.",
  "not found": "There is no network of this name within reach.",
};

const byId = (id) => document.getElementById(id);

let timer = 0;
let tries = 0; // what has been sent from here

function show(id, text) {
  byId(id).textContent = text;
  byId(id).hidden = !text;
}

async function ask(path, body) {
  try {
    const answer = await fetch(path, body === undefined ? {cache: "no-store"} : body instanceof Blob ? {method: "POST", body} : {
      method: "POST",
      headers: {"Content-Type": "application/json"},
      body: JSON.stringify(body),
    });
    return {ok: answer.ok, document: await answer.json()};
  } catch {
    return null; // while it joins it may be away for a moment
  }
}

function bars(dbm) {
  return dbm > -60 ? "strong" : dbm > -75 ? "good" : dbm > -85 ? "weak" : "very weak";
}

function list(networks) {
  const key = JSON.stringify(networks);
  const place = byId("networks");
  if (place.dataset.key === key) return;
  place.dataset.key = key;
  place.replaceChildren(...networks.map(({ssid, rssi, secured}) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = ssid + " (" + bars(rssi) + (secured ? "" : ", no password") + ")";
    button.addEventListener("click", () => {
      byId("ssid").value = ssid;
      byId("open").checked = !secured;
      lock();
      byId(secured ? "password" : "send").focus();
    });
    const row = document.createElement("li");
    row.append(button);
    return row;
  }));
}

function lock() {
  const open = byId("open").checked;
  byId("password").disabled = open;
  byId("password").required = !open;
  if (open) byId("password").value = "";
}

function tell(head, text, state) {
  byId("result").hidden = false;
  byId("result-head").textContent = head;
  byId("result-text").textContent = text;
  byId("result-links").hidden = !state;
  if (!state) return;
  const name = state.host.toLowerCase() + ".local";
  for (const [id, host] of [["by-address", state.ip], ["by-name", name]]) {
    byId(id).href = byId(id).textContent = "http://" + host + "/";
  }
}

function take(state) {
  byId("name").textContent = state.host;
  list(state.networks || []);
  byId("scan").disabled = state.scanning || state.trying;
  byId("scan-text").textContent = state.scanning ? "Looking for networks" :
    !state.networks ? "" : state.networks.length ? "Choose one:" : "None was found";
  byId("send").disabled = state.trying;
  if (state.trying) {
    tell("Joining " + state.ssid, "This takes up to 20 seconds.");
  } else if (state.failed) {
    tell(state.ssid + " could not be joined",
      FAILED[state.failed] || "The access point did not let it in, or gave it no address.");
  } else if (state.state === "joined" && tries) {
    tell("It is in " + state.ssid + " now", "The network of the charger closes in half a " +
      "minute. Go back to your own network; the charger is there at", state);
  }
  return state.scanning || state.trying;
}

// Asks only while something is under way: a page left open must not keep the network open.
async function poll() {
  clearTimeout(timer);
  const answer = await ask("api/v1/wifi");
  if (!answer || (answer.ok && take(answer.document))) timer = setTimeout(poll, POLL_MS);
  else if (!answer.ok) show("refused", answer.document.error);
  return answer && answer.ok ? answer.document : null;
}

async function save(event) {
  event.preventDefault();
  show("refused", "");
  byId("send").disabled = true;
  const join = {ssid: byId("ssid").value, password: byId("password").value};
  if (byId("zone").value) join.tz = ruleOf(byId("zone").value);
  const own = byId("own").value;
  let answer = own ? await ask("api/v1/password", {password: own}) : {ok: true};
  if (answer && answer.ok) {
    byId("own").value = "";
    answer = await ask("api/v1/wifi", join);
  }
  byId("send").disabled = false;
  if (answer && answer.ok) {
    tries += 1;
    timer = setTimeout(poll, POLL_MS);
  } else {
    show("refused", answer ? answer.document.error : "The charger did not answer.");
  }
}

byId("form").addEventListener("submit", save);
byId("open").addEventListener("change", lock);
byId("reveal").addEventListener("change", (event) => {
  byId("password").type = byId("own").type = event.target.checked ? "text" : "password";
});
byId("scan").addEventListener("click", async () => {
  const answer = await ask("api/v1/wifi/scan", {});
  show("refused", answer && answer.ok ? "" : answer ? answer.document.error : "No answer.");
  poll();
});
lock();
rescue(ask);
poll().then((state) => {
  byId("main").ariaBusy = "false";
  if (!state) return;
  if (state.ssid) byId("ssid").value = state.ssid;
  byId("zone").options[0].textContent = "as it is: " + state.tz;
  offer(byId("zone"));
});
