// Review: a list and one event beside it. Everything can be done with keys, with a mouse, or with a thumb.

import { Player } from "./player.js";
import { localTimes } from "./times.js";
import { SAY, Verdicts, inField, wire } from "./verdict.js";
import { t } from "./words.js";

const $ = (selector) => document.querySelector(selector);
const page = $(".review");
const detail = $("#detail");
const list = $(".items");
const verdicts = new Verdicts();
const lang = page.dataset.lang;
let player = null;
let buttons = null;
let opening = Promise.resolve(); // the event that is on its way
let latest = 0;
let last = null; // the box that was picked last, for picking a range

const items = () => [...list.querySelectorAll(".item")];
const current = () => list.querySelector('.item[aria-current="true"]');
const picked = () => items().filter((item) => item.querySelector(".pick")?.checked);

function mark(id) {
  for (const item of items()) {
    if (item.dataset.event === id) item.setAttribute("aria-current", "true");
    else item.removeAttribute("aria-current");
  }
}

function ready(id) {
  localTimes(detail);
  player?.stop();
  player = new Player(detail);
  buttons = wire(detail, verdicts, (verdict) => verdict && next(1));
  for (const button of detail.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => next(Number(button.dataset.step)));
  }
  mark(id);
}

/** Show an event beside the list. `push`: a step in the browser's history, so that Back closes it on a phone. */
function open(id, push = true) {
  buttons = null; // until the new one is there, a key must not judge the old one
  opening = show(id, push, (latest += 1));
  return opening;
}

async function show(id, push, number) {
  const item = items().find((one) => one.dataset.event === id);
  mark(id);
  item?.scrollIntoView({ block: "nearest" });
  try {
    const answer = await fetch(`/fragments/review/${id}?lang=${lang}`);
    const html = await answer.text();
    if (number !== latest) return; // another was asked for meanwhile
    if (!answer.ok && answer.status !== 404) throw new Error(answer.statusText);
    detail.innerHTML = html; // from our own server; the policy lets no script in it run
    detail.scrollTop = 0;
    const was = page.dataset.open;
    page.dataset.open = "yes";
    if (detail.querySelector("article")) ready(id);
    const address = `/review?${page.dataset.query}&event=${id}`;
    if (push && was === "no") history.pushState({ event: id }, "", address);
    else history.replaceState({ event: id }, "", address);
    if (matchMedia("(max-width: 56rem)").matches) {
      scrollTo(0, 0);
      detail.querySelector("#event-title")?.focus({ preventScroll: true });
    }
  } catch (error) {
    verdicts.say(t("rev.failed", { why: error.message }));
  }
}

function close() {
  page.dataset.open = "no";
  player?.stop();
  current()?.querySelector(".open").focus();
}

/** The event `step` further down the list. At its end more is fetched, if there is more. */
function next(step) {
  const all = items();
  const at = all.indexOf(current());
  const item = all[at < 0 ? 0 : at + step];
  if (item) open(item.dataset.event);
  else if (step > 0) list.querySelector(".more button")?.click();
}

function showPicked() {
  const batch = $(".batch");
  if (!batch) return;
  const n = picked().length;
  batch.hidden = n === 0;
  batch.querySelector(".picked").textContent = t("rev.picked", { n });
  batch.querySelector(".all").checked = n > 0 && n === items().length;
}

list.addEventListener("click", (event) => {
  const box = event.target.closest(".pick");
  if (box) {
    const all = items().map((item) => item.querySelector(".pick"));
    if (event.shiftKey && last && all.includes(last)) {
      const [a, b] = [all.indexOf(last), all.indexOf(box)].sort((x, y) => x - y);
      for (const one of all.slice(a, b + 1)) one.checked = box.checked;
    }
    last = box;
    showPicked();
    return;
  }
  const link = event.target.closest(".open");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open(link.closest(".item").dataset.event);
});

$(".batch .all")?.addEventListener("change", ({ target }) => {
  for (const item of items()) item.querySelector(".pick").checked = target.checked;
  showPicked();
});

for (const button of document.querySelectorAll("[data-batch]")) {
  button.addEventListener("click", async () => {
    const what = button.dataset.batch;
    const chosen = picked();
    const change = what === "lock" ? { locked: true } : { verdict: what };
    if (!(await verdicts.judgeAll(chosen, change, t("rev.said.many", { n: chosen.length })))) return;
    for (const item of chosen) item.querySelector(".pick").checked = false;
    showPicked();
  });
}

addEventListener("popstate", ({ state }) => (state?.event ? open(state.event, false) : close()));
document.body.addEventListener("htmx:load", () => {
  localTimes(list);
  if (detail.querySelector("article")) mark(detail.querySelector("article").dataset.event);
});

const keys = $("dialog.keys");
$(".keys-open").addEventListener("click", () => keys.showModal());

addEventListener("keydown", (event) => {
  if (inField(event) || keys.open) return;
  const { key } = event;
  if (key === "j") next(1);
  else if (key === "k") next(-1);
  else if (key === "x") current()?.querySelector(".pick")?.click();
  else if (key === "z") verdicts.undo();
  else if (key === "?") keys.showModal();
  else if (key === "Escape" && page.dataset.open === "yes") history.state?.event ? history.back() : close();
  else if (key === " " && !event.target.matches("button, a, summary, video, input")) player?.toggle();
  else if (SAY[key]) opening.then(() => buttons?.say(SAY[key]));
  else if (!buttons?.digit(key)) return;
  event.preventDefault();
});

localTimes(list);
const opened = detail.querySelector("article")?.dataset.event;
if (opened) ready(opened);
else if (matchMedia("(min-width: 56rem)").matches && items()[0]) {
  // An event that goes on has no clip to look at yet.
  const first = items().find((item) => !item.querySelector('[data-outcome="open"]')) ?? items()[0];
  open(first.dataset.event, false).then(() => (page.dataset.open = "no"));
}

// What changes while the page is open: new events are offered, verdicts of others are shown.
const changes = new EventSource("/api/v1/stream");
changes.addEventListener("event.started", () => ($(".fresh-events .button").hidden = false));
changes.addEventListener("event.reviewed", ({ data }) => verdicts.show(JSON.parse(data)));
