"""Clips of an e-bike that comes in, stands and leaves, with the pictures known in which it is fully in view.

*Rendered*: the bundled clip's e-bike, mirrored, cropped, slower or faster, darker or brighter, with more
noise, at random; the renderer says when the whole vehicle is in view, and its box, from when on it stands in
the doorway and no longer on the landing, where a vehicle is reported but does not hold the door.
*Composited*: a held-out cut-out of an e-bike (never trained on) moved into an empty cabin from one side,
mostly with somebody beside it; its shape says when all of it is inside the picture. Clip N of a seed is the
same on every machine, so a run can be made in parts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.day_entries import FPS, drawn_into, grained, mover, visible_share
from benchmarks.day_pieces import Material
from datasets.composite import camera_look
from vision.presence import PresenceParams
from vision.sources import iter_frames
from vision.sources.address import SAMPLE_PATH
from vision.types import Image
from vision.zones import Zone, zone_of

EMPTY_S: Final = 1.6  # the stream begins, the gate takes its first look
STAND_S: Final = 1.2
AFTER_S: Final = 3.4  # release takes at most 3 s
SAMPLE_ZONES: Final = (
    Zone("landing", ((0.0, 0.77), (0.523, 0.554), (0.523, 0.0), (0.0, 0.0))),
    Zone("doorway", ((0.0, 0.77), (0.523, 0.554), (0.536, 0.571), (0.0, 0.81))),
)
"""The bundled clip's, as an installer would draw them: the sill is the doorway, beyond it is the landing."""
HOLDING: Final = PresenceParams().holding_zones
FULL: Final = 0.995
"""Share of the cut-out inside the picture from which it counts as fully in view; the rest is its edge."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The parts of the sample clip that clips are made of; pictures (H, W, 3)."""

    empty: Image
    entering: list[Image]
    full_at: int  # index in `entering` of the first picture with the whole vehicle
    inside_at: int  # ... and of the first from then on in which it stands in the doorway or the car
    leaving: list[Image]
    gone_at: int  # index in `leaving` of the last picture that shows any of it


@dataclass(frozen=True, slots=True)
class Clip:
    """Pictures at 10 a second, and what they show when."""

    number: int
    origin: str  # rendered or composited
    images: list[Image]
    first: int  # number of the first picture that shows any of the vehicle
    full: int  # number of the first picture with the whole vehicle
    inside: int  # number of the first picture from then on in which it is where it holds the door
    last: int  # number of the last picture that shows any of it


def load_scene() -> Scene:
    """Cut the sample clip into its parts by its ground truth."""
    facts = json.loads(SAMPLE_PATH.with_suffix(".json").read_text("utf-8"))
    times = facts["intervals"]["e_bike"]
    images = [frame.image for frame in iter_frames("sample")]
    at = {name: round(times[name] * facts["fps"]) for name in times}
    entering = images[at["first_partly_s"] : at["first_fully_s"] + 25]
    leaving = images[at["last_fully_s"] - 5 : at["last_partly_s"] + 1]
    full_at = at["first_fully_s"] - at["first_partly_s"]
    boxes = {row["frame"]: row["box"] for row in facts["boxes"] if row["class"] == "e_bike"}
    inside_at = next(
        frame - at["first_partly_s"]
        for frame, box in sorted(boxes.items())
        if frame >= at["first_fully_s"] and zone_of(tuple(box), (1, 1), SAMPLE_ZONES) in HOLDING
    )
    gone_at = at["last_partly_s"] - at["last_fully_s"] + 5
    return Scene(images[0], entering, full_at, inside_at, leaving, gone_at)


def make_clip(scene: Scene, material: Material | None, seed: int, number: int) -> Clip:
    """Clip ``number``: every second one a composite, where there is material for it."""
    rng = np.random.default_rng((seed, number))
    if material is not None and number % 2:
        return composited(material, rng, number)
    return rendered(scene, rng, number)


def rendered(scene: Scene, rng: np.random.Generator, number: int) -> Clip:
    """A random variant of the bundled clip's coming in and leaving."""
    speed = float(rng.uniform(0.8, 1.25))
    come = [min(round(i), len(scene.entering) - 1) for i in np.arange(0, len(scene.entering), speed)]
    leave = [min(round(i), len(scene.leaving) - 1) for i in np.arange(0, len(scene.leaving), speed)]
    before = _before(rng)
    full, inside = (
        before + next(n for n, i in enumerate(come) if i >= at) for at in (scene.full_at, scene.inside_at)
    )
    last = before + len(come) + max(n for n, i in enumerate(leave) if i <= scene.gone_at)
    order = [scene.empty] * before
    order += [scene.entering[i] for i in come] + [scene.leaving[i] for i in leave]
    order += [scene.empty] * round(AFTER_S * FPS)
    return Clip(number, "rendered", list(_varied(order, rng)), before, full, inside, last)


def composited(material: Material, rng: np.random.Generator, number: int) -> Clip:
    """A held-out e-bike moved into a cabin in one to two seconds, standing, and moved out again."""
    cabin = material.cabins[int(rng.integers(len(material.cabins)))]
    cabin = camera_look(np.ascontiguousarray(cabin[:, ::-1]) if rng.random() < 0.5 else cabin, rng)
    cabin = np.asarray(cv2.resize(cabin, (cabin.shape[1] // 2 * 2, cabin.shape[0] // 2 * 2)), np.uint8)
    bikes, people = material.pieces["e_bike"], material.pieces["person"]
    bike = mover(bikes[int(rng.integers(len(bikes)))], cabin, rng, inside=True)
    movers = [bike]
    if rng.random() < 0.7:
        pusher = mover(people[int(rng.integers(len(people)))], cabin, rng)
        movers.insert(0, pusher)  # behind the vehicle, as one drawn before it
    way = [
        *np.linspace(0, 1, int(rng.integers(10, 21)), endpoint=False),
        *np.ones(round(STAND_S * FPS)),
        *np.linspace(1, 0, int(rng.integers(10, 21))),
    ]
    shares = [visible_share(bike, cabin, float(share)) for share in way]
    before = _before(rng)
    images = [cabin] * before
    images += [drawn_into(cabin, movers, float(share), rng) for share in way]
    images += [cabin] * round(AFTER_S * FPS)
    shown = [n for n, share in enumerate(shares) if share > 0]
    full = next(n for n, share in enumerate(shares) if share >= FULL)
    grain = float(rng.uniform(0.5, 3.0))
    noisy = list(grained(images, grain, rng))
    first, whole, last = before + shown[0], before + full, before + shown[-1]
    return Clip(number, "composited", noisy, first, whole, whole, last)


def _before(rng: np.random.Generator) -> int:
    return round(EMPTY_S * FPS) + int(rng.integers(0, 8))


def _varied(images: list[Image], rng: np.random.Generator) -> Iterator[Image]:
    """The same look for the whole clip, new grain for every picture."""
    mirror = rng.random() < 0.5
    height, width = images[0].shape[:2]
    left, top, right, bottom = (float(rng.uniform(0, 0.06)) for _ in range(4))
    x1, x2 = round(left * width), round((1 - right) * width)
    y1, y2 = round(top * height), round((1 - bottom) * height)
    gain, offset, gamma = (float(rng.uniform(*of)) for of in ((0.6, 1.25), (-15, 15), (0.75, 1.3)))
    level: NDArray[np.float64] = np.arange(256) / 255
    bent: NDArray[np.float64] = np.power(level, gamma) * gain + offset / 255
    table = np.clip(bent * 255, 0, 255).astype(np.uint8)
    grain = float(rng.uniform(0.5, 5.0))
    looked = []
    for image in images:
        cut = cv2.resize(image[y1:y2, x1:x2], (width, height), interpolation=cv2.INTER_LINEAR)
        looked.append(np.asarray(cv2.LUT(cut[:, ::-1] if mirror else cut, table), np.uint8))
    yield from grained(looked, grain, rng)
