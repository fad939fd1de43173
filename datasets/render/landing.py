"""Vehicles in front of the open door, as the cabin's camera sees them come: small, far and from the front.

Recognising an e-bike only once it is inside costs the door most of the time it has, and every other picture
of the set shows vehicles from the side or from above.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from datasets.render.blender import corner_camera, require_bpy
from datasets.render.cabin import CabinLook
from datasets.render.cast import CLASS_IDS, RADIUS_M, Cast, Item

SHARES = {
    "e_bike": 0.42,
    "wheelchair": 0.20,
    "stroller": 0.20,
    "bicycle": 0.11,
    "kick_scooter": 0.04,
    "clutter": 0.03,
}
FROM_THE_FRONT = 0.85
"""Share of vehicles that come towards the car; the others stand or pass by."""


class LandingCast(Cast):
    """One vehicle on its way to the car, mostly with somebody, and perhaps others who wait."""

    def __init__(self, models: Path, *, held_out: bool = False) -> None:
        """Load everything but the e-bike kept for checks, or with ``held_out`` only that one."""
        super().__init__(models)
        self.split_e_bikes(held_out=held_out)

    def arrange(self, rng: np.random.Generator, look: CabinLook) -> list[Item]:
        """Hide everything, then place one or two things before the door; return what gets labels."""
        del look  # the landing is as large before every car
        self._hide_all()
        items: list[Item] = []
        taken: list[tuple[float, float, float]] = []
        people = list(self._figures)
        for _ in range(int(rng.choice([0, 1, 2], p=[0.06, 0.74, 0.2]))):
            kind = str(rng.choice(list(SHARES), p=list(SHARES.values())))
            thing = self._things[kind][int(rng.integers(len(self._things[kind])))]
            spot = _spot(rng, RADIUS_M[kind], taken)
            if spot is None or not thing.hide_render:
                continue
            taken.append((*spot, RADIUS_M[kind]))
            items.append(self._place(kind, thing, spot, rng, len(items) + 1))
            if rng.uniform() < FROM_THE_FRONT:  # nose to the car, and a little towards the middle of the door
                turn = rng.normal(0.0, 18.0) + math.degrees(math.atan2(spot[0], 1.5 - spot[1]))
                thing.rotation_euler = (0.0, 0.0, math.radians(float(turn)))
            if people and kind != "clutter":
                self._accompany(items, people, spot, rng, taken)
        while people and rng.uniform() < 0.25:
            spot = _spot(rng, 0.25, taken)
            if spot is None:
                break
            taken.append((*spot, 0.25))
            self._stand(people.pop(), (*spot, float(rng.uniform(-180, 180))), items, rng)
        return [item for item in items if CLASS_IDS[item.kind] >= 0]


def _spot(
    rng: np.random.Generator, radius: float, taken: list[tuple[float, float, float]]
) -> tuple[float, float] | None:
    """A free place in front of the door, from the sill to the far wall of the landing."""
    for _ in range(12):
        y = float(rng.uniform(-2.5 + radius, 0.1))
        x = float(rng.normal(0.0, 0.25 if y > -0.8 else 0.5))
        if all(math.hypot(x - a, y - b) > 0.85 * (radius + r) for a, b, r in taken):
            return x, y
    return None


def camera_to_the_door(scene: Any, look: CabinLook, rng: np.random.Generator) -> None:
    """Under the ceiling at the rear, mostly in a corner, aimed so that the door is in view."""
    if scene.camera is not None:
        require_bpy().data.objects.remove(scene.camera)
    half = look.width_m / 2 - 0.08
    x = float(rng.choice([-half, half]) if rng.uniform() < 0.75 else rng.uniform(-half, half))
    z = float(min(rng.uniform(1.9, 2.6), look.height_m - 0.06))
    aim = (
        -0.25 * x + float(rng.uniform(-0.2, 0.2)),
        float(rng.uniform(-0.7, 0.5)),
        float(rng.uniform(0.4, 0.9)),
    )
    at = (x, look.depth_m - 0.08, z)
    corner_camera(scene, at, aim, float(rng.uniform(55, 98)), float(rng.uniform(-5, 5)))
