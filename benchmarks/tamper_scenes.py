"""What happens to a camera, drawn over its pictures: things of every day, and tampering.

Each function takes an (H, W, 3) uint8 picture, the time in seconds since it began and a random generator, and
gives the picture that the camera would send.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vision.types import Image

Act = Callable[[Image, float, Generator], Image]

NOISE: Final = 1.5
"""Grey levels, standard deviation per pixel at 320 x 180; 3 at 640 x 360: an indoor camera by day."""
DIM_NOISE: Final = 3.0
_BANK: Final = np.random.default_rng(1).standard_normal((1024, 1024), dtype=np.float32)


def noisy(image: NDArray[np.float32] | Image, rng: Generator, sigma: float = NOISE) -> Image:
    """With sensor noise, another one in every call, so that no two pictures are the same."""
    h, w = image.shape[:2]
    y, x = rng.integers(0, 1024 - h), rng.integers(0, 1024 - w)
    noise = (_BANK[y : y + h, x : x + w] * np.float32(sigma))[..., None]
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def everyday(other: Image, crowd: Image) -> Mapping[str, Act]:
    """What must not alarm. ``other`` is the picture behind the opened door, ``crowd`` what people wear."""

    def door(image: Image, t_s: float, rng: Generator) -> Image:
        """A door on two fifths of the picture opens, stays open and closes, every ten seconds."""
        open_share = float(np.clip(2.5 - abs(t_s % 10 - 5), 0, 1))
        width = int(image.shape[1] * 0.4 * open_share)
        left = image.shape[1] // 5
        out = image.copy()
        out[:, left : left + width] = _like(other, image)[:, left : left + width]
        return noisy(out, rng)

    def door_stays_open(image: Image, _t_s: float, rng: Generator) -> Image:
        return door(image, 5.0, rng)

    def lights_dim(image: Image, t_s: float, rng: Generator) -> Image:
        """Night light: a seventh of the light, and the noise of a camera that turns its gain up."""
        return noisy(image.astype(np.float32) * (0.14 if t_s > 1 else 1.0), rng)

    def infrared(image: Image, _t_s: float, rng: Generator) -> Image:
        """The camera goes over to infrared: grey, another tone for every colour, vignetted."""
        grey = image.astype(np.float32) @ np.array([0.7, -0.2, 0.5], np.float32)
        grey = np.clip(30 + grey * _vignette(image), 0, 255)
        return noisy(np.repeat(grey[..., None], 3, axis=2), rng, DIM_NOISE)

    def exposure(image: Image, t_s: float, rng: Generator) -> Image:
        """Light falls in: half as bright again and back, every four seconds."""
        return noisy(image.astype(np.float32) * (1.5 if t_s % 4 < 2 else 1.0), rng)

    def vibration(image: Image, _t_s: float, rng: Generator) -> Image:
        dx, dy = rng.normal(0, 0.003, 2) * image.shape[1]
        return noisy(_shifted(image, dx, dy), rng)

    def people(share: float) -> Act:
        def act(image: Image, t_s: float, rng: Generator) -> Image:
            """People stand in the car: they cover this share of the view and sway."""
            h, w = image.shape[:2]
            out = image.copy()
            n = 6
            for i in range(n):
                width = int(w * share / n * 1.05)
                sway = 0.012 * w * np.sin(t_s * (0.9 + 0.17 * i) + 2 * i) + rng.normal(0, 0.002) * w
                x = int(np.clip(i * w / n + sway, 0, w - width))
                top = int(h * 0.08 * (1 + np.sin(i * 2.1 + t_s * 0.7)) * (2 - share))
                body = crowd[:, (i * 37) % max(1, crowd.shape[1] - 40) :][:, : max(40, crowd.shape[1] // n)]
                out[top:, x : x + width] = cv2.resize(body, (width, h - top))
            return noisy(out, rng)

        return act

    def coats(image: Image, t_s: float, rng: Generator) -> Image:
        """Five people in plain dark coats before most of the view: few edges, but they sway."""
        h, w = image.shape[:2]
        out = image.copy()
        for i, (x, y) in enumerate(((0.12, 0.55), (0.35, 0.75), (0.55, 0.45), (0.75, 0.7), (0.93, 0.5))):
            sway = 0.012 * w * np.sin(t_s * (0.8 + 0.13 * i) + 2 * i) + rng.normal(0, 0.002) * w
            at, tone = (int(x * w + sway), int(y * h)), 25 + 12 * i
            cv2.ellipse(out, at, (int(w * 0.14), int(h * 0.42)), 0, 0, 360, (tone, tone, tone + 6), -1)
            cv2.circle(
                out, (at[0], at[1] - int(h * 0.1)), int(h * 0.1), (tone // 2, tone // 2, tone // 2), -1
            )
        return noisy(out, rng)

    def furniture(image: Image, _t_s: float, rng: Generator) -> Image:
        """A wardrobe stands before half of the view and does not move."""
        h, w = image.shape[:2]
        out = image.copy()
        x, y = int(w * 0.3), int(h * 0.2)
        out[y:, x : x + w // 2] = (70, 110, 150)
        for line in range(y, h, max(1, h // 8)):
            out[line : line + 2, x : x + w // 2] = (40, 60, 80)
        return noisy(out, rng)

    return {
        "door opens and closes": door,
        "door stays open": door_stays_open,
        "lights dimmed to a seventh": lights_dim,
        "infrared at night": infrared,
        "exposure jumps": exposure,
        "vibration": vibration,
        "people before half of the view": people(0.5),
        "people before three quarters": people(0.75),
        "people before nine tenths": people(0.9),
        "five dark coats": coats,
        "wardrobe before half of the view": furniture,
    }


def tampering(other: Image) -> Mapping[str, Act]:
    """What must alarm. ``other`` is what the camera sees when it was turned right away."""

    def cap(image: Image, _t_s: float, rng: Generator) -> Image:
        return noisy(np.full_like(image, 8), rng)

    def cloth(image: Image, _t_s: float, rng: Generator) -> Image:
        """A cloth or a hand right before the lens: one soft tone."""
        h, w = image.shape[:2]
        soft = cv2.resize(np.array([[90, 120], [70, 105]], np.float32), (w, h), interpolation=cv2.INTER_CUBIC)
        return noisy(np.repeat(soft[..., None], 3, axis=2).astype(np.float32), rng)

    def tape(image: Image, _t_s: float, rng: Generator) -> Image:
        return noisy(np.full_like(image, 205), rng)

    def paint(share: float) -> Act:
        def act(image: Image, _t_s: float, rng: Generator) -> Image:
            """Spray paint on the dome: soft blots over this share of the view."""
            return noisy(_painted(image, share), rng)

        return act

    def grease(image: Image, _t_s: float, rng: Generator) -> Image:
        """Grease or hair spray on the dome: all of it out of focus."""
        return noisy(cv2.GaussianBlur(image, (0, 0), image.shape[1] / 28).astype(np.uint8), rng)

    def turned_a_bit(image: Image, _t_s: float, rng: Generator) -> Image:
        """Turned by a third of its view: the old view reappears, shifted and tilted."""
        h, w = image.shape[:2]
        turn = cv2.getRotationMatrix2D((w / 2, h / 2), 12, 1.0)
        turn[:, 2] += (w * 0.33, h * 0.1)
        return noisy(cv2.warpAffine(image, turn, (w, h), borderMode=cv2.BORDER_REFLECT).astype(np.uint8), rng)

    def turned_away(image: Image, _t_s: float, rng: Generator) -> Image:
        return noisy(_like(other, image), rng)

    def frozen(image: Image, _t_s: float, _rng: Generator) -> Image:
        return image

    def dark(image: Image, _t_s: float, rng: Generator) -> Image:
        """No light at all, and the gain turned up."""
        return noisy(image.astype(np.float32) * 0.015, rng, DIM_NOISE)

    return {
        "cap": cap,
        "cloth or hand": cloth,
        "tape": tape,
        "paint over three quarters": paint(0.75),
        "paint over nine tenths": paint(0.9),
        "grease": grease,
        "turned by a third": turned_a_bit,
        "turned away": turned_away,
        "frozen": frozen,
        "no light": dark,
    }


def _like(other: Image, image: Image) -> Image:
    resized = cv2.resize(other, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_AREA)
    return resized.astype(np.uint8, copy=False)


def _shifted(image: Image, dx: float, dy: float) -> Image:
    size = (image.shape[1], image.shape[0])
    move = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    return cv2.warpAffine(image, move, size, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)


def _vignette(image: Image) -> NDArray[np.float32]:
    h, w = image.shape[:2]
    y, x = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
    vignette: NDArray[np.float32] = (1 - 0.3 * (x * x + y * y)).astype(np.float32)
    return vignette


def _painted(image: Image, share: float) -> Image:
    """Blots over ``share`` of the picture, the same in every call, out of focus: they are on the dome."""
    h, w = image.shape[:2]
    rng = np.random.default_rng(7)
    field = cv2.GaussianBlur(rng.standard_normal((h, w)).astype(np.float32), (0, 0), w / 18)
    limit = float(np.quantile(field, 1 - share))
    soft = cv2.GaussianBlur((field > limit).astype(np.float32), (0, 0), w / 16)[..., None]
    paint = np.array([40, 45, 50], np.float32)
    painted: Image = (image * (1 - soft) + paint * soft).astype(np.uint8)
    return painted
