// The live picture of one elevator: newest JPEG over a WebSocket, boxes drawn on a canvas above it.

import { placeLabel } from "./labels.js";
import { t } from "./words.js";

const STALE_MS = 3000;
const TOO_MANY = 4429; // close code: all places are taken
const BLOCKED = "#ff7a45";
const OTHER = "#e8eef3";

export class Picture {
  constructor(figure, elevatorId) {
    this.figure = figure;
    this.canvas = figure.querySelector("canvas");
    this.none = figure.querySelector(".nopicture");
    this.id = elevatorId;
    this.last = 0; // when the latest picture came, performance.now()
    this.wait = 1000;
    this.decoding = false;
    this.next = null;
    this.shown = "";
    this.busy = false;
    this.offset = Infinity; // smallest difference seen between this clock and guard's: clocks, and the way here
    this.age = null;
    this.end = new AbortController();
    document.addEventListener("visibilitychange", () => this.#look(), { signal: this.end.signal });
    this.checking = setInterval(() => this.#check(), 500);
    this.#look();
  }

  /** The elevator is gone: free its place at the server, and let nothing of it go on. */
  close() {
    this.end.abort();
    clearInterval(this.checking);
    clearTimeout(this.retry);
    this.socket?.close();
  }

  /** Nobody looks at a hidden page: no pictures then, and guard need not encode any. */
  #look() {
    if (document.hidden || this.end.signal.aborted) {
      this.socket?.close();
    } else if (!this.socket) {
      this.#open();
    }
  }

  #open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/api/v1/elevators/${this.id}/live`);
    socket.binaryType = "blob";
    let info = null;
    socket.onmessage = ({ data }) => {
      if (typeof data === "string") {
        info = JSON.parse(data);
      } else if (info) {
        this.wait = 1000;
        this.busy = false;
        this.#time(info);
        this.#show(info, data);
        info = null;
      }
    };
    socket.onclose = ({ code }) => {
      if (this.socket === socket) this.socket = null;
      this.busy = code === TOO_MANY;
      if (document.hidden || this.end.signal.aborted) return;
      this.retry = setTimeout(() => this.#look(), this.wait);
      this.wait = Math.min(this.wait * 2, 10000);
    };
    this.socket = socket;
  }

  /**
   * How far the picture that is shown is behind the camera, in seconds. The clocks of guard and browser may
   * differ, so this is against guard's newest word: `heard` is called with the time on each state it sends.
   */
  behind() {
    return performance.now() - this.last < STALE_MS ? this.age : null;
  }

  heard(at) {
    this.offset = Math.min(this.offset, Date.now() - Date.parse(at));
  }

  #time(info) {
    if (this.offset === Infinity) return;
    this.age = Math.max(0, Date.now() - Date.parse(info.at) - this.offset) / 1000;
  }

  /** Decode and draw; while one is being decoded only the newest of the others is kept. */
  async #show(info, blob) {
    if (this.decoding) {
      this.next = [info, blob];
      return;
    }
    this.decoding = true;
    try {
      const bitmap = await createImageBitmap(blob);
      this.#draw(info, bitmap);
      bitmap.close();
      this.last = performance.now();
      this.figure.dataset.live = "yes";
      this.figure.dataset.seq = info.seq;
    } catch {
      // A broken JPEG: the next one comes in a moment.
    } finally {
      this.decoding = false;
    }
    if (this.next) {
      const [a, b] = this.next;
      this.next = null;
      this.#show(a, b);
    }
  }

  #draw(info, bitmap) {
    const [w, h] = info.size_wh;
    this.figure.style.setProperty("--ratio", `${w} / ${h}`);
    const dpr = Math.min(window.devicePixelRatio || 1, 2);
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16; // labels grow on a wall screen
    const [cw, ch] = [this.canvas.clientWidth, this.canvas.clientHeight].map((n) => Math.round(n * dpr));
    if (!cw || !ch) return;
    if (this.canvas.width !== cw || this.canvas.height !== ch) {
      this.canvas.width = cw;
      this.canvas.height = ch;
    }
    const pen = this.canvas.getContext("2d");
    const scale = Math.min(cw / w, ch / h);
    const [left, top] = [(cw - w * scale) / 2, (ch - h * scale) / 2];
    pen.clearRect(0, 0, cw, ch);
    pen.drawImage(bitmap, left, top, w * scale, h * scale);
    // What is blocked is drawn last, above the others; its label is the first to choose its place.
    const boxes = [...info.boxes].sort((a, b) => a.blocked - b.blocked);
    const view = { scale, left, top, unit: dpr * rem, area: { x: left, y: top, w: w * scale, h: h * scale } };
    for (const box of boxes) this.#box(pen, box, view);
    const taken = [];
    for (const box of [...boxes].reverse()) taken.push(this.#label(pen, box, view, taken));
    this.#describe(boxes);
  }

  #box(pen, box, { scale, left, top, unit }) {
    const [x1, y1, x2, y2] = box.xyxy.map((v, i) => v * scale + (i % 2 ? top : left));
    pen.lineWidth = (box.blocked ? 3.5 : 1.5) * unit;
    pen.strokeStyle = box.blocked ? BLOCKED : OTHER;
    pen.strokeRect(x1, y1, x2 - x1, y2 - y1);
  }

  #label(pen, box, { scale, left, top, unit, area }, taken) {
    const size = (box.blocked ? 14 : 12) * unit;
    pen.font = `${box.blocked ? 700 : 500} ${size}px system-ui, "Noto Sans CJK SC", sans-serif`;
    // How sure matters where it decides about the door; elsewhere a figure would only flicker.
    const sure = box.blocked ? ` ${Math.round(box.score * 100)} %` : "";
    const label = t(`class.${box.class_name}`) + sure;
    const [width, height] = [pen.measureText(label).width + 12 * unit, size * 1.5];
    const edge = ((box.blocked ? 3.5 : 1.5) * unit) / 2;
    const corner = { x: box.xyxy[0] * scale + left - edge, y: box.xyxy[1] * scale + top };
    const place = placeLabel(taken, corner, width, height, area);
    pen.fillStyle = box.blocked ? BLOCKED : OTHER;
    pen.fillRect(place.x, place.y, place.w, place.h);
    pen.fillStyle = "#14181c";
    pen.textBaseline = "middle";
    pen.fillText(label, place.x + 6 * unit, place.y + place.h / 2);
    return place;
  }

  /** Tell a screen reader what is in the picture, only when that changes. */
  #describe(boxes) {
    const names = [...new Set(boxes.map((box) => t(`class.${box.class_name}`)))].sort().join(", ");
    if (names === this.shown) return;
    this.shown = names;
    this.canvas.setAttribute("aria-label", names ? t("picture.sees", { what: names }) : t("picture.nothing"));
  }

  #check() {
    if (performance.now() - this.last > STALE_MS) this.figure.dataset.live = "no";
  }
}
