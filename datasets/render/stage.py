"""The sample clip's stage: the car, three visitors with their vehicles, and how a `Shot` sets them up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import numpy as np

from datasets.render.blender import corner_camera
from datasets.render.cabin import Cabin, CabinLook
from datasets.render.figure import HIP_HEIGHT_M, Clothes, Figure, Point, Pose
from datasets.render.meshes import load_mesh, spec_of
from datasets.render.motion import STEP_M, Path, Place, Shot, foot
from datasets.render.stroller import StrollerLook, build_stroller

CAMERA_AT = (0.94, 2.34, 1.93)
CAMERA_LOOKS_AT = (-0.20, 0.45, 0.66)
CAMERA_HFOV_DEG = 68.0

INDEX = {"e_bike": 1, "wheelchair": 2, "stroller": 3, "person": 4}  # pass indices in the masks

PATHS = {
    "e_bike": Path(
        ((2.7, -1.75), (1.4, -1.75), (0.55, -2.15), (0.30, -1.30)),
        ((0.30, -1.30), (0.12, -0.70), (0.45, 0.40), (-0.22, 0.76)),
    ),
    "wheelchair": Path(
        ((2.6, -1.5), (1.2, -1.5), (0.30, -1.9), (0.10, -1.10)),
        ((0.10, -1.10), (-0.05, -0.5), (-0.15, 0.2), (-0.22, 0.86)),
    ),
    "stroller": Path(
        ((2.6, -1.4), (1.2, -1.4), (0.30, -1.8), (0.12, -0.95)),
        ((0.12, -0.95), (0.0, -0.3), (-0.16, 0.4), (-0.24, 1.08)),
    ),
}
BESIDE_E_BIKE = (-0.47, -0.02)  # pushers walk on the left of the machine
BEHIND_STROLLER = (0.0, -0.93)


@dataclass(slots=True)
class Visitor:
    """A vehicle and the figure that belongs to it."""

    vehicle: Any
    figure: Figure

    def objects(self) -> list[Any]:
        """Return everything of this visitor that can be seen."""
        return [self.vehicle, *self.figure.objects.values()]


class Stage:
    """Builds everything once; `set_up` then moves it."""

    def __init__(self, scene: Any, models: FilePath) -> None:
        """Load meshes from the `models` folder. Raises: FileNotFoundError if one is missing."""
        self.cabin = Cabin(CabinLook(door_width_m=1.4, light_w=62.0))
        corner_camera(scene, CAMERA_AT, CAMERA_LOOKS_AT, CAMERA_HFOV_DEG)
        grey = Clothes(jacket=(0.30, 0.34, 0.30), trousers=(0.10, 0.09, 0.08), hair=(0.35, 0.34, 0.33))
        red = Clothes(jacket=(0.36, 0.07, 0.07), trousers=(0.05, 0.06, 0.10), hair=(0.06, 0.03, 0.02))
        self.visitors = {
            "e_bike": Visitor(load_mesh(models, spec_of("emoped_01.glb")), Figure("pusher", Clothes())),
            "wheelchair": Visitor(load_mesh(models, spec_of("wheelchair_02.glb")), Figure("sitter", grey)),
            "stroller": Visitor(build_stroller("pram", StrollerLook()), Figure("parent", red)),
        }
        for name, visitor in self.visitors.items():
            for thing in visitor.objects():
                thing.pass_index = INDEX["person"]
            visitor.vehicle.pass_index = INDEX[name]

    def set_up(self, shot: Shot) -> list[Any]:
        """Arrange the scene for one frame and return the moving objects in it."""
        self.cabin.open_doors(shot.door)
        for name, visitor in self.visitors.items():
            for thing in visitor.objects():
                thing.hide_render = name != shot.actor
        if not shot.actor:
            return []
        visitor = self.visitors[shot.actor]
        path = PATHS[shot.actor]
        place = path.at(shot.s_m)
        _put(visitor.vehicle, place)
        if shot.actor == "wheelchair":
            _put(visitor.figure.root, place.offset(0.0, -0.07))
            visitor.figure.show(_sitting(shot))
        else:
            pushing_bike = shot.actor == "e_bike"
            offset = BESIDE_E_BIKE if pushing_bike else BEHIND_STROLLER
            _put(visitor.figure.root, place.offset(*offset))
            hands = _hands_on_e_bike() if pushing_bike else _hands_on_stroller()
            visitor.figure.show(_walking(path, shot, offset, hands))
        return visitor.objects()


def _put(thing: Any, place: Place) -> None:
    thing.location = (place.x, place.y, 0.0)
    thing.rotation_euler = (0.0, 0.0, math.radians(place.heading_deg))


def _hands_on_e_bike() -> tuple[Point, Point]:
    """Left hand on the left grip, right hand on the rear of the seat; in the walker's frame."""
    dx, dy = BESIDE_E_BIKE
    return np.array((-0.36 - dx, 0.27 - dy, 1.04)), np.array((-0.10 - dx, -0.32 - dy, 0.86))


def _hands_on_stroller() -> tuple[Point, Point]:
    dx, dy = BEHIND_STROLLER
    return np.array((-0.17 - dx, -0.52 - dy, 1.04)), np.array((0.17 - dx, -0.52 - dy, 1.04))


def _walking(path: Path, shot: Shot, offset: tuple[float, float], hands: tuple[Point, Point]) -> Pose:
    left, right = (np.array(foot(path, shot.s_m, side, offset)) for side in (-1.0, 1.0))
    spread = abs(float(left[1] - right[1]))
    return Pose(
        left_foot=left,
        right_foot=right,
        left_hand=hands[0],
        right_hand=hands[1],
        hip_height_m=HIP_HEIGHT_M - 0.02 - 0.10 * spread**2,
        lean_deg=7.0,
        head_turn_deg=shot.glance_deg,
    )


def _sitting(shot: Shot) -> Pose:
    """Seated with feet on the foot rests; the hands go round with the push rims, once per 0.9 m."""
    turn = 2.0 * math.pi * shot.s_m / (1.9 * STEP_M)
    y, z = 0.02 + 0.13 * math.sin(turn), 0.60 + 0.03 * math.cos(turn)
    return Pose(
        left_foot=np.array((-0.10, 0.52, 0.10)),
        right_foot=np.array((0.10, 0.52, 0.10)),
        left_hand=np.array((-0.31, y, z)),
        right_hand=np.array((0.31, y, z)),
        hip_height_m=0.57,
        lean_deg=2.0 + 5.0 * math.sin(turn),
        head_turn_deg=shot.glance_deg,
    )
