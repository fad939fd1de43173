"""A plain passenger elevator car with centre-opening doors and the lit landing beyond them.

Axes (metres): x across the car, y from the sill (0) to the rear wall, z up from the floor. The landing
lies at negative y. The default is a large residential car, deep enough for a stretcher: 2.0 m x 2.4 m.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from datasets.render.blender import RGB, area_light, box, material, tube


@dataclass(frozen=True, slots=True)
class CabinLook:
    """What one car looks like; the defaults are the sample clip's."""

    width_m: float = 2.0
    depth_m: float = 2.4
    height_m: float = 2.45
    door_width_m: float = 1.3
    door_height_m: float = 2.1
    wall: RGB = (0.47, 0.48, 0.50)
    wall_metallic: float = 0.75
    wall_roughness: float = 0.42
    floor: RGB = (0.42, 0.39, 0.35)
    floor_speckle: float = 0.25
    door: RGB = (0.52, 0.52, 0.53)
    landing_wall: RGB = (0.72, 0.68, 0.60)
    landing_floor: RGB = (0.55, 0.50, 0.43)
    light: RGB = (1.0, 0.96, 0.90)
    light_w: float = 42.0
    landing_light_w: float = 60.0
    handrail: bool = True
    poster: RGB | None = (0.10, 0.30, 0.45)


class Cabin:
    """The built car; only its doors move."""

    def __init__(self, look: CabinLook) -> None:
        """Build everything into the current scene."""
        self.look = look
        half, deep, high = look.width_m / 2, look.depth_m, look.height_m
        wall = material("wall", look.wall, roughness=look.wall_roughness, metallic=look.wall_metallic)
        trim = material("trim", (0.60, 0.60, 0.60), roughness=0.3, metallic=0.9)
        dark = material("dark", (0.03, 0.03, 0.035), roughness=0.5)
        floor = material("floor", look.floor, roughness=0.45, speckle=look.floor_speckle, speckle_scale=45.0)
        white = material("ceiling", (0.8, 0.8, 0.8), roughness=0.8)
        box("floor", (-half, 0.0, -0.05), (half, deep, 0.0), floor)
        box("ceiling", (-half, -0.05, high), (half, deep, high + 0.05), white)
        self._walls(wall, dark, trim)
        self._front(wall, dark, trim)
        self._lamps()
        self._doors = self._door_leaves(trim)
        _landing(look)

    def open_doors(self, share: float) -> None:
        """Slide both leaves; `share` is 0 (shut) to 1 (open)."""
        for side, leaf in self._doors:
            leaf.location.x = side * share * (self.look.door_width_m / 2 - 0.02)

    def _walls(self, wall: Any, dark: Any, trim: Any) -> None:
        look = self.look
        half, deep, high = look.width_m / 2, look.depth_m, look.height_m
        gap, strips = 0.008, 3
        for side in (-1.0, 1.0):
            x0, x1 = sorted((side * half, side * (half + 0.04)))
            box("backing", (min(x0, x1), 0.0, 0.0), (max(x0, x1), deep, high), dark)
            inner = side * (half - 0.012)
            for i in range(strips):
                y0, y1 = deep * i / strips + gap, deep * (i + 1) / strips - gap
                low, top = sorted((inner, side * half))
                box("panel", (low, y0, 0.12), (top, y1, high - 0.05), wall)
            low, top = sorted((side * (half - 0.018), side * half))
            box("skirting", (low, 0.0, 0.0), (top, deep, 0.11), trim)
        box("backing", (-half, deep, 0.0), (half, deep + 0.04, high), dark)
        for i in range(strips):
            x0, x1 = -half + look.width_m * i / strips + gap, -half + look.width_m * (i + 1) / strips - gap
            box("panel", (x0, deep - 0.012, 0.12), (x1, deep, high - 0.05), wall)
        box("skirting", (-half, deep - 0.018, 0.0), (half, deep, 0.11), trim)
        if look.handrail:
            for side in (-1.0, 1.0):
                x = side * (half - 0.06)
                tube("rail", ((x, 0.35, 0.9), (x, deep - 0.25, 0.9)), 0.018, trim)
                for y in (0.45, deep - 0.35):
                    tube("bracket", ((x, y, 0.9), (side * half, y, 0.9)), 0.01, trim)
        if look.poster is not None:  # a plain coloured notice: walls in use are never bare
            x = -half + 0.014
            paper = material("paper", (0.75, 0.75, 0.72))
            box("notice", (x - 0.002, 0.75, 1.25), (x, 1.15, 1.80), paper)
            head = material("notice head", look.poster)
            box("notice head", (x, 0.78, 1.60), (x + 0.002, 1.12, 1.77), head)

    def _front(self, wall: Any, dark: Any, trim: Any) -> None:
        look = self.look
        half, high, opening = look.width_m / 2, look.height_m, look.door_width_m / 2
        for side in (-1.0, 1.0):
            x0, x1 = sorted((side * opening, side * half))
            box("return", (x0, -0.03, 0.0), (x1, 0.0, high), wall)
        box("header", (-opening, -0.03, look.door_height_m), (opening, 0.0, high), wall)
        box("sill", (-opening, -0.14, -0.05), (opening, 0.0, 0.001), trim)
        # The operating panel: a dark plate with two columns of buttons and a display.
        x0, x1 = -half + 0.10, -half + 0.26
        box("panel plate", (x0, 0.0, 0.85), (x1, 0.012, 1.65), trim)
        box("display", (x0 + 0.03, 0.012, 1.50), (x1 - 0.03, 0.016, 1.61), dark)
        lit = material("button", (0.9, 0.9, 0.85), emission=0.4)
        for row in range(6):
            for x in (x0 + 0.045, x1 - 0.045):
                z = 0.95 + 0.085 * row
                box("button", (x - 0.014, 0.012, z - 0.014), (x + 0.014, 0.02, z + 0.014), lit)

    def _lamps(self) -> None:
        look = self.look
        glow = material("lamp", look.light, emission=3.0)
        for x in (-look.width_m / 4, look.width_m / 4):
            high = look.height_m
            box("lamp", (x - 0.15, 0.35, high - 0.015), (x + 0.15, look.depth_m - 0.35, high - 0.005), glow)
            size = (0.3, look.depth_m - 0.7)
            area_light("lamp", (x, look.depth_m / 2, high - 0.02), size, look.light_w / 2, look.light)

    def _door_leaves(self, trim: Any) -> list[tuple[float, Any]]:
        look = self.look
        face = material("door", look.door, roughness=0.38, metallic=0.75)
        leaves = []
        for side in (-1.0, 1.0):
            x0, x1 = sorted((side * 0.002, side * look.door_width_m / 2 + side * 0.03))
            leaf = box("leaf", (x0, -0.075, 0.005), (x1, -0.035, look.door_height_m + 0.02), face)
            x0, x1 = sorted((side * 0.001, side * 0.018))
            edge = box("leaf edge", (x0, -0.078, 0.005), (x1, -0.032, look.door_height_m + 0.02), trim)
            edge.parent = leaf
            leaves.append((side, leaf))
        return leaves


def _landing(look: CabinLook) -> None:
    """A corridor two and a half metres deep, open to both sides, with its own ceiling light."""
    opening, far = look.door_width_m / 2, -2.6
    plaster = material("plaster", look.landing_wall, roughness=0.8)
    lower = material("dado", tuple(c * 0.55 for c in look.landing_wall), roughness=0.6)  # type: ignore[arg-type]  # three values stay three
    tile = material("tile", look.landing_floor, roughness=0.35, speckle=0.12, speckle_scale=9.0)
    joint = material("joint", tuple(c * 0.6 for c in look.landing_floor), roughness=0.7)  # type: ignore[arg-type]  # three values stay three
    box("landing floor", (-3.5, far, -0.05), (3.5, -0.14, 0.0), tile)
    for i in range(1, 5):
        box("joint", (-3.5, far + 0.6 * i - 0.004, 0.0), (3.5, far + 0.6 * i + 0.004, 0.0006), joint)
    for i in range(-5, 6):
        box("joint", (0.6 * i - 0.004, far, 0.0), (0.6 * i + 0.004, -0.14, 0.0006), joint)
    box("landing back", (-3.5, far - 0.05, 1.1), (3.5, far, 2.6), plaster)
    box("landing dado", (-3.5, far - 0.05, 0.0), (3.5, far + 0.006, 1.1), lower)
    for side in (-1.0, 1.0):
        x0, x1 = sorted((side * opening, side * 3.5))
        box("landing front", (x0, -0.16, 0.0), (x1, -0.10, 2.6), plaster)
    box("landing header", (-opening, -0.16, look.door_height_m), (opening, -0.10, 2.6), plaster)
    box("landing ceiling", (-3.5, far, 2.6), (3.5, -0.10, 2.65), plaster)
    area_light("landing lamp", (0.0, -1.3, 2.58), (3.0, 0.4), look.landing_light_w, (1.0, 0.97, 0.92))
