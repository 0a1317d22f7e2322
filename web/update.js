// Another version of the firmware: what is in its file, the way into the charger, the restart.

import { ask, charger, el, inLine, refuse, row, said, sentence, setList, setText, sleep, t, tell } from "./core.js";

const PATH = "/api/v1/update";
const LOOK_MS = 1500;
const CHECK_MS = 15000; // from the last byte to the answer
const SILENT_MS = 30000; // whoever takes nothing so long has gone

export async function open(place) {
  let closed = false;
  let told = null; // what the charger says of itself
  let found = null; // what the file says of itself
  let work = ""; // what goes on here
  const state = el("p", { role: "status" });
  const bar = el("progress", { max: 100, hidden: true, "aria-label": t("Update") });
  const file = el("input", { type: "file", accept: ".upd", onchange: choose });
  const inside = el("div", { role: "status" });
  const older = el("input", { type: "checkbox", onchange: draw });
  const meant = row(t("Install the older version all the same"), older);
  const send = el("button", { type: "button", class: "main", hidden: true, onclick: upload }, t("Send to the charger"));
  const start = el("button", { type: "button", class: "main", hidden: true, onclick: restart });
  const wait = el("p", { class: "soft" });
  const news = el("section", { class: "card" });
  place.append(el("section", { class: "card" }, el("h2", {}, t("Update")), state, bar, row(t("The file"), file, ".upd"), inside, meant, wait,
    el("p", { class: "links" }, send, start)), news);
  meant.hidden = true;

  async function look() {
    const answer = await ask(PATH);
    if (!answer?.ok) return;
    if (work === "restart" && answer.document.slot !== told.slot) work = "";
    told = answer.document;
    draw();
  }

  function draw() {
    const { version, other, percent, trial_s: left } = told;
    const busy = work || told.state === "receiving";
    const kept = other?.version;
    setText(state, work === "restart" ? t("The charger restarts. The page comes back by itself.")
      : busy ? t("The update is on its way: {0} %", percent ?? 0)
      : left ? t("{0} is on trial for {1} s more. If it fails, the version before comes back by itself.", version, left)
      : told.state === "ready" ? t("{0} is in the charger. It takes half a minute to start it.", kept)
      : told.state === "returned" ? t("{0} failed its trial. The version before runs again.", kept ?? "")
      : told.problem ? sentence(said(told.problem)) : t("{0} runs on this charger.", version));
    bar.hidden = !busy || work === "restart";
    bar.value = percent ?? 0;
    file.disabled = Boolean(busy || left);
    send.hidden = !found || busy || left || !meant.hidden && !older.checked;
    start.hidden = !kept || found || busy || left;
    setText(start, told.state === "ready" ? t("Start {0}", kept ?? "") : t("Go back to {0}", kept ?? ""));
    const notes = [[version, told.notes], ...kept ? [[kept, other.notes]] : []];
    setList(news, notes, () => notes.flatMap(([name, text]) => [el("h2", {}, t("What {0} brings", name)), el("p", { class: "notes" }, text)]));
  }

  async function choose() {
    found = null;
    older.checked = false;
    let text = "";
    if (file.files[0]) {
      try {
        found = await read(file.files[0]);
        if (found.board !== told.board) text = t("It is for the board {0}, this is {1}.", found.board, told.board);
      } catch {
        text = t("This is no update for a MicroEVSE.");
      }
    }
    if (text) found = null;
    refuse(text, file);
    meant.hidden = !found || order(found.version) >= order(told.version);
    inside.replaceChildren(found ? el("div", {}, el("h3", {}, t("In the file: {0}", found.version)),
      !meant.hidden && el("p", {}, t("This is older than {0}, which runs.", told.version)),
      found.version === told.version && el("p", {}, t("This version runs already.")), el("p", { class: "notes" }, found.notes)) : "");
    draw();
  }

  async function upload() {
    work = "upload";
    const way = (path) => post(path, file.files[0], (percent) => {
      told.percent = percent;
      draw();
    });
    const taken = await tell(meant.hidden ? PATH : `${PATH}?force`, undefined, { place: file, way });
    work = "";
    if (taken) {
      file.value = "";
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
      if (work !== "upload" && !document.hidden) await look();
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

// Send the file; `show` is told how much of it has gone. What goes is a sign of life as well.
function post(path, file, show) {
  return inLine(() => new Promise((done) => {
    const request = new XMLHttpRequest();
    let silent = 0;
    const alive = () => {
      clearTimeout(silent);
      silent = setTimeout(() => request.abort(), SILENT_MS);
    };
    request.open("POST", path);
    request.upload.onprogress = ({ loaded, total }) => {
      alive();
      charger.heard = Date.now() + (loaded === total ? CHECK_MS : 0);
      show(Math.floor((loaded * 100) / total));
    };
    request.onloadend = () => {
      clearTimeout(silent);
      if (request.status) charger.heard = Date.now();
      let document = request.responseText;
      try {
        document = JSON.parse(document);
      } catch {
        // it has not answered
      }
      done(request.status ? { ok: request.status === 200, status: request.status, document } : null);
    };
    alive();
    request.send(file);
  }));
}
