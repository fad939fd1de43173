"""Entries of a synthetic day: somebody comes into the car, stands, and leaves again, 10 frames per second.

Entry N of a seed is the same on every machine, so a day can be played in parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.day_pieces import Material, drawn
from datasets.ceiling import LENGTH_OTHERS, LENGTH_SHARE, turned
from datasets.composite import camera_look, recolour
from datasets.shapes import Cutout
from vision.types import E_BIKE, PERSON, Frame, Image

FPS: Final = 10.0
SHARES: Final = {"person": 0.80, "cart_suitcase": 0.08, "stroller": 0.06, "wheelchair": 0.03, "bicycle": 0.03}
"""What enters a residential elevator. Ours: no published count is known to us. Wheelchairs and strollers are
taken higher than most houses have them, since they are what must not be held."""
PASSAGE_SHARE: Final = 0.15
"""Of wheelchairs and strollers: a stretch of the bundled clip instead of a composite."""
EMPTY_BEFORE, STILL_AFTER = 2, 3  # frames of the car alone; each entry is replayed from a fresh start
NOISE: Final = 2.0  # grey levels, as `benchmarks.idle`


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. ``kind`` is one of `SHARES`, or ``e_bike`` for the control."""

    number: int
    kind: str
    origin: str  # composite or clip
    frames: list[Frame]


@dataclass(frozen=True, slots=True)
class Mover:
    """A piece and where it stands; it comes from outside the picture and goes back there."""

    image: NDArray[np.float32]
    alpha: NDArray[np.float32]
    stand: tuple[float, float]
    away: tuple[float, float]
    grow: float  # scale outside, as a share of the one inside


def kind_of(number: int, seed: int) -> str:
    """What entry ``number`` of the day is."""
    rng = np.random.default_rng([seed, 1, number])
    return str(rng.choice(list(SHARES), p=list(SHARES.values())))


def entry(material: Material, number: int, seed: int, *, kind: str | None = None) -> Entry:
    """Entry ``number`` of the day. Args: kind: another than the day's own."""
    rng = np.random.default_rng([seed, 2, number])
    kind = kind or kind_of(number, seed)
    if kind in material.passages and rng.random() < PASSAGE_SHARE:
        return Entry(number, kind, "clip", _timed(_passage(material.passages[kind], rng), rng))
    cabin = material.cabins[int(rng.integers(len(material.cabins)))]
    if rng.random() < 0.5:
        cabin = np.ascontiguousarray(cabin[:, ::-1])
    cabin = camera_look(cabin, rng)
    images = [cabin] * EMPTY_BEFORE
    images += visit(material, kind, cabin, rng)
    images += [cabin] * STILL_AFTER
    return Entry(number, kind, "composite", _timed(images, rng))


def visit(material: Material, kind: str, cabin: Image, rng: np.random.Generator) -> list[Image]:
    """Somebody of that kind comes into this car, stands for a moment and leaves: 2 to 3.5 s, no noise."""
    movers = [mover(piece, cabin, rng) for piece in _who(material, kind, rng)]
    inside = np.concatenate(
        [
            np.linspace(0, 1, int(rng.integers(7, 12))),
            np.ones(int(rng.integers(7, 12))),
            np.linspace(1, 0, int(rng.integers(7, 12))),
        ]
    )
    return [drawn_into(cabin, movers, float(share), rng) for share in inside]


def _who(material: Material, kind: str, rng: np.random.Generator) -> list[Cutout]:
    """The pieces of one entry: vehicles are mostly pushed by somebody, people come in ones to threes."""

    def one(of: str) -> Cutout:
        found = material.pieces[of]
        piece = found[int(rng.integers(len(found)))]
        if of not in ("person", "e_bike") and rng.random() < 0.5:
            return Cutout(recolour(piece.image, rng), piece.alpha, piece.class_id, piece.source)
        return piece

    if kind == "person":
        return [one("person") for _ in range(int(rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1])))]
    main = drawn(rng) if kind == "cart_suitcase" else one(kind)
    return [one("person"), main] if rng.random() < 0.7 else [main]


def mover(piece: Cutout, cabin: Image, rng: np.random.Generator, *, inside: bool = False) -> Mover:
    """Where a piece stands and comes from, at random. Args: inside: it stands wholly inside the picture."""
    h, w = cabin.shape[:2]
    low, high = LENGTH_SHARE.get(piece.class_id, LENGTH_OTHERS)
    turn = 10.0 if piece.class_id in (PERSON, E_BIKE) else 20.0
    image, alpha = turned(piece, rng, min(h, w) * rng.uniform(low, min(high, 0.9)), turn)
    ph, pw = alpha.shape
    solid = alpha > 128
    own = float(image[solid].mean()) if solid.any() else 128.0
    gain = (
        float(cabin.mean()) * rng.uniform(0.7, 1.2) / max(own, 1.0)
    ) ** 0.5  # half way to the cabin's light
    stand = (rng.uniform(-0.1 * pw, w - 0.9 * pw), rng.uniform(0.25 * h - 0.3 * ph, h - 0.9 * ph))
    if inside:
        image, alpha, (ph, pw) = _shrunk_into(image, alpha, (w, h))
        stand = (rng.uniform(0, w - pw), rng.uniform(min(0.2 * h, h - ph), h - ph))
    side = int(rng.integers(3))
    away = ((-pw - 4.0, stand[1]), (w + 4.0, stand[1]), (stand[0], h + 4.0))[side]
    lit = np.clip(image.astype(np.float32) * gain, 0, 255).astype(np.float32)
    return Mover(lit, (alpha / 255).astype(np.float32), stand, away, float(rng.uniform(0.75, 1.1)))


def _shrunk_into(
    image: Image, alpha: NDArray[np.uint8], size_wh: tuple[int, int]
) -> tuple[Image, NDArray[np.uint8], tuple[int, int]]:
    """A piece that fits with room for its jitter. Returns: picture, alpha, (h, w)."""
    ph, pw = alpha.shape
    scale = min(1.0, 0.85 * size_wh[0] / pw, 0.85 * size_wh[1] / ph)
    if scale < 1:
        wanted = (max(1, round(pw * scale)), max(1, round(ph * scale)))
        image = np.asarray(cv2.resize(image, wanted, interpolation=cv2.INTER_AREA), np.uint8)
        alpha = np.asarray(cv2.resize(alpha, wanted, interpolation=cv2.INTER_AREA), np.uint8)
    return image, alpha, (alpha.shape[0], alpha.shape[1])


def visible_share(mover: Mover, cabin: Image, share: float) -> float:
    """How much of a mover's opaque area is inside the picture when it is ``share`` of the way in, 0 to 1."""
    h, w = cabin.shape[:2]
    scale, x, y = _placed(mover, share)
    rows, columns = np.nonzero(mover.alpha > 0.5)
    if not len(rows):
        return 0.0
    at_x, at_y = columns * scale + x, rows * scale + y
    return float(np.mean((at_x >= 0) & (at_x < w) & (at_y >= 0) & (at_y < h)))


def _placed(mover: Mover, share: float) -> tuple[float, float, float]:
    """Scale, and the upper left corner in pixels."""
    scale = mover.grow + (1 - mover.grow) * share
    x = mover.away[0] + (mover.stand[0] - mover.away[0]) * share
    y = mover.away[1] + (mover.stand[1] - mover.away[1]) * share
    return scale, x, y


def drawn_into(cabin: Image, movers: list[Mover], share: float, rng: np.random.Generator) -> Image:
    """The car with everybody ``share`` of the way in, each with a little jitter of place and size."""
    canvas = cabin.astype(np.float32)
    h, w = canvas.shape[:2]
    for mover in movers:
        scale, x, y = _placed(mover, share)
        scale, x, y = scale * rng.uniform(0.985, 1.015), x + rng.normal(0, 1.5), y + rng.normal(0, 1.5)
        matrix = np.array([[scale, 0, x], [0, scale, y]], np.float64)
        alpha = cv2.warpAffine(mover.alpha, matrix, (w, h))[:, :, None]
        piece = cv2.warpAffine(mover.image, matrix, (w, h), borderMode=cv2.BORDER_REPLICATE)
        shadow = cv2.blur(np.roll(alpha[:, :, 0], 4, axis=0), (15, 15))[:, :, None]
        canvas = canvas * (1 - 0.25 * shadow)
        canvas = canvas * (1 - alpha) + piece * alpha
    return np.clip(canvas, 0, 255).astype(np.uint8)


def _passage(clip: list[Image], rng: np.random.Generator) -> list[Image]:
    """Three seconds of the bundled clip, mirrored or not, in another light."""
    start = int(rng.integers(len(clip) - 30))
    light = rng.uniform(0.7, 1.2)
    mirror = -1 if rng.random() < 0.5 else 1
    chosen = [np.ascontiguousarray(image[:, ::mirror]) for image in clip[start : start + 30]]
    return [np.clip(image * light, 0, 255).astype(np.uint8) for image in chosen]


def _timed(images: list[Image], rng: np.random.Generator) -> list[Frame]:
    """Frames with camera noise, from 0 s on."""
    return [Frame(image, n / FPS, n) for n, image in enumerate(grained(images, NOISE, rng))]


def grained(images: list[Image], sigma: float, rng: np.random.Generator) -> Iterator[Image]:
    """Each picture with noise of its own: one large field of it, laid on at another place each time.

    Args: sigma: grey levels.
    """
    height, width = images[0].shape[:2]
    field = np.asarray(rng.normal(0, sigma, (height + 32, width + 32, 3)), np.float32)
    for image in images:
        y, x = (int(v) for v in rng.integers(0, 32, 2))
        yield np.clip(image + field[y : y + height, x : x + width], 0, 255).astype(np.uint8)
