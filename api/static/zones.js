// Zones on the picture: polygons whose points are moved with a mouse, a finger or the arrow keys.
// Coordinates are shares of the picture, 0 to 1.

import { t } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const SIZE = 1000; // of the drawing; the picture below it is stretched to the same box
const MAX_POINTS = 64;
const MAX_ZONES = 16;
const clamp = (v) => Math.min(1, Math.max(0, v));
const round = (v) => Math.round(clamp(v) * 1000) / 1000;

const make = (name, attributes) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};

export class Zones {
  /** `changed(zones, dirty)` is called after every change. */
  constructor(root, zones, changed) {
    this.svg = root.querySelector(".zone-svg");
    this.list = root.querySelector(".zone-list");
    this.said = root.querySelector(".zone-said");
    this.undoButton = root.querySelector(".undo-zone");
    this.changed = changed;
    this.zones = zones;
    this.past = [];
    this.kept = JSON.stringify(zones);
    this.undoButton.addEventListener("click", () => this.undo());
    for (const button of root.querySelectorAll("[data-add]")) button.addEventListener("click", () => this.add(button.dataset.add));
    this.svg.addEventListener("pointerdown", (event) => this.#grab(event));
    this.draw();
  }

  get dirty() {
    return JSON.stringify(this.zones) !== this.kept;
  }

  saved() {
    this.kept = JSON.stringify(this.zones);
    this.draw();
  }

  #remember() {
    this.past.push(JSON.stringify(this.zones));
    if (this.past.length > 200) this.past.shift();
  }

  undo() {
    if (!this.past.length) return;
    this.zones = JSON.parse(this.past.pop());
    this.say(t("rev.undone"));
    this.draw();
  }

  say(text) {
    this.said.textContent = text;
  }

  add(kind) {
    if (this.zones.length >= MAX_ZONES) return;
    this.#remember();
    const inset = 0.2 + 0.04 * (this.zones.length % 5);
    const far = round(1 - inset);
    this.zones.push({ kind, polygon: [[inset, inset], [far, inset], [far, far], [inset, far]] });
    this.draw();
    this.focus(this.zones.length - 1, 0);
  }

  remove(zone) {
    this.#remember();
    this.zones.splice(zone, 1);
    this.draw();
    this.list.querySelector("button")?.focus();
  }

  /** A new point halfway to the next one. */
  split(zone, point) {
    const { polygon } = this.zones[zone];
    if (polygon.length >= MAX_POINTS) return;
    this.#remember();
    const [a, b] = [polygon[point], polygon[(point + 1) % polygon.length]];
    polygon.splice(point + 1, 0, [round((a[0] + b[0]) / 2), round((a[1] + b[1]) / 2)]);
    this.draw();
    this.focus(zone, point + 1);
  }

  drop(zone, point) {
    const { polygon } = this.zones[zone];
    if (polygon.length <= 3) return this.remove(zone);
    this.#remember();
    polygon.splice(point, 1);
    this.draw();
    this.focus(zone, Math.min(point, polygon.length - 1));
  }

  move(zone, point, x, y) {
    this.zones[zone].polygon[point] = [round(x), round(y)];
  }

  focus(zone, point) {
    this.svg.querySelector(`.point[data-zone="${zone}"][data-point="${point}"]`)?.focus();
  }

  #name(zone, point) {
    const { kind, polygon } = this.zones[zone];
    const [x, y] = polygon[point].map((v) => Math.round(v * 100));
    return t("set.point", { n: point + 1, of: polygon.length, zone: t(`zone.${kind}`), x, y });
  }

  #at(event) {
    const box = this.svg.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  #grab(event) {
    const handle = event.target.closest(".point, .middle");
    if (!handle || event.button > 0) return;
    event.preventDefault();
    const zone = Number(handle.dataset.zone);
    let point = Number(handle.dataset.point);
    if (handle.matches(".middle")) {
      this.split(zone, point);
      point += 1;
    } else {
      this.#remember();
      this.focus(zone, point);
    }
    const before = JSON.stringify(this.zones);
    const drag = (moved) => {
      this.move(zone, point, ...this.#at(moved));
      this.#place();
    };
    const end = () => {
      removeEventListener("pointermove", drag);
      removeEventListener("pointerup", end);
      removeEventListener("pointercancel", end);
      if (JSON.stringify(this.zones) === before && handle.matches(".point")) this.past.pop(); // a press without a move
      this.draw();
      this.focus(zone, point);
    };
    addEventListener("pointermove", drag);
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
  }

  #key(event, zone, point) {
    const step = event.shiftKey ? 0.05 : 0.01;
    const [x, y] = this.zones[zone].polygon[point];
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (moves[event.key]) {
      this.#remember();
      this.move(zone, point, x + moves[event.key][0], y + moves[event.key][1]);
      this.draw();
      this.focus(zone, point);
      this.say(this.#name(zone, point));
    } else if (event.key === "Delete" || event.key === "Backspace") this.drop(zone, point);
    else if (event.key === "Insert" || event.key === "+" || event.key === "Enter") this.split(zone, point);
    else if (event.key === "z" && (event.ctrlKey || event.metaKey)) this.undo();
    else return;
    event.preventDefault();
  }

  /** Everything anew. */
  draw() {
    this.svg.replaceChildren();
    this.zones.forEach(({ kind, polygon }, zone) => {
      this.svg.append(make("polygon", { class: `area zone-${kind}`, "data-zone": zone }));
      polygon.forEach((_, point) => {
        this.svg.append(make("ellipse", { class: "middle", "data-zone": zone, "data-point": point, "aria-hidden": "true" }));
      });
      polygon.forEach((_, point) => {
        const handle = make("ellipse", { class: `point zone-${kind}`, tabindex: "0", role: "button", "data-zone": zone, "data-point": point });
        handle.addEventListener("keydown", (event) => this.#key(event, zone, point));
        this.svg.append(handle);
      });
    });
    this.#place();
    this.#lines();
    this.undoButton.disabled = !this.past.length;
    this.changed(this.zones, this.dirty);
  }

  /** Where everything is: circles stay round whatever the shape of the picture. */
  #place() {
    const box = this.svg.getBoundingClientRect();
    const [rx, ry] = [box.width, box.height].map((length) => (10 / Math.max(1, length)) * SIZE);
    for (const area of this.svg.querySelectorAll(".area")) {
      const { polygon } = this.zones[area.dataset.zone];
      area.setAttribute("points", polygon.map(([x, y]) => `${x * SIZE},${y * SIZE}`).join(" "));
    }
    for (const handle of this.svg.querySelectorAll(".point, .middle")) {
      const { polygon } = this.zones[handle.dataset.zone];
      const point = Number(handle.dataset.point);
      let [x, y] = polygon[point];
      const middle = handle.matches(".middle");
      if (middle) {
        const [bx, by] = polygon[(point + 1) % polygon.length];
        [x, y] = [(x + bx) / 2, (y + by) / 2];
      } else handle.setAttribute("aria-label", this.#name(Number(handle.dataset.zone), point));
      const scale = middle ? 0.6 : 1;
      for (const [key, value] of Object.entries({ cx: x * SIZE, cy: y * SIZE, rx: rx * scale, ry: ry * scale })) handle.setAttribute(key, value);
    }
  }

  #lines() {
    this.list.replaceChildren(
      ...this.zones.map(({ kind, polygon }, zone) => {
        const line = document.createElement("li");
        const key = document.createElement("span");
        key.className = `key zone-${kind}`;
        const name = document.createElement("span");
        name.textContent = t("set.zone.line", { zone: t(`zone.${kind}`), n: polygon.length });
        const button = document.createElement("button");
        button.type = "button";
        button.className = "preset";
        button.textContent = t("set.remove");
        button.setAttribute("aria-label", `${t("set.remove")}: ${t(`zone.${kind}`)} ${zone + 1}`);
        button.addEventListener("click", () => this.remove(zone));
        line.append(key, name, button);
        return line;
      }),
    );
  }
}
