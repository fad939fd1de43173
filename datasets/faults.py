"""What surveillance cameras do to a picture beyond `composite.camera_look`: lens, night, codec, text."""

from __future__ import annotations

from collections.abc import Sequence

import av
import cv2
import numpy as np

from datasets.boxes import Box, cut_boxes
from datasets.composite import Rng
from vision.types import Image


def fisheye(image: Image, boxes: Sequence[Box], strength: float) -> tuple[Image, tuple[Box, ...]]:
    """Barrel distortion about the middle: radius r(1 + strength r^2) comes to r (r = 1 at a corner).

    Boxes follow by the hull of their moved outline. ``strength`` 0.1 is a wide lens, 0.35 a dome.
    """
    h, w = image.shape[:2]
    half = float(np.hypot(w, h)) / 2
    ys, xs = np.mgrid[0:h, 0:w].astype(np.float32)
    dx, dy = (xs - w / 2) / half, (ys - h / 2) / half
    # Scaled so that the middle of the shorter side stays on the rim: little of the picture is lost or empty.
    edge = (min(w, h) / 2 / half) ** 2
    grow = (1 + strength * (dx * dx + dy * dy)) / (1 + strength * edge)
    map_x, map_y = (dx * grow * half + w / 2), (dy * grow * half + h / 2)
    bent = cv2.remap(image, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_LINEAR)
    out: list[Box] = []
    for box in boxes:
        t = np.linspace(0, 1, 9)
        px = np.concatenate([box.x1 + t * (box.x2 - box.x1)] * 2 + [np.full(9, box.x1), np.full(9, box.x2)])
        py = np.concatenate([np.full(9, box.y1), np.full(9, box.y2)] + [box.y1 + t * (box.y2 - box.y1)] * 2)
        sx, sy = (px - w / 2) / half, (py - h / 2) / half
        ux, uy = sx.copy(), sy.copy()
        for _ in range(12):  # the map has no handy inverse; this converges for strengths below 1
            share = (1 + strength * edge) / (1 + strength * (ux * ux + uy * uy))
            ux, uy = sx * share, sy * share
        moved_x, moved_y = ux * half + w / 2, uy * half + h / 2
        hull = Box(
            box.class_id,
            float(moved_x.min()),
            float(moved_y.min()),
            float(moved_x.max()),
            float(moved_y.max()),
        )
        out.extend(cut_boxes([hull], (0, 0, w, h)))
    return bent.astype(np.uint8), tuple(out)


def night(image: Image, rng: Rng) -> Image:
    """Infrared lamps or a dark car: grey (mostly), brightest in the middle, grainy."""
    h, w = image.shape[:2]
    out = image.astype(np.float32)
    if rng.random() < 0.7:
        mix = np.array([0.2, 0.35, 0.45], np.float32) + rng.uniform(-0.1, 0.1, 3).astype(np.float32)
        out = np.repeat((out @ mix)[:, :, None], 3, axis=2)
    ys, xs = np.mgrid[0:h, 0:w].astype(np.float32)
    radius = ((xs / w - rng.uniform(0.3, 0.7)) ** 2 + (ys / h - rng.uniform(0.3, 0.7)) ** 2)[:, :, None]
    out = out * np.exp(-radius * rng.uniform(0.3, 1.5)) * rng.uniform(0.55, 0.95)
    out += rng.normal(0, rng.uniform(2, 9), size=(h, w, 1)).astype(np.float32)
    dark: Image = np.clip(out, 0, 255).astype(np.uint8)
    return dark


def h264_look(image: Image, qp: int) -> Image:
    """The picture after one H.264 key frame at a fixed quantiser (0 to 51; 35 shows blocks, 44 is bad).

    Sides are cut to even numbers, as 4:2:0 needs.
    """
    h, w = (side - side % 2 for side in image.shape[:2])
    coder = av.VideoCodecContext.create("libx264", "w")
    coder.width, coder.height, coder.pix_fmt = w, h, "yuv420p"
    coder.options = {"qp": str(qp), "preset": "ultrafast", "tune": "zerolatency"}
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image[:h, :w]), format="bgr24")
    packets = [*coder.encode(frame), *coder.encode(None)]
    reader = av.VideoCodecContext.create("h264", "r")
    frames = [f for packet in packets for f in reader.decode(packet)] + list(reader.decode(None))
    return frames[0].to_ndarray(format="bgr24").astype(np.uint8) if frames else image


def burnt_in(image: Image, rng: Rng) -> Image:
    """Date and place as recorders write them into a corner."""
    out = image.copy()
    h, w = out.shape[:2]
    size, ink = float(rng.uniform(0.3, 0.6)), int(rng.integers(180, 256))
    words = (
        f"20{rng.integers(18, 27)}-{rng.integers(1, 13):02d}-{rng.integers(1, 29):02d} "
        f"{rng.integers(0, 24):02d}:{rng.integers(0, 60):02d}:{rng.integers(0, 60):02d}"
    )
    where = (int(rng.uniform(0.0, 0.4) * w), int(rng.choice([0.07, 0.97]) * h))
    cv2.putText(out, words, where, cv2.FONT_HERSHEY_SIMPLEX, size, (0, 0, 0), 3)
    cv2.putText(out, words, where, cv2.FONT_HERSHEY_SIMPLEX, size, (ink, ink, ink), 1)
    return out


def recorded(image: Image, rng: Rng) -> Image:
    """Night, text and codec faults, each now and then."""
    out = night(image, rng) if rng.random() < 0.12 else image
    if rng.random() < 0.2:
        out = burnt_in(out, rng)
    if rng.random() < 0.3:
        coded = h264_look(out, int(rng.integers(28, 44)))
        h, w = out.shape[:2]
        out = coded if coded.shape == out.shape else cv2.resize(coded, (w, h)).astype(np.uint8)
    return out
