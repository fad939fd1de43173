"""Pictures made from pictures: views of real frames, and cut-outs placed on real cabin backgrounds.

Everything takes a `numpy.random.Generator`, so one seed gives one set.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.boxes import Box, Sample, cut_boxes, overlap_share, warp_boxes
from datasets.drawing import one_of
from datasets.shapes import Cutout, mask_box
from vision.types import PERSON, Image

Rng = np.random.Generator
OUT_PX = 416
"""Longest side of every picture in a built set: what a 320 to 416 px detector can use. Ours."""


def camera_look(image: Image, rng: Rng) -> Image:
    """What a cheap dome camera does: exposure, colour cast, infrared grey, blur, noise, JPEG blocks."""
    out = image.astype(np.float32)
    out = 255.0 * (out / 255.0) ** float(np.exp(rng.uniform(-0.5, 0.5)))  # gamma 0.6 to 1.65
    out = (out - 128) * rng.uniform(0.7, 1.2) + 128 + rng.uniform(-30, 25)
    out *= rng.uniform(0.93, 1.07, size=3).astype(np.float32)
    if rng.random() < 0.15:
        grey = out.mean(axis=2, keepdims=True)
        out = np.repeat(grey, 3, axis=2)
    if rng.random() < 0.25:
        length = int(rng.integers(3, 8))
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1.0 / length
        turn = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), float(rng.uniform(0, 180)), 1.0)
        kernel = cv2.warpAffine(kernel, turn, (length, length)).astype(np.float32)
        out = cv2.filter2D(out, -1, kernel / max(float(kernel.sum()), 1e-3)).astype(np.float32)
    elif rng.random() < 0.3:
        out = cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.4, 1.3))).astype(np.float32)
    if rng.random() < 0.4:
        out += rng.normal(0, rng.uniform(2, 9), size=out.shape).astype(np.float32)
    eight = np.clip(out, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 70))]
        again = cv2.imdecode(cv2.imencode(".jpg", eight, quality)[1], cv2.IMREAD_COLOR)
        eight = eight if again is None else again.astype(np.uint8)
    return eight


def recolour(image: Image, rng: Rng) -> Image:
    """Turn the hue and change the saturation: the same vehicle in another paint."""
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV).astype(np.int32)
    hsv[:, :, 0] = (hsv[:, :, 0] + int(rng.integers(0, 180))) % 180
    hsv[:, :, 1] = np.clip(hsv[:, :, 1] * rng.uniform(0.5, 1.3), 0, 255)
    return cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2BGR).astype(np.uint8)


def fit(image: Image, boxes: Sequence[Box], longest_px: int = OUT_PX) -> tuple[Image, tuple[Box, ...]]:
    """Scale so that the longer side is ``longest_px``."""
    h, w = image.shape[:2]
    s = longest_px / max(h, w)
    mode = cv2.INTER_AREA if s < 1 else cv2.INTER_LINEAR
    small = cv2.resize(image, (max(1, round(w * s)), max(1, round(h * s))), interpolation=mode).astype(
        np.uint8
    )
    return small, tuple(Box(b.class_id, b.x1 * s, b.y1 * s, b.x2 * s, b.y2 * s) for b in boxes)


def view(sample: Sample, rng: Rng, name: str, max_turn_deg: float = 20.0, keep: int | None = None) -> Sample:
    """Another look at a real picture: cut, turned, mirrored, seen by another camera.

    Args: keep: class of which at least one object should stay at least half in view (tries a few cuts).
    """
    h, w = sample.image.shape[:2]
    focus = [b for b in sample.boxes if b.class_id == keep]
    frame = (0.0, 0.0, float(w), float(h))
    for _ in range(12):
        share = rng.uniform(0.65, 1.0)
        cw, ch = w * share, h * min(1.0, share * rng.uniform(0.85, 1.15))
        x, y = rng.uniform(0, w - cw), rng.uniform(0, h - ch)
        tried = (x, y, x + cw, y + ch)
        if not focus or any(overlap_share(b, Box(0, *tried)) >= 0.5 for b in focus):
            frame = tried
            break
    x1, y1, x2, y2 = (round(v) for v in frame)
    image = sample.image[y1:y2, x1:x2]
    image, boxes = fit(image, cut_boxes(sample.boxes, (x1, y1, x2, y2)))
    h, w = image.shape[:2]
    centre = np.array([[1, 0, -w / 2], [0, 1, -h / 2], [0, 0, 1]], np.float64)
    turn, scale = math.radians(rng.uniform(-max_turn_deg, max_turn_deg)), rng.uniform(0.85, 1.1)
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    cos, sin = math.cos(turn) * scale, math.sin(turn) * scale
    turn_m = np.array([[cos * mirror, -sin, 0], [sin * mirror, cos, 0], [0, 0, 1]], np.float64)
    tilt = np.eye(3)
    tilt[2, :2] = rng.uniform(-0.0005, 0.0005, size=2)
    back = np.array([[1, 0, w / 2], [0, 1, h / 2], [0, 0, 1]], np.float64)
    matrix = back @ tilt @ turn_m @ centre
    border = cv2.BORDER_REFLECT_101 if rng.random() < 0.3 else cv2.BORDER_CONSTANT
    image = cv2.warpPerspective(image, matrix, (w, h), borderMode=border, borderValue=(114, 114, 114)).astype(
        np.uint8
    )
    if rng.random() < 0.35:
        image = recolour(image, rng)
    return Sample(camera_look(image, rng), warp_boxes(boxes, matrix, (w, h)), name, sample.source)


def quarter_turned(sample: Sample, quarters: int) -> Sample:
    """The picture turned anticlockwise by ``quarters`` times 90 degrees, with its boxes."""
    image, boxes = sample.image, sample.boxes
    for _ in range(quarters % 4):
        w = image.shape[1]
        image = np.ascontiguousarray(np.rot90(image))
        boxes = tuple(Box(b.class_id, b.y1, w - b.x2, b.y2, w - b.x1) for b in boxes)
    return replace(sample, image=image, boxes=boxes)


def distant(sample: Sample, rng: Rng, name: str) -> Sample:
    """The picture small within a blurred, enlarged copy of itself, as if seen down a long hall.

    The blur leaves nothing around it that could be named. Boxes below the smallest side are dropped.
    """
    seen = view(sample, rng, name, 6.0)
    h, w = seen.image.shape[:2]
    scale = float(rng.uniform(0.3, 0.65))
    around = cv2.GaussianBlur(seen.image, (0, 0), max(h, w) * 0.06)
    small = cv2.resize(
        seen.image, (max(8, round(w * scale)), max(8, round(h * scale))), interpolation=cv2.INTER_AREA
    )
    sh, sw = small.shape[:2]
    x, y = int(rng.integers(0, w - sw + 1)), int(rng.integers(0, h - sh + 1))
    around[y : y + sh, x : x + sw] = small
    fx, fy = sw / w, sh / h
    boxes = [Box(b.class_id, b.x1 * fx + x, b.y1 * fy + y, b.x2 * fx + x, b.y2 * fy + y) for b in seen.boxes]
    return Sample(around.astype(np.uint8), cut_boxes(boxes, (0, 0, w, h)), name, sample.source)


def place(
    background: Sample, cutouts: Sequence[Cutout], rng: Rng, name: str, *, eye_level: bool = False
) -> Sample:
    """Put cut-outs into a cabin picture, seen a little from above, some half outside, with a soft shadow.

    Args: eye_level: the background was taken by a standing person, so the cut-outs keep their own view.

    Objects already in the background keep their boxes unless a cut-out hides most of them.
    """
    image, boxes = fit(background.image, background.boxes)
    canvas = image.astype(np.float32)
    h, w = image.shape[:2]
    kept = list(boxes)
    for cutout in cutouts:
        people = [b for b in kept if b.class_id == PERSON and b.y2 - b.y1 > 0.3 * h]
        owner = one_of(people, rng) if eye_level and people else None
        # A vehicle is about as long as its owner is tall; without one, any size that a cabin shows.
        length = (
            (owner.y2 - owner.y1) * rng.uniform(0.75, 1.15) if owner else min(h, w) * rng.uniform(0.35, 0.95)
        )
        piece, alpha = _seen(cutout, rng, length, eye_level=eye_level)
        ph, pw = alpha.shape
        # Feet on the floor: the lower part of the picture; one in four is half outside, as in a doorway.
        reach = 0.45 if rng.random() < 0.25 else 0.1
        left, right = sorted((-reach * pw, w - pw * (1 - reach)))
        top, bottom = sorted((max(-reach * ph, h * 0.25 - ph * 0.3), max(h * 0.3, h - ph * (1 - reach))))
        x, y = round(rng.uniform(left, right)), round(rng.uniform(top, bottom))
        if owner is not None:  # pushed or sat on: beside its owner, on the same floor
            x = round((owner.x1 + owner.x2) / 2 + rng.uniform(-0.6, 0.6) * pw - pw / 2)
            y = round(owner.y2 + rng.uniform(-0.02, 0.06) * h - ph)
        sx1, sy1, sx2, sy2 = max(0, -x), max(0, -y), min(pw, w - x), min(ph, h - y)
        if sx2 - sx1 < 12 or sy2 - sy1 < 12:
            continue
        shown = np.zeros((h, w), np.uint8)
        shown[y + sy1 : y + sy2, x + sx1 : x + sx2] = alpha[sy1:sy2, sx1:sx2]
        box = mask_box(shown, cutout.class_id)
        if box is None or box.area < 0.2 * pw * ph:
            continue
        paint = np.zeros_like(canvas)
        paint[y + sy1 : y + sy2, x + sx1 : x + sx2] = match_light(piece, alpha, canvas, rng)[sy1:sy2, sx1:sx2]
        canvas = laid_over(canvas, paint, shown, (round(ph * 0.04), max(2.0, pw * 0.05)), rng)
        kept = [b for b in kept if overlap_share(b, box) < 0.75]
        kept.append(box)
    return Sample(
        camera_look(np.clip(canvas, 0, 255).astype(np.uint8), rng), tuple(kept), name, cutouts[0].source
    )


def _seen(cutout: Cutout, rng: Rng, length_px: float, *, eye_level: bool) -> tuple[Image, NDArray[np.uint8]]:
    """A side view, or pressed into the look of a ceiling corner: lower, wider at the top, turned."""
    tilt = 0.2 if eye_level else 1.0  # how much of the ceiling corner's look
    size = length_px / max(cutout.alpha.shape)
    h, w = cutout.alpha.shape
    w2, h2 = max(12, w * size), max(12, h * size * rng.uniform(1 - 0.35 * tilt, 1.05))
    grow = rng.uniform(0.0, 0.25) * tilt * w2  # the top is nearer to the camera, so it is wider
    lean = rng.uniform(-0.15, 0.15) * tilt * w2
    src = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    dst = np.array([[lean - grow / 2, 0], [w2 + lean + grow / 2, 0], [w2, h2], [0, h2]], np.float32)
    turn = math.radians(rng.uniform(-30, 30) * tilt)
    if rng.random() < 0.5:
        dst[:, 0] *= -1
    dst = dst @ np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]], np.float32)
    dst -= dst.min(axis=0)
    out = (math.ceil(dst[:, 0].max()) + 1, math.ceil(dst[:, 1].max()) + 1)
    matrix = cv2.getPerspectiveTransform(src, dst.astype(np.float32))
    image = cutout.image if rng.random() < 0.5 else recolour(cutout.image, rng)
    warped = cv2.warpPerspective(image, matrix, out, flags=cv2.INTER_AREA).astype(np.uint8)
    return warped, cv2.warpPerspective(cutout.alpha, matrix, out, flags=cv2.INTER_AREA).astype(np.uint8)


def laid_over(
    scene: NDArray[np.float32],
    paint: NDArray[np.float32],
    shown: NDArray[np.uint8],
    shadow_px: tuple[int, float],
    rng: Rng,
) -> NDArray[np.float32]:
    """``paint`` on the scene where ``shown`` (alpha) says, with a soft shadow.

    Args: shadow_px: how far below the shadow lies, and how soft it is (sigma).
    """
    down, soft = shadow_px
    shadow = cv2.GaussianBlur(np.roll(shown, down, axis=0), (0, 0), soft)[:, :, None].astype(np.float32)
    dark = scene * (1 - rng.uniform(0.1, 0.45) * shadow / 255)
    a = shown[:, :, None].astype(np.float32) / 255
    return (dark * (1 - a) + paint * a).astype(np.float32)


def match_light(
    piece: Image, alpha: NDArray[np.uint8], scene: NDArray[np.float32], rng: Rng
) -> NDArray[np.float32]:
    """Bring the piece half way to the brightness of the scene, so that studio light does not give it away."""
    inside = alpha > 128
    own = float(piece[inside].mean()) if inside.any() else 128.0
    gain = (float(scene.mean()) * rng.uniform(0.5, 1.1) / max(own, 1.0)) ** 0.5
    lit: NDArray[np.float32] = np.clip(piece.astype(np.float32) * np.float32(gain), 0, 255)
    return lit
