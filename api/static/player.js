// The clip and the curve under it, in step: the line on the curve follows the picture, a press on the curve
// takes the picture there.

import { firstWord, t } from "./words.js";

const [LEFT, RIGHT, WIDTH] = [40, 8, 720]; // as api/view_event.py draws it

/** The last point at or before `time`; null before the first. Points are [seconds, score, phase]. */
export function pointAt(points, time) {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] <= time) low = middle + 1;
    else high = middle;
  }
  return low ? points[low - 1] : null;
}

export class Player {
  constructor(root) {
    this.root = root;
    this.video = root.querySelector("video");
    this.track = JSON.parse(root.querySelector(".track")?.textContent ?? "null");
    this.index = 0;
    if (!this.video || !this.track?.clips.length) return;
    for (const name of ["timeupdate", "seeked", "loadedmetadata"]) this.video.addEventListener(name, () => this.#show());
    this.video.addEventListener("play", () => this.#follow());
    this.video.addEventListener("ended", () => this.index + 1 < this.track.clips.length && this.part(this.index + 1, 0, true));
    for (const button of root.querySelectorAll(".segment-button")) {
      button.addEventListener("click", () => this.part(Number(button.dataset.index), 0, true));
    }
    const curve = root.querySelector(".curve");
    curve?.addEventListener("click", (event) => {
      const box = curve.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * WIDTH;
      const { first, last } = this.track.curve;
      this.seek(first + ((x - LEFT) / (WIDTH - LEFT - RIGHT)) * (last - first));
    });
    this.#show();
  }

  /** Another segment of a long clip. */
  part(index, from = 0, play = false) {
    this.index = index;
    for (const button of this.root.querySelectorAll(".segment-button")) {
      button.toggleAttribute("aria-current", Number(button.dataset.index) === index);
    }
    this.video.src = this.track.clips[index].url;
    this.video.currentTime = from;
    if (play) this.video.play().catch(() => {}); // a browser may want a press first
  }

  /** To a time of the event, in seconds since it was confirmed. */
  seek(time) {
    const { clips } = this.track;
    let index = clips.findIndex((clip) => time < clip.offset_s + clip.duration_s);
    if (index < 0) index = clips.length - 1;
    const from = Math.max(0, time - clips[index].offset_s);
    if (index === this.index) this.video.currentTime = from;
    else this.part(index, from);
  }

  toggle() {
    if (!this.video) return;
    if (this.video.paused) this.video.play().catch(() => {});
    else this.video.pause();
  }

  stop() {
    this.video?.pause();
  }

  #follow() {
    if (this.video.paused || !this.video.isConnected) return;
    this.#show();
    requestAnimationFrame(() => this.#follow());
  }

  #show() {
    const time = this.video.currentTime + this.track.clips[this.index].offset_s;
    this.root.querySelector(".at-time").textContent = t("seconds", { n: (time < 0 ? "−" : "+") + Math.abs(time).toFixed(1) });
    const { curve } = this.track;
    if (!curve) return;
    const point = pointAt(curve.points, time);
    this.root.querySelector(".at-phase").textContent = point ? firstWord(`short.${point[2]}`) : "";
    this.root.querySelector(".at-door").textContent = point?.[3] ? firstWord(`door.${point[3]}`) : "";
    this.root.querySelector(".at-score").textContent = point ? `${Math.round(point[1] * 100)} %` : "";
    const x = LEFT + ((time - curve.first) / (curve.last - curve.first)) * (WIDTH - LEFT - RIGHT);
    const line = this.root.querySelector(".cursor");
    line.setAttribute("d", `M${x.toFixed(1)} 6V${line.ownerSVGElement.dataset.ground}`);
    line.setAttribute("visibility", x >= LEFT && x <= WIDTH - RIGHT ? "visible" : "hidden");
    this.root.dataset.at = time.toFixed(2);
  }
}
