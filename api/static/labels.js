// Where the labels of boxes go, so that none covers another. Pure.

const overlaps = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

/**
 * A place for a label of w by h at a box: above it, else inside at its top, else further down, else wherever
 * there is room beside the labels in `taken`. It never leaves `area` {x, y, w, h}, and covers a label only
 * where the whole column is full.
 */
export function placeLabel(taken, box, w, h, area) {
  const x = Math.max(area.x, Math.min(box.x, area.x + area.w - w));
  const [top, bottom] = [area.y, area.y + area.h - h];
  const at = (y) => ({ x, y: Math.max(top, Math.min(y, bottom)), w, h });
  const free = (label) => !taken.some((other) => overlaps(label, other));
  const rows = [box.y - h, box.y];
  // Just below each label that is there, then just above it: the nearest gap is always at one of them.
  rows.push(...taken.map((other) => other.y + other.h).sort((a, b) => a - b).filter((y) => y >= box.y));
  rows.push(...taken.map((other) => other.y - h).sort((a, b) => b - a));
  const whole = rows.filter((y) => y >= top && y <= bottom).map(at);
  return whole.find(free) ?? at(box.y - h);
}
