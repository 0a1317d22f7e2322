// Another version of the firmware: what is in its file, the way into the charger, the restart.

import { ask, el, refuse, row, said, sentence, setList, setText, sleep, t, tell } from "./core.js";
import { ownKey } from "./key.js";

const PATH = "/api/v1/update";
const LOOK_MS = 1500;
const SILENT_MS = 30000; // whoever takes nothing so long has gone

export async function open(place) {
  let closed = false;
  let told = null; // what the charger says of itself
  let found = null; // what the file says of itself
  let work = ""; // what goes on here
  let sent = null; // what is being sent
  const state = el("p", { role: "status" });
  const bar = el("progress", { max: 100, hidden: true, "aria-label": t("Update") });
  const file = el("input", { type: "file", accept: ".upd", onchange: choose });
  const address = el("input", { type: "url", maxLength: 200, placeholder: "http://192.168.1.2/update.upd", autocomplete: "off", spellcheck: false, oninput: point });
  const inside = el("div", { role: "status" });
  const asked = Object.entries({ force: t("Install the older version all the same"), confirm: t("Ask at the charger’s display whether it is to be installed") }).map(([name, text]) => {
    const tick = el("input", { type: "checkbox", onchange: draw });
    return { name, tick, line: row(text, tick) };
  });
  const send = el("button", { type: "button", class: "main", hidden: true, onclick: take });
  const start = el("button", { type: "button", class: "main", hidden: true, onclick: restart });
  const wait = el("p", { class: "soft" });
  const news = el("section", { class: "card" });
  const key = ownKey(look);
  place.append(el("section", { class: "card" }, el("h2", {}, t("Update")), state, bar, row(t("The file"), file, ".upd"), row(t("Or its address in your network"), address), inside, ...asked.map(({ line }) => line), wait,
    el("p", { class: "links" }, send, start)), news, key.element);
  anew();

  async function look() {
    const answer = await ask(PATH);
    if (!answer?.ok) return;
    if (work === "restart" && answer.document.slot !== told.slot) work = "";
    told = answer.document;
    if (told.state === "receiving" || told.state === "confirm") sent?.alive();
    draw();
  }

  function draw() {
    const { version, other, percent, confirm, trial_s: left } = told;
    const busy = work || percent !== null;
    const kept = other?.version;
    setText(state, work === "restart" ? t("The charger restarts. The page comes back by itself.")
      : confirm ? t("Go to the charger. If its display shows {0} and {1}, hold the middle button for 2 s; any other one refuses. {2} s are left.", confirm.version, confirm.print, confirm.left_s)
      : busy ? t("The update is on its way: {0} %", percent ?? 0)
      : left ? t("{0} is on trial for {1} s more. If it fails, the version before comes back by itself.", version, left)
      : told.state === "ready" ? t("{0} is in the charger. It takes half a minute to start it.", kept)
      : told.state === "returned" ? t("{0} failed its trial. The version before runs again.", kept ?? "")
      : told.problem ? sentence(said(told.problem)) : t("{0} runs on this charger.", version));
    bar.hidden = !busy || work === "restart";
    bar.value = percent ?? 0;
    file.disabled = address.disabled = Boolean(busy || left);
    send.hidden = !found && !address.value || busy || left || asked.some(({ tick, line }) => !line.hidden && !tick.checked);
    setText(send, found ? t("Send to the charger") : t("Have the charger fetch it"));
    start.hidden = !kept || found || busy || left;
    setText(start, told.state === "ready" ? t("Start {0}", kept ?? "") : t("Go back to {0}", kept ?? ""));
    key.show(told);
    const notes = [[version, told.notes], ...kept ? [[kept, other.notes]] : []];
    setList(news, notes, () => notes.flatMap(([name, text]) => [el("h2", {}, t("What {0} brings", name)), el("p", { class: "notes" }, text)]));
  }

  // Another one is meant: what was asked and answered for that of before no longer counts.
  function anew() {
    for (const { tick, line } of asked) {
      tick.checked = false;
      line.hidden = true;
      refuse("", tick);
    }
    refuse("", file);
    refuse("", address);
  }

  async function choose() {
    found = null;
    let text = "";
    if (file.files[0]) {
      try {
        found = await read(file.files[0]);
        if (found.board !== told.board) text = t("It is for the board {0}, this is {1}.", found.board, told.board);
      } catch {
        text = t("This is no update for a MicroEVSE.");
      }
      address.value = "";
    }
    if (text) found = null;
    anew();
    refuse(text, file);
    const older = found && order(found.version) < order(told.version);
    asked[0].line.hidden = !older;
    inside.replaceChildren(found ? el("div", {}, el("h3", {}, t("In the file: {0}", found.version)),
      older && el("p", {}, t("This is older than {0}, which runs.", told.version)),
      found.version === told.version && el("p", {}, t("This version runs already.")), el("p", { class: "notes" }, found.notes)) : "");
    draw();
  }

  function point() {
    anew();
    if (found || file.value) {
      file.value = "";
      choose();
    }
    draw();
  }

  // The charger has it sent, or fetches it. Others may ask it meanwhile, how far it is for one.
  async function take() {
    const yes = asked.filter(({ tick }) => tick.checked).map(({ name }) => name);
    const fields = { url: address };
    for (const { name, tick } of asked) fields[name] = tick;
    const way = async (path, options) => {
      sent = post(path, found ? file.files[0] : options.body, options.headers);
      const answer = await sent.answer;
      sent = null;
      const wanted = asked.find(({ name }) => name === answer?.document.field);
      if (wanted) wanted.line.hidden = false;
      return answer;
    };
    work = "take";
    draw();
    const taken = await tell(found ? `${PATH}?${yes.join("&")}` : `${PATH}/fetch`,
      found ? undefined : { url: address.value.trim(), ...Object.fromEntries(yes.map((name) => [name, true])) }, { place: found ? file : address, fields, way });
    work = "";
    if (taken) {
      file.value = address.value = "";
      choose();
    }
    await look();
    if (taken) start.focus();
  }

  async function restart() {
    if (await tell(`${PATH}/start`, undefined, { place: start })) work = "restart";
    draw();
  }

  async function follow() {
    while (!closed) {
      if (!document.hidden) await look();
      await sleep(LOOK_MS);
    }
  }

  await look();
  if (!told) {
    refuse(t("The charger did not answer. Try again."));
    return {};
  }
  follow();
  return {
    show({ charging }) {
      send.disabled = start.disabled = charging;
      setText(wait, charging ? sentence(t("updates are written when nothing charges")) : t("Nothing charges while an update is written, nor in its first minute."));
    },
    close() {
      closed = true;
    },
  };
}

const order = (version) => version.slice(1).split(".").reduce((sum, part) => sum * 1e4 + Number(part), 0);

// The head of an update and its notes; raises what is none. The charger judges the signature.
async function read(file) {
  const [line, first, second] = /^microevse-update 1 (\d+) (\d+)\n/.exec(await file.slice(0, 48).text());
  let at = line.length + Number(first);
  const head = JSON.parse(await file.slice(line.length, at).text());
  at += Number(second);
  const body = at + head.manifest[0];
  const { files } = JSON.parse(await file.slice(at, body).text());
  at = body;
  for (const [name, [size]] of Object.entries(files)) {
    if (name === "notes.txt") head.notes = await file.slice(at, at + size).text();
    at += size;
  }
  if (at !== file.size) throw new Error("cut short");
  return head;
}

// Have the charger take something: {answer, alive}. It is given up when for long nothing has gone
// and nobody has called `alive`.
function post(path, body, headers) {
  const request = new XMLHttpRequest();
  let silent = 0;
  const alive = () => {
    clearTimeout(silent);
    silent = setTimeout(() => request.abort(), SILENT_MS);
  };
  const answer = new Promise((done) => {
    request.open("POST", path);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = alive;
    request.onloadend = () => {
      clearTimeout(silent);
      let document = request.responseText;
      try {
        document = JSON.parse(document);
      } catch {
        // it has not answered
      }
      done(request.status ? { ok: request.status === 200, status: request.status, document } : null);
    };
    alive();
    request.send(body);
  });
  return { answer, alive };
}
