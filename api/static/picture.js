// The live picture of one elevator: newest JPEG over a WebSocket, boxes drawn on a canvas above it.

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
    document.addEventListener("visibilitychange", () => this.#look());
    setInterval(() => this.#check(), 500);
    this.#look();
  }

  /** Nobody looks at a hidden page: no pictures then, and guard need not encode any. */
  #look() {
    if (document.hidden) {
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
        this.#show(info, data);
        info = null;
      }
    };
    socket.onclose = ({ code }) => {
      if (this.socket === socket) this.socket = null;
      this.busy = code === TOO_MANY;
      if (document.hidden) return;
      setTimeout(() => this.#look(), this.wait);
      this.wait = Math.min(this.wait * 2, 10000);
    };
    this.socket = socket;
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
    // What is blocked is drawn last, so that its label is never covered.
    const boxes = [...info.boxes].sort((a, b) => a.blocked - b.blocked);
    for (const box of boxes) this.#box(pen, box, scale, left, top, dpr * rem);
    this.#describe(boxes);
  }

  #box(pen, box, scale, left, top, dpr) {
    const [x1, y1, x2, y2] = box.xyxy.map((v, i) => v * scale + (i % 2 ? top : left));
    const colour = box.blocked ? BLOCKED : OTHER;
    pen.lineWidth = (box.blocked ? 3.5 : 1.5) * dpr;
    pen.strokeStyle = colour;
    pen.strokeRect(x1, y1, x2 - x1, y2 - y1);
    const size = (box.blocked ? 14 : 12) * dpr;
    pen.font = `${box.blocked ? 700 : 500} ${size}px system-ui, "Noto Sans CJK SC", sans-serif`;
    const label = `${t(`class.${box.class_name}`)} ${Math.round(box.score * 100)} %`;
    const [width, height] = [pen.measureText(label).width + 12 * dpr, size * 1.5];
    const x = Math.max(left, Math.min(x1 - pen.lineWidth / 2, this.canvas.width - left - width));
    const y = y1 - height < top ? y1 : y1 - height;
    pen.fillStyle = colour;
    pen.fillRect(x, y, width, height);
    pen.fillStyle = "#14181c";
    pen.textBaseline = "middle";
    pen.fillText(label, x + 6 * dpr, y + height / 2);
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
