"""Random appearance of training pictures: the car, its lights, the camera and its faults."""

from __future__ import annotations

import colorsys
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.render.blender import RGB, corner_camera, require_bpy
from datasets.render.cabin import Cabin, CabinLook

_CABIN_TAG = "car_of_one_picture"


def random_colour(
    rng: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float]
) -> RGB:
    """Return a colour of any hue with saturation and value in the given ranges (0..1)."""
    return colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(*saturation), rng.uniform(*value))


def random_cabin(rng: np.random.Generator) -> CabinLook:
    """Return a car between a narrow residential one and a bed lift, steel, painted, wooden or papered."""
    steel = rng.uniform() < 0.55
    wall = (
        random_colour(rng, (0.0, 0.08), (0.25, 0.65))
        if steel
        else random_colour(rng, (0.05, 0.5), (0.2, 0.8))
    )
    width = float(rng.uniform(1.4, 2.1))
    return CabinLook(
        width_m=width,
        depth_m=float(rng.uniform(1.5, 2.5)),
        height_m=float(rng.uniform(2.3, 2.85)),
        door_width_m=float(min(rng.uniform(0.9, 1.5), width - 0.2)),
        wall=wall,
        wall_metallic=float(rng.uniform(0.5, 0.9)) if steel else 0.0,
        wall_roughness=float(rng.uniform(0.2, 0.6)),
        floor=random_colour(rng, (0.0, 0.35), (0.08, 0.7)),
        floor_speckle=float(rng.uniform(0.0, 0.5)),
        door=random_colour(rng, (0.0, 0.15), (0.3, 0.65)),
        landing_wall=random_colour(rng, (0.0, 0.4), (0.3, 0.85)),
        landing_floor=random_colour(rng, (0.0, 0.4), (0.15, 0.7)),
        light=(1.0, float(rng.uniform(0.82, 1.0)), float(rng.uniform(0.68, 1.0))),
        light_w=float(rng.uniform(22.0, 85.0)),
        landing_light_w=float(rng.uniform(10.0, 90.0)),
        handrail=bool(rng.uniform() < 0.6),
        poster=random_colour(rng, (0.2, 1.0), (0.1, 0.9)) if rng.uniform() < 0.6 else None,
    )


def replace_cabin(scene: Any, look: CabinLook, door: float) -> None:
    """Take the last picture's car away and build this one's."""
    bpy = require_bpy()
    for thing in [o for o in scene.objects if _CABIN_TAG in o]:
        bpy.data.objects.remove(thing)
    for mesh in [m for m in bpy.data.meshes if m.users == 0]:
        bpy.data.meshes.remove(mesh)
    for surface in [m for m in bpy.data.materials if m.users == 0]:
        bpy.data.materials.remove(surface)
    before = set(scene.objects)
    Cabin(look).open_doors(door)
    for thing in scene.objects:
        if thing not in before:
            thing[_CABIN_TAG] = True


def random_camera(scene: Any, look: CabinLook, rng: np.random.Generator) -> None:
    """Put the camera under the ceiling, mostly in a corner; wide lenses, a little roll."""
    if scene.camera is not None:
        require_bpy().data.objects.remove(scene.camera)
    half = look.width_m / 2 - 0.08
    side, rear = rng.choice([-1.0, 1.0]), rng.uniform() < 0.75
    x = side * half if rng.uniform() < 0.8 else float(rng.uniform(-half, half))
    y = look.depth_m - 0.08 if rear else 0.10
    z = float(min(rng.uniform(2.1, 2.8), look.height_m - 0.06))
    if rng.uniform() < 0.2:
        z = float(rng.uniform(1.8, 2.1))
    aim_y = look.depth_m * float(rng.uniform(0.15, 0.5) if rear else rng.uniform(0.5, 0.85))
    aim = (-0.35 * x + float(rng.uniform(-0.2, 0.2)), aim_y, float(rng.uniform(0.3, 0.7)))
    corner_camera(scene, (x, y, z), aim, float(rng.uniform(58, 105)), float(rng.uniform(-6, 6)))


def worn_by_a_camera(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the RGB picture as a cheap camera would give it: grain, tint, night, soft focus."""
    light = picture.astype(np.float32) / 255.0
    light = np.clip(light * float(rng.uniform(0.75, 1.15)), 0, 1) ** float(rng.uniform(0.8, 1.3))
    if rng.uniform() < 0.12:  # infrared at night: grey, flat, grainy
        grey = light @ np.array((0.45, 0.35, 0.2), dtype=np.float32)
        light = np.repeat(grey[..., None], 3, axis=2)
    else:
        light = light * rng.uniform(0.9, 1.1, 3).astype(np.float32)
    light += rng.normal(0.0, rng.uniform(0.004, 0.03), light.shape).astype(np.float32)
    if rng.uniform() < 0.4:
        light = np.asarray(cv2.GaussianBlur(light, (0, 0), float(rng.uniform(0.3, 1.1))), dtype=np.float32)
    worn: NDArray[np.uint8] = np.clip(np.rint(light * 255.0), 0, 255).astype(np.uint8)
    return worn
