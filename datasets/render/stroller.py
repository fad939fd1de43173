"""A procedural pram: tube frame, fabric seat or carry-cot, folding hood, four wheels, handle bar.

Nothing here copies a product; sizes (metres) are those common to full-size prams: handle at about 1.0,
seat at about 0.5, wheels of 0.17-0.30 diameter, track about 0.55, length about 0.95. Nose towards +Y.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from datasets.render.blender import RGB, Vec3, box, join, loft, material, mesh_object, rounded_ring, tube


@dataclass(frozen=True, slots=True)
class StrollerLook:
    """One variant of the pram."""

    fabric: RGB = (0.10, 0.28, 0.42)
    lining: RGB = (0.45, 0.42, 0.38)
    frame: RGB = (0.55, 0.55, 0.57)
    wheel_r_m: float = 0.115
    rear_wheel_r_m: float = 0.14
    half_track_m: float = 0.26
    carry_cot: bool = False
    hood_deg: float = 105.0  # how far the hood is unfolded
    basket: bool = True
    handle_height_m: float = 1.02


def build_stroller(name: str, look: StrollerLook) -> Any:
    """Build the pram as one object on z = 0, middle over the origin."""
    metal = material(f"{name} frame", look.frame, roughness=0.3, metallic=0.8)
    rubber = material(f"{name} tyre", (0.02, 0.02, 0.02), roughness=0.8)
    hub = material(f"{name} hub", (0.5, 0.5, 0.5), roughness=0.4)
    grip = material(f"{name} grip", (0.03, 0.02, 0.02), roughness=0.7)
    fabric = material(f"{name} fabric", look.fabric, roughness=0.9, speckle=0.12, speckle_scale=140.0)
    lining = material(f"{name} lining", look.lining, roughness=0.95)
    parts = _frame(look, metal, grip)
    for y, r in ((0.36, look.wheel_r_m), (-0.30, look.rear_wheel_r_m)):
        for side in (-1.0, 1.0):
            parts += _wheel((side * look.half_track_m, y, r), r, rubber, hub)
    parts += _cot(look, fabric, lining) if look.carry_cot else _seat(look, fabric, lining)
    parts.append(_hood(look, fabric))
    if look.basket:
        w = look.half_track_m - 0.05
        parts.append(box("basket", (-w, -0.25, 0.17), (w, 0.20, 0.29), fabric))
    return join(name, parts)


def _frame(look: StrollerLook, metal: Any, grip: Any) -> list[Any]:
    h, w = look.handle_height_m, look.half_track_m - 0.02
    parts = []
    for s in (-1.0, 1.0):
        x = s * w
        parts.append(tube("leg", ((x, 0.36, look.wheel_r_m), (x, 0.10, 0.42), (x, -0.45, h)), 0.013, metal))
        parts.append(
            tube("leg", ((x, -0.30, look.rear_wheel_r_m), (x, 0.02, 0.50), (x, 0.12, 0.58)), 0.013, metal)
        )
    parts.append(
        tube(
            "handle",
            ((-w, -0.45, h), (-w, -0.47, h + 0.015), (w, -0.47, h + 0.015), (w, -0.45, h)),
            0.018,
            grip,
        )
    )
    for y, z in ((0.36, look.wheel_r_m), (-0.30, look.rear_wheel_r_m), (0.10, 0.42)):
        parts.append(tube("axle", ((-w, y, z), (w, y, z)), 0.010, metal))
    return parts


def _wheel(at: Vec3, r: float, rubber: Any, hub: Any) -> list[Any]:
    x, y, z = at
    turns = [2.0 * math.pi * i / 24 for i in range(24)]
    rim = [(x, y + math.cos(t) * (r - 0.018), z + math.sin(t) * (r - 0.018)) for t in turns]
    parts = [tube("tyre", rim, 0.018, rubber, closed=True)]
    parts.append(tube("hub", ((x - 0.025, y, z), (x + 0.025, y, z)), 0.022, hub))
    for i in range(5):
        t = 2.0 * math.pi * i / 5 + 0.3
        end = (x, y + math.cos(t) * (r - 0.025), z + math.sin(t) * (r - 0.025))
        parts.append(tube("spoke", ((x, y, z), end), 0.009, hub))
    return parts


def _strip(name: str, profile: list[tuple[float, float]], half_w: float, thick: float, mat: Any) -> Any:
    """Extrude a poly-line in the y-z plane to both sides, with some thickness below it."""
    vertices: list[Vec3] = []
    for y, z in profile:
        vertices += [(-half_w, y, z), (half_w, y, z), (half_w, y, z - thick), (-half_w, y, z - thick)]
    faces: list[tuple[int, ...]] = [(0, 1, 2, 3)]
    for j in range(len(profile) - 1):
        a, b = 4 * j, 4 * (j + 1)
        faces += [(a + i, b + i, b + (i + 1) % 4, a + (i + 1) % 4) for i in range(4)]
    last = 4 * (len(profile) - 1)
    faces.append((last + 3, last + 2, last + 1, last))
    return mesh_object(name, vertices, faces, mat)


def _seat(look: StrollerLook, fabric: Any, lining: Any) -> list[Any]:
    w = look.half_track_m - 0.06
    body = _strip(
        "seat", [(0.34, 0.30), (0.30, 0.50), (0.04, 0.46), (-0.10, 0.62), (-0.24, 0.92)], w, 0.05, fabric
    )
    pad = _strip("pad", [(0.29, 0.515), (0.04, 0.475), (-0.09, 0.635), (-0.21, 0.90)], w - 0.04, 0.02, lining)
    sides = []
    for s in (-1.0, 1.0):
        x0, x1 = sorted((s * w, s * (w + 0.02)))
        corners: list[Vec3] = []
        for x in (x0, x1):
            corners += [(x, 0.26, 0.44), (x, 0.0, 0.42), (x, -0.25, 0.90), (x, -0.05, 0.78), (x, 0.22, 0.62)]
        faces: list[tuple[int, ...]] = [(0, 1, 2, 3, 4), (9, 8, 7, 6, 5)]
        faces += [(i, i + 5, (i + 1) % 5 + 5, (i + 1) % 5) for i in range(5)]
        sides.append(mesh_object("side", corners, faces, fabric))
    bar = tube("bar", ((-w, 0.05, 0.66), (-w, 0.27, 0.70), (w, 0.27, 0.70), (w, 0.05, 0.66)), 0.017, lining)
    return [body, pad, bar, *sides]


def _cot(look: StrollerLook, fabric: Any, lining: Any) -> list[Any]:
    """A tub: rounded rings from its floor to its rim, with a cover over the foot end."""
    w = look.half_track_m - 0.03
    rings = [
        [(x, y, z) for x, y in rounded_ring(w * grow, 0.40 * grow)]
        for z, grow in ((0.46, 0.80), (0.50, 0.90), (0.70, 1.0))
    ]
    tub = loft("cot", rings, fabric, closed=False)
    profile = [(0.40, 0.70), (0.36, 0.735), (0.05, 0.75)]
    cover = _strip("cover", profile, w * 0.97, 0.03, fabric)
    mattress = box("mattress", (-w * 0.85, -0.36, 0.55), (w * 0.85, 0.3, 0.60), lining)
    return [tub, cover, mattress]


def _hood(look: StrollerLook, fabric: Any) -> Any:
    """A fan of half hoops that turn about an axle behind the seat's upper edge."""
    w = look.half_track_m - 0.03
    if look.carry_cot:
        centre_y, centre_z, radius, first = -0.10, 0.70, 0.30, 180.0
    else:
        centre_y, centre_z, radius, first = -0.06, 0.74, 0.30, 165.0
    folds, arc = 9, 14
    vertices: list[Vec3] = []
    for j in range(folds):
        turn = math.radians(first - look.hood_deg * j / (folds - 1))
        sag = 0.985 if j % 2 else 1.0  # fabric hangs in between the hoops
        for i in range(arc):
            t = math.pi * i / (arc - 1)
            out = math.sin(t) ** 0.55 * radius * sag if 0 < i < arc - 1 else 0.0
            x = math.copysign(abs(math.cos(t)) ** 0.55, math.cos(t)) * w
            vertices.append((x, centre_y + math.cos(turn) * out, centre_z + math.sin(turn) * out))
    faces = []
    for j in range(folds - 1):
        for i in range(arc - 1):
            a = j * arc + i
            faces.append((a, a + 1, a + arc + 1, a + arc))
    return mesh_object("hood", vertices, faces, fabric, smooth=False)
