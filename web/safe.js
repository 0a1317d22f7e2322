// What the set-up page has more when the charger is in its safe mode.
const LOOK_MS = 3000;

const byId = (id) => document.getElementById(id);

export async function rescue(ask) {
  async function look() {
    const status = await ask("api/v1/status");
    const told = status && status.ok ? status.document : {safe_mode: !byId("safe").hidden};
    if (told.safe_mode) setTimeout(look, LOOK_MS);
    if (!told.version) return;
    if (!told.safe_mode) {
      if (!byId("safe").hidden) location.replace("/"); // it runs again
      return;
    }
    byId("safe").hidden = false;
    byId("away").hidden = true;
    byId("left").textContent = Math.ceil(told.left_s / 60) + " min";
    byId("facts").textContent = told.version + ", number " + told.serial + ", started by: " + told.cause;
    byId("crash").textContent = told.crash;
    const update = await ask("api/v1/update");
    if (!update || !update.ok) return;
    const { other, percent, problem } = update.document;
    byId("beside").textContent = percent !== null ? percent + " %" : problem ||
      (other ? "Beside it lies " + other.version + "." : "There is no other version in it.");
    byId("start").hidden = !other;
    byId("start").textContent = other ? "Start " + other.version : "";
  }

  async function order(path, body, done) {
    const answer = await ask("api/v1/" + path, body);
    byId("said").textContent = answer && answer.ok ? done : answer ? answer.document.error : "The charger did not answer.";
  }

  byId("restart").addEventListener("click", () => order("restart", {}, "It restarts."));
  byId("start").addEventListener("click", () => order("update/start", {}, "It restarts."));
  byId("login").addEventListener("submit", (event) => {
    event.preventDefault();
    order("login", {password: byId("install").value}, "You are logged in.");
    byId("install").value = "";
  });
  byId("update").addEventListener("submit", async (event) => {
    event.preventDefault();
    byId("transfer").disabled = true;
    byId("said").textContent = "It is being sent.";
    await order("update" + (byId("older").checked ? "?force" : ""), byId("file").files[0], "It is there.");
    byId("transfer").disabled = false;
  });
  await look();
}
