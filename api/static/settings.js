// Settings: what is changed is checked and kept by the API; guard takes it up when it starts again.

import { localTimes } from "./times.js";
import { t } from "./words.js";
import { Zones } from "./zones.js";

const $ = (selector) => document.querySelector(selector);
const here = $("#settings").dataset;
const say = (text) => ($(".said-all").textContent = text);

async function ask(method, path, body, headers = {}) {
  const answer = await fetch(path, { method, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) });
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.detail);
  return found;
}

/** Keep a change. Returns whether it was kept; what is wrong has been said. */
async function keep(change) {
  try {
    const now = await ask("PATCH", "/api/v1/settings", change, { "if-match": `"${here.version}"` });
    here.version = now.version;
    $(".pending").hidden = now.in_force;
    say(t("set.kept"));
    return true;
  } catch (error) {
    say(t("rev.failed", { why: error.message }));
    return false;
  }
}

const mine = (part) => keep({ elevators: { [here.elevator]: part } });

// --- zones
const board = $(".zones");
const picture = $(".test-picture");
const save = $(".save-zones");
const zones = new Zones(board, JSON.parse($("#zones").textContent), (_, dirty) => (save.disabled = !dirty));
save.addEventListener("click", async () => (await mine({ zones: zones.zones })) && zones.saved());
const shown = (there) => {
  $(".no-test-picture").hidden = there;
  picture.classList.toggle("absent", !there);
  zones.draw();
};
picture.addEventListener("load", () => shown(true));
picture.addEventListener("error", () => shown(false));
if (picture.complete) shown(picture.naturalWidth > 0);
$(".fresh").addEventListener("click", () => (picture.src = `${picture.src.split("?")[0]}?${Date.now()}`));
addEventListener("resize", () => zones.draw());
addEventListener("beforeunload", (event) => zones.dirty && event.preventDefault());

// --- numbers
const numbers = (form) => Object.fromEntries([...form.querySelectorAll("input[type=number]")].map((field) => [field.name, Number(field.value)]));
const onSubmit = (form, send) =>
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
onSubmit($("form.hold"), (form) => mine({ hold: numbers(form) }));
onSubmit($("form.thresholds"), (form) => keep({ vision: numbers(form) }));
onSubmit($("form.schedule"), (form) => {
  const off = form.elements.off.value.split("\n").map((line) => line.trim()).filter(Boolean);
  mine({ schedule: { off, time_zone: form.elements.time_zone.value.trim() || null } });
});

$(".try").addEventListener("click", async () => {
  const form = $("form.thresholds");
  if (!form.reportValidity()) return;
  const box = $(".preview");
  box.hidden = false;
  box.textContent = t("connecting");
  try {
    const found = await ask("POST", "/api/v1/settings/preview", numbers(form));
    const lines = [t("set.preview", { events: found.events, held: found.held, lost: found.lost.length })];
    if (found.lost.length) lines.push(t("set.preview.lost", { confirmed: found.lost_confirmed, false: found.lost_false }));
    if (found.later_p95_s !== null) lines.push(t("set.preview.later", { s: found.later_p95_s.toFixed(2) }));
    if (found.unknown) lines.push(t("set.preview.unknown", { n: found.unknown }));
    box.replaceChildren(
      ...lines.map((line, n) => {
        const text = document.createElement("p");
        text.textContent = line;
        text.className = n ? "" : "first";
        return text;
      }),
      ...found.lost.slice(0, 10).map((id, n) => {
        const link = document.createElement("a");
        link.href = `/events/${id}`;
        link.textContent = `${t("event.title")} ${n + 1}`;
        return link;
      }),
    );
  } catch (error) {
    box.textContent = t("rev.failed", { why: error.message });
  }
});

$(".restart").addEventListener("click", async ({ target }) => {
  target.disabled = true;
  try {
    await ask("POST", "/api/v1/guard/restart", {});
    say(t("set.restarting"));
    for (let n = 0; n < 60; n += 1) {
      await new Promise((done) => setTimeout(done, 1000));
      const answer = await fetch("/api/v1/settings").catch(() => null);
      const now = answer?.ok && (await answer.json());
      if (now && now.in_force) {
        $(".pending").hidden = true;
        say(t("set.restarted"));
        return;
      }
    }
    say(t("guard.off.long"));
  } catch (error) {
    say(t("rev.failed", { why: error.message }));
  } finally {
    target.disabled = false;
  }
});

localTimes(document);
