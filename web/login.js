// Log in and out: the install password is asked for in a dialog, by whatever needs it.

import { ask, duration, el, refresh, refuse, row, said, sentence, t } from "./core.js";

const PATIENCE_MS = 35000; // a password takes seconds to check, and others may come first

let asking = null; // what comes of the dialog that is open

// True when the password was given, false when somebody thought better of it. Who asks while the
// dialog is open waits for the same.
export function login() {
  asking ??= dialog().finally(() => {
    asking = null;
  });
  return asking;
}

export async function logout() {
  await ask("/api/v1/logout", { method: "POST" });
  await refresh();
}

// Send something with a password in it. {problem, field}: what was wrong in words, "" for nothing.
export async function prove(path, body) {
  const answer = await ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), patience: PATIENCE_MS });
  if (!answer) return { problem: t("The charger did not answer. Try again.") };
  const { ok, status, headers, document } = answer;
  if (ok) await refresh(); // to whom it speaks has changed
  const problem = ok ? ""
    : status === 401 ? t("This is not the password.")
      : status === 429 ? t("Too many wrong passwords. Wait {0}, then try again.", duration(Number(headers.get("Retry-After"))))
        : status === 503 ? t("The charger is busy with the passwords of others. Try again in a moment.")
          : sentence(said(document.error));
  return { problem, field: document.field };
}

function dialog() {
  return new Promise((done) => {
    const input = el("input", { type: "password", id: "password", autocomplete: "current-password", required: true });
    const send = el("button", { class: "main" }, t("Log in"));
    const form = el("form", { onsubmit: give }, row(t("Password for the settings"), input),
      el("p", { class: "links" }, send, el("button", { type: "button", onclick: () => box.close() }, t("Cancel"))));
    const box = el("dialog", { "aria-labelledby": "login-title", onclose() {
      box.remove();
      done(box.returnValue === "in");
    } },
    el("h2", { id: "login-title" }, t("Log in")),
    el("p", {}, t("At first it is the one on the charger's display: hold the middle button, choose WIFI, then SetupWifi.")),
    form);

    async function give(event) {
      event.preventDefault();
      refuse("", input);
      send.disabled = true;
      form.setAttribute("aria-busy", "true");
      const { problem } = await prove("/api/v1/login", { password: input.value });
      form.removeAttribute("aria-busy");
      send.disabled = false;
      if (!problem) box.close("in");
      else if (box.isConnected) {
        refuse(problem, input);
        input.select();
      }
    }

    document.body.append(box);
    box.showModal();
  });
}
