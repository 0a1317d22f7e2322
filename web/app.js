// The frame of the page: which view is shown, and what stands above all views.

import { byId, el, language, listen, loadWords, refuse, setText, sleep, start, stored, t, view } from "./core.js";
import * as now from "./now.js";

// A view's module has open(place, rest): it fills the element `place` and returns {show, close},
// both optional; `rest` is what follows the view's name in the address. Its heading is an h2.
// Names here are those of the modules; the first four are always in sight.
const VIEWS = {
  now: "Now", history: "History", settings: "Settings", more: "More",
  sessions: "Sessions", cards: "Cards", meters: "Meters", network: "Network", details: "Details",
  lcd: "Display", wiring: "Wiring", backup: "Backup", update: "Update", wizard: "Set-up",
};
const ALWAYS = 4;
const AGAIN_MS = 1000;

let shown = null; // {name, place, end} of the view in sight

function more(place) {
  const links = Object.entries(VIEWS).slice(ALWAYS).map(([name, title]) => el("li", {}, el("a", { href: `#${name}` }, t(title))));
  place.append(el("section", { class: "card" }, el("h2", {}, t("More")), el("ul", { class: "tiles" }, links)));
  return {};
}

const OWN = { now, more: { open: more } };

async function go() {
  const [name, ...rest] = location.hash.slice(1).split("/");
  const wanted = name in VIEWS ? name : "now";
  const key = `${wanted}/${rest.join("/")}`;
  shown?.end();
  const one = shown = { key, end() {} };
  const place = el("div", { class: "view" }); // of its own: who comes too late fills nothing in sight
  const main = byId("view");
  main.replaceChildren(place);
  main.setAttribute("aria-busy", "true");
  refuse("");
  for (const link of document.querySelectorAll("nav a")) {
    const here = link.hash === `#${wanted}` || (link.hash === "#more" && Object.keys(VIEWS).indexOf(wanted) >= ALWAYS);
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const module = OWN[wanted] ?? await view(wanted);
  if (!module || shown !== one) return; // somebody has gone on meanwhile
  const { show, close } = await module.open(place, rest.join("/")) ?? {};
  const deaf = show && listen(show);
  one.end = () => {
    deaf?.();
    close?.();
  };
  if (shown !== one) {
    one.end();
    return;
  }
  main.setAttribute("aria-busy", "false");
  const heading = place.querySelector("h2");
  if (heading && go.again) {
    heading.tabIndex = -1;
    heading.focus();
  }
  go.again = true;
}

function frame(status) {
  setText("name", `SmartEVSE-${status.serial}`);
  setText("version", `MicroEVSE ${status.version}`);
  byId("login").hidden = status.level === "install";
  byId("logout").hidden = status.level !== "install" || status.trust_lan;
}

function translate() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.textContent);
  document.querySelector("nav").setAttribute("aria-label", t("Views"));
  const select = byId("language");
  select.value = language;
  select.setAttribute("aria-label", t("Language"));
}

byId("language").addEventListener("change", (event) => {
  stored("language", event.target.value);
  location.reload();
});
byId("refused-close").addEventListener("click", () => refuse(""));
byId("reload").addEventListener("click", () => location.reload());
byId("login").addEventListener("click", async () => (await view("login"))?.login());
byId("logout").addEventListener("click", async () => (await view("login"))?.logout());
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // it is no view
  byId("view").focus();
});
document.querySelector("nav").addEventListener("click", ({ target }) => target.hash === location.hash && go()); // once more

while (!await loadWords()) await sleep(AGAIN_MS);
translate();
listen(frame);
addEventListener("hashchange", go);
go();
start();
