// One elevator on the page: phase in plain words, door, lamps, camera, letting the door go.

import { Picture } from "./picture.js";
import { duration } from "./times.js";
import { firstWord, t } from "./words.js";

const HELD = new Set(["SUSPECT", "HOLDING", "PAUSED"]);
const LATE_S = 0.5; // a live picture may be this much behind
const LEAF = 46; // width of a door leaf in the drawing

export class Card {
  constructor(id, template, place, announce) {
    this.id = id;
    this.announce = announce;
    this.root = template.content.firstElementChild.cloneNode(true);
    this.root.dataset.elevator = id;
    place.append(this.root);
    this.picture = new Picture(this.find(".picture"), id);
    this.sentence = null;
    this.mayRelease = place.dataset.mayRelease === "yes";
    this.release();
    this.find(".rearm-now").addEventListener("click", () => this.rearm());
    this.ticking = setInterval(() => this.tick(), 500);
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  say(selector, text) {
    const element = this.find(selector);
    if (element.textContent !== text) element.textContent = text;
  }

  remove() {
    clearInterval(this.ticking);
    this.picture.close();
    this.root.remove();
  }

  /** Without guard nothing on this card is known to be true any more: say so and show none of it. */
  reachable(yes) {
    this.root.dataset.reachable = yes ? "yes" : "no";
    if (yes) return;
    this.say(".sentence", t("phase.unknown"));
    this.sentence = null;
  }

  show(e, at) {
    this.state = e;
    // Guard's own clock on both sides of the difference: the browser's may be wrong.
    this.phaseAge = (Date.parse(at) - Date.parse(e.phase_since)) / 1000;
    this.heard = performance.now();
    this.picture.heard(at);
    this.root.dataset.phase = e.phase;
    this.say(".name", e.name);
    this.say(".kind", t(`kind.${e.kind}`));
    this.find(".simulated").hidden = !e.door?.simulated;
    const sentence = firstWord(`phase.${e.kind}.${e.phase}`, `phase.${e.phase}`);
    this.say(".sentence", sentence);
    this.say(".short", firstWord(`short.${e.kind}.${e.phase}`, `short.${e.phase}`));
    this.say(".why", e.inhibit_reason ? t(`inhibit.${e.inhibit_reason}`) : "");
    if (this.sentence !== null && sentence !== this.sentence) this.announce(`${e.name}: ${sentence}`);
    this.sentence = sentence;
    this.tick();
    this.door(e.door);
    this.lamp("relay", e.energised);
    this.lamp("voice", e.voice);
    this.find(".voice-row").hidden = !e.voice_installed || Boolean(e.voice_detail);
    this.find(".trouble").hidden = e.relay_ok;
    this.find(".voice-trouble").hidden = !e.voice_detail;
    this.find(".voice-trouble").title = e.voice_detail;
    this.camera(e.camera);
    this.say(".counts", t("counts", { events: e.events, false: e.false_pre_holds }));
    const held = HELD.has(e.phase) && e.kind === "B" && this.mayRelease;
    this.find(".rearm").hidden = !this.mayRelease || e.released_for_s === null || e.released_for_s === undefined;
    this.find(".release").hidden = !held;
    if (!held) this.open(false);
  }

  tick() {
    if (!this.state || this.root.dataset.reachable === "no") return;
    const age = this.phaseAge + (performance.now() - this.heard) / 1000;
    this.say(".since", t("since", { time: duration(age) }));
    const left = (this.state.released_for_s ?? 0) - (performance.now() - this.heard) / 1000;
    this.say(".released-left", t("live.released", { n: Math.max(0, Math.ceil(left)) }));
    const behind = this.picture.behind();
    this.find(".behind").hidden = behind === null;
    if (behind !== null) {
      this.say(".behind", t("live.behind", { s: behind.toFixed(1) }));
      this.find(".behind").dataset.late = behind > LATE_S ? "yes" : "no";
    }
  }

  door(door) {
    const text = t(`door.${door ? door.position : "unknown"}`);
    const known = door && door.floor !== null;
    const floor = known ? t("floor", { n: door.floor }) : "";
    this.say(".position", floor ? `${text} · ${floor}` : text);
    this.say(".door title", `${t("door")}: ${text}${floor ? `, ${floor}` : ""}`);
    this.say(".door .floor", known ? String(door.floor) : "–");
    // Contacts alone do not say how far: while it moves it is drawn half open.
    const opening = door?.opening ?? (door?.position === "moving" ? 0.5 : 0);
    this.find(".door-trouble").hidden = !door?.detail;
    this.find(".door-trouble").title = door?.detail ?? "";
    const shift = opening * (LEAF - 3); // a sliver stays in sight, as on a real door
    this.find(".door .left").style.transform = `translateX(${-shift}px)`;
    this.find(".door .right").style.transform = `translateX(${shift}px)`;
    this.find(".door").dataset.position = door?.position ?? "unknown";
    this.find(".door").dataset.opening = opening.toFixed(2);
  }

  lamp(which, on) {
    this.find(`.lamp.${which}`).dataset.on = on ? "yes" : "no";
    this.say(`.${which}-text`, t(on ? "on" : "off"));
  }

  camera(camera) {
    const rate = camera.state === "live" ? ` · ${t("camera.fps", { n: camera.fps.toFixed(0) })}` : "";
    this.say(".camera", `${t(`camera.${camera.state}`)}${rate}`);
    this.find(".camera").title = `${camera.source}: ${camera.detail}`;
    this.find(".picture").dataset.camera = camera.state;
    this.find(".camera-trouble").hidden = !camera.trouble;
    this.say(".camera-trouble", camera.trouble ? t(`trouble.${camera.trouble}`) : "");
    this.say(".nopicture", t(this.picture.busy ? "picture.busy" : "picture.none"));
  }

  // --- letting the door go

  open(yes) {
    this.find(".release-form").hidden = !yes;
    this.find(".release-open").hidden = yes;
    this.find(".release-open").setAttribute("aria-expanded", yes ? "true" : "false");
  }

  release() {
    const form = this.find(".release-form");
    this.find(".release-open").addEventListener("click", () => {
      this.open(true);
      this.say(".release-said", "");
      form.elements.reason.focus();
    });
    this.find(".release-cancel").addEventListener("click", () => {
      this.open(false);
      this.find(".release-open").focus();
    });
    form.addEventListener("keydown", (event) => event.key === "Escape" && this.find(".release-cancel").click());
    for (const preset of this.root.querySelectorAll(".preset")) {
      preset.addEventListener("click", () => {
        form.elements.reason.value = preset.textContent;
        form.querySelector(".danger").focus();
      });
    }
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send(form);
    });
  }

  async rearm() {
    try {
      const answer = await fetch(`/api/v1/elevators/${this.id}/rearm`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ reason: t("live.rearm.reason") }),
      });
      const body = await answer.json();
      this.say(".release-said", answer.ok ? t("live.rearmed") : t("release.failed", { why: body.detail }));
    } catch {
      this.say(".release-said", t("release.failed", { why: t("page.off") }));
    }
  }

  async send(form) {
    const button = form.querySelector(".danger");
    button.disabled = true;
    try {
      const answer = await fetch(`/api/v1/elevators/${this.id}/release`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ reason: form.elements.reason.value }),
      });
      const body = await answer.json();
      if (answer.ok) {
        form.reset();
        this.open(false);
      }
      this.say(".release-said", answer.ok ? t("release.done") : t("release.failed", { why: body.detail }));
    } catch {
      this.say(".release-said", t("release.failed", { why: t("page.off") }));
    } finally {
      button.disabled = false;
    }
  }
}
