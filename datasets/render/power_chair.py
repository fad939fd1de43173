"""A procedural powered wheelchair or mobility scooter: a wide armchair on a post over a low driven base.

Both kinds are a wheelchair to the detector. The scooter is its hard case: a lamp, a bar and a basket as an
electric bicycle has them, but an armchair, a flat low floor and small wheels in pairs. Nothing here copies a
product; sizes (metres) are by eye, from product sheets of comparable things: seat at about 0.5, its back up
to 0.90-1.05, 0.58-0.66 wide; the chair about 1.1 long on driven wheels of 0.30-0.36 diameter and casters,
the scooter about 1.35 long on wheels of 0.22-0.30. Nose towards +Y.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datasets.render.blender import RGB, Vec3, along, box, join, loft, material, rounded_ring, sheet, tube

SEAT_M, SEAT_FRONT_Y, SEAT_BACK_Y = 0.50, 0.20, -0.24
"""The seat's top and its ends along y: where the sitter of the manual wheelchairs sits."""
FOOT_M, ARM_M = 0.10, 0.70
"""The top of the floor board or footplate, and of the armrests."""


@dataclass(frozen=True, slots=True)
class PowerChairLook:
    """One variant; colours are linear RGB, lengths metres."""

    scooter: bool = False
    paint: RGB = (0.60, 0.03, 0.03)
    seat: RGB = (0.03, 0.03, 0.03)
    hub: RGB = (0.45, 0.45, 0.47)
    wheel_r_m: float = 0.165  # the driven ones
    half_width_m: float = 0.30
    back_top_m: float = 0.98
    headrest: bool = False
    armrests: bool = True  # a chair always has them: its joystick sits on one
    mid_drive: bool = True  # chair: driven wheels in the middle and four casters; False: at the rear, and two
    left_handed: bool = False  # chair: the joystick's side
    three_wheels: bool = False  # scooter: one wheel in front
    bar_height_m: float = 0.88  # scooter
    basket: bool = True  # scooter: in front of the bar
    rear_basket: bool = False
    mirrors: bool = False


@dataclass(frozen=True, slots=True)
class _Surfaces:
    paint: Any
    dark: Any
    metal: Any
    hub: Any
    seat: Any
    lamp: Any
    tail_lamp: Any


def build_power_chair(name: str, look: PowerChairLook) -> Any:
    """Build the vehicle as one object on z = 0, middle over the origin."""
    on = _Surfaces(
        paint=material(f"{name} paint", look.paint, roughness=0.3),
        dark=material(f"{name} dark", (0.02, 0.02, 0.02), roughness=0.6),
        metal=material(f"{name} metal", (0.4, 0.4, 0.42), roughness=0.4, metallic=0.7),
        hub=material(f"{name} hub", look.hub, roughness=0.4),
        seat=material(f"{name} seat", look.seat, roughness=0.8, speckle=0.15, speckle_scale=90.0),
        lamp=material(f"{name} lamp", (0.85, 0.85, 0.8), roughness=0.1),
        tail_lamp=material(f"{name} tail lamp", (0.5, 0.01, 0.01), roughness=0.15),
    )
    parts = _seat(look, on)
    parts += _scooter_base(look, on) + _tiller(look, on) if look.scooter else _chair_base(look, on)
    if look.rear_basket:
        parts += _basket((0.0, -0.52, 0.50), (0.19, 0.11), 0.24, on)
    return join(name, parts)


def hand_place(look: PowerChairLook) -> Vec3:
    """Where the sitter's right hand is (the left one is its mirror image): on the grip or the armrest."""
    if look.scooter:
        return (0.21, 0.29, look.bar_height_m + 0.03)
    return (look.half_width_m - 0.03, 0.14, ARM_M + 0.03)


def _upright(name: str, sections: Sequence[tuple[float, float, float, float]], mat: Any) -> Any:
    """A closed round-edged shape going up; sections are (z, middle y, half width, half depth)."""
    rings = [[(x, y + b, z) for x, b in rounded_ring(half_w, half_d)] for z, y, half_w, half_d in sections]
    return loft(name, rings, mat)


def _wheel(x: float, y: float, r: float, tyre: float, on: _Surfaces) -> list[Any]:
    """A fat tyre around a disc with five dark holes."""
    turns = [2.0 * math.pi * i / 24 for i in range(24)]
    rim = [(x, y + math.cos(t) * (r - tyre), r + math.sin(t) * (r - tyre)) for t in turns]
    parts = [tube("tyre", rim, tyre, on.dark, closed=True)]
    wide = tyre * 0.7
    parts.append(tube("disc", ((x - wide, y, r), (x + wide, y, r)), r - 1.3 * tyre, on.hub))
    for i in range(5):
        t, out = 2.0 * math.pi * i / 5, (r - 1.3 * tyre) * 0.62
        at_y, at_z = y + math.cos(t) * out, r + math.sin(t) * out
        hole = ((x - wide - 0.002, at_y, at_z), (x + wide + 0.002, at_y, at_z))
        parts.append(tube("hole", hole, out * 0.36, on.dark))
    return parts


def _caster(x: float, y: float, r: float, on: _Surfaces) -> list[Any]:
    """A small wheel in its fork, with an arm towards the middle of the base."""
    top = 2.0 * r + 0.05
    parts = _wheel(x, y, r, 0.024, on)
    for side in (-0.035, 0.035):
        parts.append(tube("fork", ((x + side, y, r), (x + side, y, top)), 0.009, on.metal))
    parts.append(tube("swivel", ((x, y, top - 0.02), (x, y, top + 0.05)), 0.026, on.dark))
    parts.append(tube("arm", ((x, y, top + 0.01), (x * 0.6, y * 0.45, top)), 0.022, on.metal))
    return parts


def _guard(x: float, y: float, r: float, half_w: float, on: _Surfaces) -> Any:
    """A curved plate over the upper half of a wheel."""
    turns = [math.radians(-5.0 + 190.0 * i / 10) for i in range(11)]
    rows = [(y + math.cos(t) * (r + 0.03), r + math.sin(t) * (r + 0.03)) for t in turns]
    plate = [[(x + side, a, z) for side in (-half_w, half_w)] for a, z in rows]
    return sheet("mudguard", plate, on.paint)


def _seat(look: PowerChairLook, on: _Surfaces) -> list[Any]:
    """Cushion, back, headrest, armrests and the post under them."""
    mid, half_w = SEAT_M - 0.05, look.half_width_m - 0.075
    cushion = [(SEAT_FRONT_Y, mid - 0.015, half_w * 0.94, 0.03), (SEAT_FRONT_Y - 0.06, mid, half_w, 0.05)]
    parts = [along("cushion", [*cushion, (SEAT_BACK_Y, mid, half_w, 0.045)], on.seat)]
    tray = (half_w - 0.03, SEAT_FRONT_Y - 0.06, mid - 0.03)
    parts.append(box("tray", (-tray[0], SEAT_BACK_Y - 0.04, mid - 0.065), tray, on.dark))
    parts.append(tube("post", ((0.0, -0.08, 0.20), (0.0, -0.08, mid - 0.03)), 0.05, on.dark))
    top = look.back_top_m
    back_y = SEAT_BACK_Y - 0.05 - 0.12 * (top - SEAT_M)
    shape = [(SEAT_M - 0.04, SEAT_BACK_Y - 0.04, half_w * 0.92, 0.045)]
    shape += [
        (SEAT_M + 0.12, SEAT_BACK_Y - 0.06, half_w, 0.05),
        (top - 0.10, back_y + 0.01, half_w * 0.97, 0.05),
    ]
    parts.append(_upright("back", [*shape, (top, back_y, half_w * 0.78, 0.035)], on.seat))
    if look.headrest:
        head = [(top + 0.06, back_y + 0.03, 0.11, 0.03), (top + 0.11, back_y + 0.03, 0.14, 0.045)]
        parts.append(_upright("headrest", [*head, (top + 0.19, back_y + 0.03, 0.11, 0.035)], on.seat))
        parts.append(
            tube("stem", ((0.0, back_y, top - 0.03), (0.0, back_y + 0.02, top + 0.10)), 0.015, on.metal)
        )
    for side in (-1.0, 1.0) if look.armrests or not look.scooter else ():
        x = side * (look.half_width_m - 0.035)
        pad = [(y, ARM_M - 0.02, 0.035, 0.022) for y in (SEAT_BACK_Y + 0.02, SEAT_FRONT_Y - 0.04)]
        parts.append(along("armrest", pad, on.dark, x))
        hold = (
            (x, SEAT_BACK_Y + 0.06, ARM_M - 0.03),
            (x, SEAT_BACK_Y + 0.02, mid),
            (side * 0.1, -0.18, mid - 0.05),
        )
        parts.append(tube("arm", hold, 0.016, on.metal))
    return parts


def _chair_base(look: PowerChairLook, on: _Surfaces) -> list[Any]:
    """Housing with its coloured shroud, driven wheels, casters, footplate and joystick."""
    r, w = look.wheel_r_m, look.half_width_m
    drive_y = 0.0 if look.mid_drive else -0.27
    parts = _wheel(w - 0.04, drive_y, r, 0.038, on) + _wheel(0.04 - w, drive_y, r, 0.038, on)
    housing = [(-0.42, 0.20, 0.13, 0.07), (-0.36, 0.22, 0.17, 0.12), (0.18, 0.21, 0.17, 0.11)]
    parts.append(along("housing", [*housing, (0.26, 0.18, 0.13, 0.07)], on.dark))
    shroud = [(-0.44, 0.27, 0.12, 0.04), (-0.38, 0.29, 0.185, 0.065), (0.18, 0.28, 0.185, 0.06)]
    parts.append(along("shroud", [*shroud, (0.28, 0.25, 0.13, 0.03)], on.paint))
    for side in (-1.0, 1.0):
        parts += _caster(side * (w - 0.08), 0.33, 0.085, on)
        if look.mid_drive:
            parts += _caster(side * (w - 0.09), -0.40, 0.085, on)
        parts.append(_guard(side * (w - 0.04), drive_y, r, 0.04, on))
        parts.append(
            box(
                "tail lamp",
                (side * 0.10 - 0.03, -0.45, 0.26),
                (side * 0.10 + 0.03, -0.43, 0.29),
                on.tail_lamp,
            )
        )
    plate = ((-0.19, 0.36, FOOT_M - 0.025), (0.19, 0.60, FOOT_M - 0.002))
    parts.append(box("footplate", *plate, on.dark))
    hanger = ((0.0, 0.14, SEAT_M - 0.12), (0.0, 0.30, SEAT_M - 0.16), (0.0, 0.38, FOOT_M - 0.01))
    parts.append(tube("hanger", hanger, 0.028, on.metal))
    x = (-1.0 if look.left_handed else 1.0) * (w - 0.035)
    parts.append(along("console", [(y, ARM_M + 0.01, 0.04, 0.03) for y in (0.15, 0.27)], on.dark, x))
    parts.append(tube("stick", ((x, 0.21, ARM_M + 0.03), (x, 0.21, ARM_M + 0.10)), 0.010, on.dark))
    parts.append(tube("knob", ((x, 0.21, ARM_M + 0.08), (x, 0.21, ARM_M + 0.115)), 0.019, on.dark))
    return parts


def _scooter_base(look: PowerChairLook, on: _Surfaces) -> list[Any]:
    """Floor board, shroud over the battery, rear wheels in a pair, one or two in front, lamps."""
    r, w = look.wheel_r_m, look.half_width_m - 0.05
    parts: list[Any] = []
    front_r = r - 0.01
    fronts, front_y = ((0.0,), 0.54) if look.three_wheels else ((-w, w), 0.49)
    for x, y, radius in [(-w, -0.44, r), (w, -0.44, r), *((x, front_y, front_r) for x in fronts)]:
        parts += _wheel(x, y, radius, 0.036, on)
        parts.append(_guard(x, y, radius, 0.05, on))
    floor_w = w - 0.005
    board = [(-0.24, 0.075, floor_w, 0.025), (0.34, 0.075, floor_w, 0.025)]
    nose = (0.42, 0.08, 0.09, 0.025) if look.three_wheels else (0.66, 0.085, w - 0.06, 0.02)
    parts.append(along("board", [*board, nose], on.paint))
    parts.append(box("mat", (0.02 - floor_w, -0.10, 0.09), (floor_w - 0.02, 0.34, FOOT_M + 0.002), on.dark))
    rear_w = w - 0.05
    cover = [(-0.66, 0.21, rear_w * 0.9, 0.06), (-0.60, 0.24, w + 0.01, 0.10), (-0.36, 0.26, w + 0.01, 0.12)]
    cover = [(y, z + 0.06, a, b) for y, z, a, b in cover]
    parts.append(
        along("shroud", [*cover, (-0.08, 0.25, rear_w, 0.12), (-0.02, 0.20, rear_w, 0.09)], on.paint)
    )
    parts.append(along("bumper", [(y, 0.19, w, 0.03) for y in (-0.66, -0.62)], on.dark))
    for side in (-1.0, 1.0):
        x = side * rear_w * 0.75
        parts.append(box("tail lamp", (x - 0.04, -0.672, 0.26), (x + 0.04, -0.64, 0.30), on.tail_lamp))
    return parts


def _tiller(look: PowerChairLook, on: _Surfaces) -> list[Any]:
    """Steering column in its cowl, bar with dash, lamp, mirrors and the basket in front."""
    h = look.bar_height_m
    foot = [(0.09, 0.56, 0.09, 0.08), (0.30, 0.53, 0.06, 0.05)]
    if look.three_wheels:  # it ends above the wheel, and a fork goes on
        foot = [(2.0 * look.wheel_r_m + 0.02, 0.53, 0.07, 0.07), (0.42, 0.51, 0.05, 0.045)]
    column = [*foot, (h - 0.22, 0.44, 0.05, 0.04)]
    parts = [_upright("column", column, on.paint)]
    for x in (-0.06, 0.06) if look.three_wheels else ():
        fork = ((x, 0.54, look.wheel_r_m - 0.01), (x, 0.53, 2.0 * look.wheel_r_m + 0.04))
        parts.append(tube("fork", fork, 0.014, on.metal))
    parts.append(tube("steering", ((0.0, 0.46, h - 0.28), (0.0, 0.37, h)), 0.026, on.dark))
    head = [(h - 0.12, 0.42, 0.08, 0.05), (h - 0.02, 0.37, 0.12, 0.07), (h + 0.05, 0.35, 0.10, 0.05)]
    parts.append(_upright("dash", head, on.paint))
    parts.append(_upright("panel", [(z, 0.345, 0.085, 0.04) for z in (h + 0.04, h + 0.055)], on.dark))
    parts.append(along("lamp", [(0.40, h - 0.06, 0.055, 0.045), (0.47, h - 0.06, 0.04, 0.035)], on.lamp))
    bar: list[Vec3] = [(-0.25, 0.26, h), (-0.17, 0.34, h + 0.01), (0.17, 0.34, h + 0.01), (0.25, 0.26, h)]
    parts.append(tube("bar", bar, 0.014, on.dark))
    for side in (-1.0, 1.0):
        parts.append(tube("grip", ((side * 0.19, 0.32, h + 0.005), (side * 0.25, 0.26, h)), 0.021, on.dark))
        if look.mirrors:
            parts.append(
                tube("stalk", ((side * 0.16, 0.34, h), (side * 0.27, 0.36, h + 0.14)), 0.007, on.dark)
            )
            glass = [(y, h + 0.17, 0.06, 0.04) for y in (0.35, 0.37)]
            parts.append(along("mirror", glass, on.dark, side * 0.28))
    if look.basket:
        parts += _basket((0.0, 0.60, h - 0.34), (0.17, 0.11), 0.24, on)
    return parts


def _basket(foot: Vec3, half: tuple[float, float], height: float, on: _Surfaces) -> list[Any]:
    """Wires around a box that widens upwards; ``foot`` is the middle of its bottom, ``half`` its sides."""
    x0, y0, z0 = foot
    corners = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))

    def at(a: float, b: float, up: float) -> Vec3:
        grow = 0.84 + 0.16 * up
        return (x0 + a * half[0] * grow, y0 + b * half[1] * grow, z0 + up * height)

    rings = [[at(a, b, up) for a, b in corners] for up in (0.0, 0.33, 0.67, 1.0)]
    parts = [tube("wire", ring, 0.006, on.dark, closed=True) for ring in rings]
    for (a, b), (c, d) in zip(corners, (*corners[1:], corners[0]), strict=True):
        for step in (0.0, 0.25, 0.5, 0.75):
            e, f = a + (c - a) * step, b + (d - b) * step
            parts.append(tube("wire", (at(e, f, 0.0), at(e, f, 1.0)), 0.005, on.dark))
    low, high = at(-1.0, -1.0, 0.0), at(1.0, 1.0, 0.0)
    parts.append(box("bottom", low, (high[0], high[1], z0 + 0.01), on.dark))
    return parts
