// Saying what an event was: sent to the API at once, shown at once, and taken back with one press.

import { t } from "./words.js";

const SAID_MS = 8000;

/** What is said of an event now, from any element that carries it. */
const before = ({ dataset }) => ({
  verdict: dataset.verdict || null,
  verdict_reason: dataset.reason || null,
  locked: dataset.locked === "yes",
});

export class Verdicts {
  constructor() {
    this.toast = document.querySelector(".toast");
    this.undoable = null;
    this.toast.querySelector(".undo").addEventListener("click", () => this.undo());
  }

  /** Change one event. Returns the event as it is then, or null if it failed, which has been said. */
  async change(id, version, change) {
    try {
      const answer = await fetch(`/api/v1/events/${id}`, {
        method: "PATCH",
        headers: { "content-type": "application/json", "if-match": version === null ? "*" : `"${version}"` },
        body: JSON.stringify(change),
      });
      const body = await answer.json();
      if (answer.ok) {
        this.show(body);
        return body;
      }
      this.say(t("rev.failed", { why: body.detail }));
    } catch {
      this.say(t("rev.failed", { why: t("page.off") }));
    }
    return null;
  }

  /** A verdict or the lock of one event, with a way back. */
  async judge(element, change, word) {
    const old = before(element);
    const now = await this.change(element.dataset.event, element.dataset.version, change);
    if (now) this.say(word, () => this.change(now.id, now.review_version, old));
    return now;
  }

  /** The same of many events. */
  async judgeAll(elements, change, word) {
    const old = elements.map((element) => [element.dataset.event, before(element)]);
    try {
      const answer = await fetch("/api/v1/events/review", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ event_ids: old.map(([id]) => id), ...change }),
      });
      const body = await answer.json();
      if (!answer.ok) throw new Error(body.detail);
      for (const element of elements) {
        const after = { ...before(element), ...change };
        if (change.verdict && change.verdict !== "false_alarm") after.verdict_reason = null;
        const same = JSON.stringify(after) === JSON.stringify(before(element));
        this.show({ id: element.dataset.event, review_version: Number(element.dataset.version) + !same, ...after });
      }
      this.say(word, () => Promise.all(old.map(([id, review]) => this.change(id, null, review))));
      return true;
    } catch (error) {
      this.say(t("rev.failed", { why: error.message }));
      return false;
    }
  }

  /** Show what is said of an event wherever it stands on the page. */
  show({ id, verdict, verdict_reason: reason, locked, review_version: version }) {
    for (const element of document.querySelectorAll(`[data-event="${id}"]`)) {
      element.dataset.verdict = verdict ?? "";
      element.dataset.reason = reason ?? "";
      element.dataset.locked = locked ? "yes" : "no";
      element.dataset.version = version;
      const chip = element.querySelector(".chip.verdict");
      if (chip) {
        chip.dataset.verdict = verdict ?? "";
        const why = reason && !element.matches(".item") ? ` · ${t(`why.${reason}`)}` : "";
        chip.textContent = verdict ? t(`verdict.${verdict}`) + why : "";
      }
      const lock = element.querySelector(".lock");
      if (lock) lock.hidden = !locked;
      for (const button of element.querySelectorAll("[data-say]")) {
        const on = button.dataset.say === "lock" ? locked : button.dataset.say === verdict;
        button.setAttribute("aria-pressed", on ? "true" : "false");
      }
    }
  }

  say(text, undo = null) {
    this.undoable = undo;
    this.toast.querySelector(".said").textContent = text;
    this.toast.querySelector(".undo").hidden = !undo;
    this.toast.hidden = false;
    clearTimeout(this.hiding);
    this.hiding = setTimeout(() => (this.toast.hidden = true), SAID_MS);
  }

  async undo() {
    const undo = this.undoable;
    this.undoable = null;
    if (!undo) return;
    const done = await undo();
    if (done && [].concat(done).every(Boolean)) this.say(t("rev.undone"));
  }
}

/** The buttons under an event: verdicts, why it was false, lock, note. `said(verdict)` is called after a verdict. */
export function wire(root, verdicts, said = () => {}) {
  const event = root.querySelector("article.event");
  const whys = root.querySelector(".whys");
  const judge = async (change, word, verdict) => {
    if (await verdicts.judge(event, change, word)) said(verdict);
  };
  const say = (what) => {
    if (!whys) return;
    if (what === "lock") {
      const locked = event.dataset.locked !== "yes";
      judge({ locked }, t(locked ? "rev.said.locked" : "rev.said.unlocked"), null);
    } else if (what === "false_alarm" && whys.hidden) {
      whys.hidden = false;
      whys.querySelector("button").focus({ preventScroll: true });
    } else {
      whys.hidden = true;
      judge({ verdict: what }, t(`rev.said.${what}`), what);
    }
  };
  const why = (reason) => {
    whys.hidden = true;
    judge({ verdict: "false_alarm", verdict_reason: reason }, t("rev.said.false_alarm"), "false_alarm");
  };
  for (const button of root.querySelectorAll("[data-say]")) button.addEventListener("click", () => say(button.dataset.say));
  for (const button of root.querySelectorAll("[data-why]")) button.addEventListener("click", () => why(button.dataset.why));
  const form = root.querySelector(".note-form");
  form?.addEventListener("submit", async (submitted) => {
    submitted.preventDefault();
    const labels = form.elements.labels.value.split(/[,，、;；]/).map((label) => label.trim()).filter(Boolean);
    const now = await verdicts.change(event.dataset.event, event.dataset.version, { note: form.elements.note.value, labels });
    form.querySelector(".saved").textContent = now ? t("event.saved") : "";
  });
  return {
    say,
    /** A digit while the reasons are shown. Returns whether it was one. */
    digit(key) {
      const button = whys && !whys.hidden && whys.querySelectorAll("[data-why]")[Number(key) - 1];
      if (button) why(button.dataset.why);
      return Boolean(button);
    },
  };
}

/** Keys are for the page only while no field has them. */
export const inField = ({ target, ctrlKey, metaKey, altKey }) =>
  ctrlKey || metaKey || altKey || target.matches("input:not([type=checkbox]), textarea, select, [contenteditable]");

export const SAY = { c: "confirmed", f: "false_alarm", u: "unsure", l: "lock" };
