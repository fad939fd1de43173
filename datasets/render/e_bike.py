"""A procedural electric bicycle: two small wheels, step-through floor, seat over a body, and what people add.

Between the light two-wheelers with a basket and the mopeds with panels all around. Nothing here copies a
product; sizes (metres) are those common to both: wheels of 0.38-0.56 diameter, wheel base about 1.15, seat at
about 0.75, bar at about 1.05 and 0.65 wide. Tail boxes, baskets, mirrors and wind-shield quilts come and go,
as they are most of what a camera sees from behind and from the front. Nose towards +Y.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from datasets.render.blender import RGB, Vec3, along, box, join, material, sheet, tube

FRONT_Y, REAR_Y = 0.60, -0.55
SEAT_M = 0.74


@dataclass(frozen=True, slots=True)
class EBikeLook:
    """One variant; colours are linear RGB, lengths metres."""

    paint: RGB = (0.45, 0.03, 0.03)
    seat: RGB = (0.03, 0.03, 0.03)
    quilt: RGB = (0.55, 0.20, 0.25)
    wheel_r_m: float = 0.22
    tyre_r_m: float = 0.035
    panels: bool = True  # a moped's closed body; False: open tubes, with the battery in sight
    shield: bool = True
    seat_length_m: float = 0.58
    tail_box_m: tuple[float, float] | None = (0.36, 0.28)  # width and height
    basket: bool = False
    mirrors: bool = True
    backrest: bool = False
    quilted: bool = False
    plate: RGB = (0.75, 0.78, 0.75)


@dataclass(frozen=True, slots=True)
class _Surfaces:
    paint: Any
    dark: Any
    metal: Any
    seat: Any
    lamp: Any
    tail_lamp: Any
    plate: Any
    quilt: Any


def build_e_bike(name: str, look: EBikeLook) -> Any:
    """Build the vehicle as one object on z = 0, middle over the origin."""
    on = _Surfaces(
        paint=material(f"{name} paint", look.paint, roughness=0.3),
        dark=material(f"{name} dark", (0.02, 0.02, 0.02), roughness=0.6),
        metal=material(f"{name} metal", (0.5, 0.5, 0.52), roughness=0.35, metallic=0.8),
        seat=material(f"{name} seat", look.seat, roughness=0.7),
        lamp=material(f"{name} lamp", (0.85, 0.85, 0.8), roughness=0.1),
        tail_lamp=material(f"{name} tail lamp", (0.5, 0.01, 0.01), roughness=0.15),
        plate=material(f"{name} plate", look.plate, roughness=0.5),
        quilt=material(f"{name} quilt", look.quilt, roughness=0.95, speckle=0.4, speckle_scale=25.0),
    )
    r = look.wheel_r_m
    parts = _wheel(FRONT_Y, r, look.tyre_r_m, 0.05, on) + _wheel(REAR_Y, r, look.tyre_r_m, 0.11, on)
    parts += _front(look, on) + _rear(look, on) + _seat(look, on)
    if look.tail_box_m is not None:
        parts += _tail_box(look, look.tail_box_m, on)
    if look.quilted:
        parts.append(_quilt(on))
    return join(name, parts)


def _wheel(y: float, r: float, tyre: float, hub_r: float, on: _Surfaces) -> list[Any]:
    """Tyre, spokes and a hub; at the rear the hub is the motor, so it is a drum."""
    turns = [2.0 * math.pi * i / 28 for i in range(28)]
    rim = [(0.0, y + math.cos(t) * (r - tyre), r + math.sin(t) * (r - tyre)) for t in turns]
    parts = [tube("tyre", rim, tyre, on.dark, closed=True)]
    parts.append(tube("hub", ((-0.06, y, r), (0.06, y, r)), hub_r, on.metal))
    for i in range(6):
        t = 2.0 * math.pi * i / 6 + 0.3
        end = (0.0, y + math.cos(t) * (r - tyre), r + math.sin(t) * (r - tyre))
        parts.append(tube("spoke", ((0.0, y, r), end), 0.014, on.metal))
    return parts


def _mudguard(y: float, r: float, from_deg: float, to_deg: float, mat: Any) -> Any:
    """A curved plate around the tyre; angles from straight ahead, over the top."""
    out = r + 0.025
    turns = [math.radians(from_deg + (to_deg - from_deg) * i / 8) for i in range(9)]
    rows = [[(x, y + math.cos(t) * out, r + math.sin(t) * out) for x in (-0.06, 0.06)] for t in turns]
    return sheet("mudguard", rows, mat)


def _front(look: EBikeLook, on: _Surfaces) -> list[Any]:
    """Fork, bar, lamp, mirrors, leg shield, floor and basket."""
    r = look.wheel_r_m
    head: Vec3 = (0.0, 0.44, 0.86)
    parts = [tube("steering", (head, (0.0, 0.40, 1.0)), 0.03, on.dark)]
    for side in (-1.0, 1.0):
        x = side * 0.075
        parts.append(tube("fork", ((x, FRONT_Y, r), (x, 0.50, 0.58), head), 0.02, on.metal))
        parts.append(tube("grip", ((side * 0.22, 0.33, 1.03), (side * 0.34, 0.27, 1.03)), 0.02, on.dark))
        if look.mirrors:
            stalk = ((side * 0.20, 0.34, 1.03), (side * 0.30, 0.34, 1.18))
            parts.append(tube("stalk", stalk, 0.008, on.dark))
            mirror = along("body", [(y, 1.21, 0.06, 0.04) for y in (0.33, 0.36)], on.dark)
            mirror.location.x = side * 0.32
            parts.append(mirror)
    bar: list[Vec3] = [(-0.24, 0.32, 1.03), (-0.08, 0.40, 1.0), (0.08, 0.40, 1.0), (0.24, 0.32, 1.03)]
    parts.append(tube("bar", bar, 0.014, on.metal))
    cowl = [(0.34, 0.97, 0.10, 0.04), (0.42, 0.97, 0.12, 0.07), (0.50, 0.96, 0.06, 0.05)]
    parts.append(along("body", cowl, on.paint))
    parts.append(along("body", [(0.48, 0.95, 0.055, 0.05), (0.52, 0.95, 0.04, 0.035)], on.lamp))
    parts.append(_mudguard(FRONT_Y, r, 15.0, 150.0, on.paint))
    floor_z = 0.30 if look.panels else 0.27
    parts.append(box("floor", (-0.13, -0.08, floor_z - 0.06), (0.13, 0.32, floor_z), on.dark))
    down: list[Vec3] = [(0.0, 0.42, 0.80), (0.0, 0.30, 0.30), (0.0, -0.10, 0.24), (0.0, -0.38, 0.50)]
    parts.append(tube("frame", down, 0.035, on.paint))
    if look.shield:
        sections = ((0.30, 0.30, 0.13), (0.36, 0.45, 0.19), (0.42, 0.66, 0.20), (0.43, 0.86, 0.11))
        bent = ((-1.0, -0.04), (0.0, 0.03), (1.0, -0.04))
        rows = [[(x * w, y + back, z) for x, back in bent] for y, z, w in sections]
        parts.append(sheet("shield", rows, on.paint))
    if look.basket:
        parts += _basket(on)
    return parts


def _basket(on: _Surfaces) -> list[Any]:
    """Wires around a box in front of the bar."""
    parts = []
    for z, grow in ((0.72, 0.85), (0.80, 0.92), (0.88, 0.97), (0.96, 1.0)):
        w, d = 0.16 * grow, 0.12 * grow
        ring: list[Vec3] = [(-w, 0.64 - d, z), (w, 0.64 - d, z), (w, 0.64 + d, z), (-w, 0.64 + d, z)]
        parts.append(tube("wire", ring, 0.006, on.dark, closed=True))
    for i in range(12):
        t = 2.0 * math.pi * i / 12
        x, y = 0.16 * max(-1.0, min(1.0, 1.4 * math.cos(t))), 0.12 * max(-1.0, min(1.0, 1.4 * math.sin(t)))
        parts.append(tube("wire", ((x * 0.85, 0.64 + y * 0.85, 0.72), (x, 0.64 + y, 0.96)), 0.005, on.dark))
    parts.append(box("bottom", (-0.13, 0.54, 0.71), (0.13, 0.74, 0.72), on.dark))
    return parts


def _rear(look: EBikeLook, on: _Surfaces) -> list[Any]:
    """Body or open tubes with the battery, rear mudguard, shock absorbers, lamp and number plate."""
    r = look.wheel_r_m
    parts = [_mudguard(REAR_Y, r, 40.0, 190.0, on.paint if look.panels else on.dark)]
    if look.panels:
        sections = [(0.0, 0.42, 0.10, 0.14), (-0.15, 0.50, 0.14, 0.18), (-0.42, 0.56, 0.16, 0.13)]
        sections += [(-0.66, 0.62, 0.12, 0.07), (-0.76, 0.64, 0.06, 0.04)]
        parts.append(along("body", sections, on.paint))
    else:
        parts.append(along("battery", [(0.02, 0.45, 0.09, 0.15), (-0.20, 0.45, 0.09, 0.15)], on.dark))
        for side in (-1.0, 1.0):
            x = side * 0.08
            parts.append(tube("stay", ((x, REAR_Y, r), (x, -0.30, 0.66), (x, 0.0, 0.62)), 0.016, on.metal))
            parts.append(
                tube("rack", ((x, -0.25, 0.70), (x, -0.76, 0.68), (0.0, -0.8, 0.68)), 0.009, on.metal)
            )
    for side in (-1.0, 1.0):
        spring: list[Vec3] = [(side * 0.09, REAR_Y, r), (side * 0.10, -0.44, 0.52)]
        parts.append(tube("spring", spring, 0.022, on.metal))
    parts.append(box("tail lamp", (-0.08, -0.79, 0.58), (0.08, -0.74, 0.63), on.tail_lamp))
    parts.append(box("plate", (-0.09, -0.80, 0.44), (0.09, -0.79, 0.55), on.plate))
    return parts


def _seat(look: EBikeLook, on: _Surfaces) -> list[Any]:
    end = 0.02 - look.seat_length_m
    sections = [(0.02, 0.68, 0.07, 0.03), (-0.12, 0.71, 0.12, 0.04), (end + 0.1, 0.74, 0.14, 0.045)]
    parts = [along("body", [*sections, (end, 0.74, 0.10, 0.03)], on.seat)]
    parts.append(tube("post", ((0.0, -0.10, 0.40), (0.0, -0.15, 0.70)), 0.03, on.dark))
    if look.backrest:
        parts.append(along("body", [(end - 0.06, 0.92, 0.12, 0.08), (end - 0.02, 0.90, 0.13, 0.09)], on.seat))
        parts.append(tube("stay", ((0.0, end + 0.02, 0.70), (0.0, end - 0.03, 0.88)), 0.02, on.metal))
    return parts


def _tail_box(look: EBikeLook, size_m: tuple[float, float], on: _Surfaces) -> list[Any]:
    """The box behind the seat, with its lid and a reflector, on a plate over the rear lamp."""
    half_w, height = size_m[0] / 2, size_m[1]
    front = 0.02 - look.seat_length_m - (0.08 if look.backrest else 0.0)
    back, foot = front - 0.30, SEAT_M - 0.02
    mid, half_h = foot + height / 2, height / 2
    full = [(y, mid, half_w, half_h) for y in (front - 0.05, back + 0.05)]
    shell = [(front, mid, half_w * 0.92, half_h * 0.94), *full, (back, mid, half_w * 0.9, half_h * 0.9)]
    rim, lid = half_w + 0.006, mid + half_h * 0.25
    shine = half_w * 0.6
    return [
        along("body", shell, on.dark),
        box("lid", (-rim, back + 0.01, lid), (rim, front - 0.01, lid + 0.02), on.metal),
        box("reflector", (-shine, back - 0.01, mid), (shine, back, mid + 0.03), on.tail_lamp),
    ]


def _quilt(on: _Surfaces) -> Any:
    """The padded cloth that hangs over bar and knees in winter."""
    hems = (
        (0.50, 0.55, 0.26),
        (0.50, 0.80, 0.36),
        (0.40, 1.06, 0.38),
        (0.24, 0.98, 0.36),
        (0.16, 0.62, 0.24),
    )
    across = [(i / 3.0 - 1.0, 0.015 * (i % 2)) for i in range(7)]
    return sheet(
        "quilt",
        [[(x * w, y - 0.10 * abs(x), z - 0.05 * x * x + pad) for x, pad in across] for y, z, w in hems],
        on.quilt,
    )
