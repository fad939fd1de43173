"""A plain clothed figure: joints from a pose by inverse kinematics, skin from tapered capsules.

The figure shows nobody real. Lengths are those of an adult of 1.72 m (proportions after Winter,
"Biomechanics and Motor Control of Human Movement", body segment lengths as shares of stature).
All coordinates are metres; x right, y forward, z up in the figure's own frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.render.blender import RGB, material, require_bpy

Point = NDArray[np.float64]  # (3,) metres

THIGH_M, SHIN_M = 0.425, 0.425
UPPER_ARM_M, FOREARM_M = 0.30, 0.26
HIP_HEIGHT_M, ANKLE_HEIGHT_M = 0.90, 0.085
HIP_HALF_M, SHOULDER_HALF_M = 0.095, 0.185
TORSO_M = 0.50


@dataclass(frozen=True, slots=True)
class Clothes:
    """Colours of one figure."""

    jacket: RGB = (0.10, 0.16, 0.32)
    trousers: RGB = (0.07, 0.07, 0.08)
    shoes: RGB = (0.35, 0.35, 0.36)
    skin: RGB = (0.60, 0.38, 0.28)
    hair: RGB = (0.03, 0.022, 0.018)


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """Where the figure's driven points are, in its own frame (origin on the floor below the hips)."""

    left_foot: Point
    right_foot: Point
    left_hand: Point | None = None  # None: the arm hangs
    right_hand: Point | None = None
    hip_height_m: float = HIP_HEIGHT_M
    lean_deg: float = 6.0  # forward
    head_turn_deg: float = 0.0  # to the left
    arm_swing_deg: float = 0.0  # for hanging arms, right arm forward


@dataclass(slots=True)
class _Capsules:
    """Tapered capsules of one colour, collected as (start, radius, end, radius)."""

    items: list[tuple[Point, float, Point, float]] = field(default_factory=list)

    def add(self, start: Point, start_r: float, end: Point, end_r: float) -> None:
        self.items.append((start, start_r, end, end_r))


def bend(root: Point, tip: Point, first_m: float, second_m: float, towards: Point) -> tuple[Point, Point]:
    """Two-bone inverse kinematics: return (middle joint, reached tip), bending towards a direction."""
    reach = tip - root
    gap = float(np.linalg.norm(reach))
    longest = (first_m + second_m) * 0.999
    if gap > longest:
        tip, gap = root + reach * (longest / gap), longest
    gap = max(gap, abs(first_m - second_m) + 1e-3)
    along = (tip - root) / max(float(np.linalg.norm(tip - root)), 1e-6)
    share = (first_m**2 - second_m**2 + gap**2) / (2.0 * gap)
    side = towards - along * float(towards @ along)
    side /= max(float(np.linalg.norm(side)), 1e-6)
    height = math.sqrt(max(first_m**2 - share**2, 0.0))
    return root + along * share + side * height, tip


def _point(x: float, y: float, z: float) -> Point:
    return np.array((x, y, z), dtype=np.float64)


def body_parts(pose: Pose) -> dict[str, _Capsules]:
    """Return the figure's capsules by colour name (jacket, trousers, shoes, skin, hair)."""
    parts = {name: _Capsules() for name in ("jacket", "trousers", "shoes", "skin", "hair")}
    lean = math.radians(pose.lean_deg)
    up, fwd = _point(0.0, math.sin(lean), math.cos(lean)), _point(0.0, math.cos(lean), -math.sin(lean))
    right = _point(1.0, 0.0, 0.0)
    hips = _point(0.0, 0.0, pose.hip_height_m)
    chest = hips + up * TORSO_M
    _legs(parts, pose, hips, right)
    for side in (-1.0, 1.0):
        low, top = hips + right * side * 0.065 + up * 0.02, chest + right * side * 0.075 - up * 0.08
        parts["jacket"].add(low, 0.118, hips + right * side * 0.055 + up * 0.22, 0.112)
        parts["jacket"].add(hips + right * side * 0.055 + up * 0.22, 0.112, top, 0.122)
        shoulder = chest + right * side * SHOULDER_HALF_M - up * 0.02
        parts["jacket"].add(chest - up * 0.03, 0.08, shoulder, 0.066)
        hand = pose.right_hand if side > 0 else pose.left_hand
        if hand is None:
            swing = math.radians(pose.arm_swing_deg * side)
            hand = shoulder + _point(side * 0.07, math.sin(swing) * 0.5 + 0.05, -0.51)
        elbow, wrist = bend(shoulder, hand, UPPER_ARM_M, FOREARM_M, _point(side * 0.5, -0.6, -0.6))
        parts["jacket"].add(shoulder, 0.062, elbow, 0.048)
        parts["jacket"].add(elbow, 0.048, wrist, 0.038)
        tip = wrist + (wrist - elbow) / FOREARM_M * 0.075
        parts["skin"].add(wrist, 0.030, tip, 0.034)
    turn = math.radians(pose.head_turn_deg)
    face = fwd * math.cos(turn) - right * math.sin(turn)
    head = chest + up * 0.19 + fwd * 0.02
    parts["skin"].add(chest, 0.058, head - up * 0.06, 0.052)
    parts["skin"].add(head + up * 0.02, 0.098, head - up * 0.05 + face * 0.035, 0.070)
    parts["skin"].add(head + face * 0.085, 0.018, head + face * 0.10 - up * 0.03, 0.017)
    parts["hair"].add(head + up * 0.045 - face * 0.022, 0.102, head - up * 0.03 - face * 0.045, 0.080)
    return parts


def _legs(parts: dict[str, _Capsules], pose: Pose, hips: Point, right: Point) -> None:
    for side, foot in ((-1.0, pose.left_foot), (1.0, pose.right_foot)):
        hip = hips + right * side * HIP_HALF_M
        ankle = foot + _point(0.0, 0.0, ANKLE_HEIGHT_M)
        knee, ankle = bend(hip, ankle, THIGH_M, SHIN_M, _point(side * 0.05, 1.0, 0.15))
        parts["trousers"].add(hips + right * side * 0.05, 0.115, hip, 0.105)
        parts["trousers"].add(hip, 0.098, knee, 0.066)
        parts["trousers"].add(knee, 0.066, ankle + _point(0.0, 0.0, 0.02), 0.052)
        heel = ankle + _point(0.0, -0.05, -ANKLE_HEIGHT_M + 0.045)
        parts["shoes"].add(heel, 0.043, heel + _point(0.0, 0.19, -0.005), 0.040)


def _capsule_mesh(item: tuple[Point, float, Point, float], sides: int = 10) -> tuple[Any, list[Any]]:
    """Return (vertices (n, 3), faces) of one closed tapered capsule."""
    start, start_r, end, end_r = item
    axis = end - start
    length = float(np.linalg.norm(axis))
    axis = axis / length if length > 1e-6 else _point(0.0, 0.0, 1.0)
    helper = _point(1.0, 0.0, 0.0) if abs(axis[0]) < 0.8 else _point(0.0, 1.0, 0.0)
    u = np.cross(axis, helper)
    u /= np.linalg.norm(u)
    v = np.cross(axis, u)
    angles = np.linspace(0.0, 2.0 * math.pi, sides, endpoint=False)
    ring = np.cos(angles)[:, None] * u + np.sin(angles)[:, None] * v
    rows = [(start, start_r, t) for t in (-80, -50, -20)] + [(end, end_r, t) for t in (20, 50, 80)]
    points = [
        at + axis * (r * math.sin(math.radians(t))) + ring * (r * math.cos(math.radians(t)))
        for at, r, t in rows
    ]
    faces: list[Any] = []
    for j in range(len(rows) - 1):
        for i in range(sides):
            k = (i + 1) % sides
            faces.append((j * sides + i, j * sides + k, (j + 1) * sides + k, (j + 1) * sides + i))
    faces.append(tuple(range(sides))[::-1])
    faces.append(tuple((len(rows) - 1) * sides + i for i in range(sides)))
    return np.concatenate(points), faces


class Figure:
    """A figure in the scene; `show` gives it a new pose."""

    def __init__(self, name: str, clothes: Clothes) -> None:
        """Create one object per colour, skinned by a voxel remesh that melts the capsules together."""
        bpy = require_bpy()
        self.root = bpy.data.objects.new(name, None)
        bpy.context.scene.collection.objects.link(self.root)
        self.objects: dict[str, Any] = {}
        for part in ("jacket", "trousers", "shoes", "skin", "hair"):
            mesh = bpy.data.meshes.new(f"{name} {part}")
            rough = 0.85 if part in {"jacket", "trousers", "hair"} else 0.5
            mesh.materials.append(material(f"{name} {part}", getattr(clothes, part), roughness=rough))
            thing = bpy.data.objects.new(f"{name} {part}", mesh)
            thing.parent = self.root
            bpy.context.scene.collection.objects.link(thing)
            remesh = thing.modifiers.new("melt", "REMESH")
            remesh.mode = "VOXEL"
            remesh.voxel_size = 0.02 if part in {"jacket", "trousers"} else 0.012
            remesh.use_smooth_shade = True
            soften = thing.modifiers.new("soften", "SMOOTH")
            soften.factor, soften.iterations = 0.5, 5 if part in {"jacket", "trousers"} else 2
            self.objects[part] = thing

    def show(self, pose: Pose) -> None:
        """Rebuild the skin for a pose (in the root's frame)."""
        for part, capsules in body_parts(pose).items():
            vertices: list[Any] = []
            faces: list[Any] = []
            for item in capsules.items:
                points, loops = _capsule_mesh(item)
                start = len(vertices)
                vertices.extend(tuple(map(float, p)) for p in points)
                faces.extend(tuple(start + i for i in loop) for loop in loops)
            mesh = self.objects[part].data
            mesh.clear_geometry()
            mesh.from_pydata(vertices, [], faces)
            mesh.update()
