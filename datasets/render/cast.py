"""The things that stand in training pictures: vehicles, people, clutter, and where they stand."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from datasets.render.blender import Vec3, require_bpy
from datasets.render.cabin import CabinLook
from datasets.render.e_bike import EBikeLook, build_e_bike
from datasets.render.figure import HIP_HEIGHT_M, Clothes, Figure, Pose
from datasets.render.look import random_colour
from datasets.render.meshes import MESHES, load_mesh
from datasets.render.power_chair import PowerChairLook, build_power_chair, hand_place
from datasets.render.stroller import StrollerLook, build_stroller

CLASS_IDS = {
    "e_bike": 0,
    "bicycle": 1,
    "stroller": 2,
    "wheelchair": 3,
    "person": 4,
    "kick_scooter": 5,
    "clutter": -1,
}
SHARES = {
    "stroller": 0.36,
    "wheelchair": 0.26,
    "e_bike": 0.16,
    "bicycle": 0.09,
    "kick_scooter": 0.07,
    "clutter": 0.06,
}
RADIUS_M = {
    "stroller": 0.40,
    "wheelchair": 0.45,
    "e_bike": 0.62,
    "bicycle": 0.55,
    "kick_scooter": 0.40,
    "clutter": 0.25,
}
KEPT_FOR_CHECKS = "emoped_01"
"""The e-bike of the bundled and the end-to-end clips: it stays unseen from the front and from behind."""
N_STROLLERS, N_E_BIKES, N_POWER_CHAIRS, N_FIGURES = 24, 20, 20, 4
POWERED_SHARE = 0.5
"""Of the wheelchairs: far more than on the street, since pictures show hardly any. Ours."""
_SKIN = ((0.62, 0.42, 0.32), (0.45, 0.27, 0.18), (0.16, 0.08, 0.05), (0.70, 0.50, 0.40))
_HAIR = ((0.02, 0.015, 0.01), (0.10, 0.05, 0.02), (0.35, 0.33, 0.31), (0.30, 0.18, 0.07))


@dataclass(slots=True)
class Item:
    """One labelled thing in one picture; `index` is its number in the mask."""

    kind: str
    index: int
    objects: list[Any] = field(default_factory=list)


class Cast:
    """Everything loaded once; `arrange` shows a few of them."""

    def __init__(self, models: Path) -> None:
        """Load all listed meshes and build the strollers and figures."""
        rng = np.random.default_rng(11)
        self._things: dict[str, list[Any]] = {kind: [] for kind in SHARES}
        for spec in MESHES:
            self._things[spec.kind].append(load_mesh(models, spec))
        for number in range(N_STROLLERS):
            self._things["stroller"].append(build_stroller(f"pram {number}", _stroller_look(rng)))
        looks = np.random.default_rng(12)  # of their own: the prams stay as they were
        for number in range(N_E_BIKES):
            self._things["e_bike"].append(build_e_bike(f"e-bike {number}", _e_bike_look(looks)))
        looks = np.random.default_rng(13)
        self._hands: dict[str, Vec3] = {}  # the sitter's right hand, by the thing's name
        for number in range(N_POWER_CHAIRS):
            chair = _power_chair_look(looks)
            thing = build_power_chair(f"power chair {number}", chair)
            self._things["wheelchair"].append(thing)
            self._hands[thing.name] = hand_place(chair)
        self._figures = [Figure(f"figure {number}", Clothes()) for number in range(N_FIGURES)]
        self._bare = {thing.name: _add_tints(thing) for things in self._things.values() for thing in things}

    def split_e_bikes(self, *, held_out: bool) -> None:
        """Leave out the e-bike kept for checks, or with ``held_out`` all others; ValueError if none stays."""
        self._hide_all()
        bikes = [thing for thing in self._things["e_bike"] if (thing.name == KEPT_FOR_CHECKS) is held_out]
        if not bikes:
            raise ValueError("no e_bike is left to render; is its mesh in the folder of meshes?")
        self._things["e_bike"] = bikes

    def arrange(self, rng: np.random.Generator, look: CabinLook) -> list[Item]:
        """Hide everything, then place one to three things and perhaps people; return what gets labels."""
        self._hide_all()
        items: list[Item] = []
        taken: list[tuple[float, float, float]] = []
        people = list(self._figures)
        for _ in range(int(rng.choice([1, 2, 3], p=[0.5, 0.35, 0.15]))):
            kind = str(rng.choice(list(SHARES), p=list(SHARES.values())))
            thing = self._one_of(kind, rng)
            spot = _free_spot(rng, look, RADIUS_M[kind], taken)
            if spot is None or not thing.hide_render:
                continue
            taken.append((*spot, RADIUS_M[kind]))
            items.append(self._place(kind, thing, spot, rng, len(items) + 1))
            if people and kind != "clutter":
                self._accompany(items, people, spot, rng, taken)
        while people and rng.uniform() < 0.3:
            spot = _free_spot(rng, look, 0.25, taken)
            if spot is None:
                break
            taken.append((*spot, 0.25))
            self._stand(people.pop(), (*spot, float(rng.uniform(-180, 180))), items, rng)
        return [item for item in items if CLASS_IDS[item.kind] >= 0]

    def show_alone(self, kind: str, rng: np.random.Generator) -> float:
        """Hide everything, then stand one thing of ``kind`` at the origin; most wheelchairs get a sitter.

        Returns where its nose points, in radians from +Y, anticlockwise.
        """
        self._hide_all()
        thing = self._one_of(kind, rng)
        self._place(kind, thing, (0.0, 0.0), rng, 1)
        thing.rotation_euler = (0.0, 0.0, float(rng.uniform(-math.pi, math.pi)))
        if kind == "wheelchair" and rng.uniform() < 0.6:
            self._seat(self._figures[0], thing, (0.0, 0.0), rng)
        return float(thing.rotation_euler[2])

    def _one_of(self, kind: str, rng: np.random.Generator) -> Any:
        things = self._things[kind]
        if kind == "wheelchair":
            powered = bool(rng.uniform() < POWERED_SHARE)
            things = [thing for thing in things if (thing.name in self._hands) is powered]
        return things[int(rng.integers(len(things)))]

    def _hide_all(self) -> None:
        for thing in [t for things in self._things.values() for t in things]:
            thing.hide_render = True
        for figure in self._figures:
            for part in figure.objects.values():
                part.hide_render = True

    def _place(
        self, kind: str, thing: Any, spot: tuple[float, float], rng: np.random.Generator, index: int
    ) -> Item:
        thing.hide_render = False
        thing.location = (*spot, 0.0)
        across = rng.normal(0.0, 25.0) + (180.0 if rng.uniform() < 0.4 else 0.0)
        turn = across if rng.uniform() < 0.7 else rng.uniform(-180.0, 180.0)
        thing.rotation_euler = (0.0, 0.0, math.radians(turn))
        thing.scale = (float(rng.uniform(0.92, 1.08)),) * 3
        thing.pass_index = index
        for tint in self._bare[thing.name]:
            tint.inputs["Hue"].default_value = float(rng.uniform(0.0, 1.0))
            tint.inputs["Saturation"].default_value = float(rng.uniform(0.3, 1.7))
            tint.inputs["Value"].default_value = float(rng.uniform(0.5, 1.7))
        return Item(kind, index, [thing])

    def _accompany(
        self,
        items: list[Item],
        people: list[Figure],
        spot: tuple[float, float],
        rng: np.random.Generator,
        taken: list[tuple[float, float, float]],
    ) -> None:
        """Give a wheelchair its sitter, or a vehicle somebody who holds it."""
        item = items[-1]
        thing = item.objects[0]
        heading = math.degrees(thing.rotation_euler[2])
        if item.kind == "wheelchair":
            if rng.uniform() < 0.6:
                figure = people.pop()
                self._seat(figure, thing, spot, rng)
                for part in figure.objects.values():
                    part.pass_index = item.index
                    item.objects.append(part)
            elif rng.uniform() < 0.5 and people:
                self._stand(
                    people.pop(),
                    (*_beside(spot, heading, 0.0, -0.85), heading),
                    items,
                    rng,
                    (0.22, 0.42, 0.93),
                )
            return
        if rng.uniform() < 0.6:
            right, ahead, hands = (
                (0.0, -0.93, (0.17, 0.42, 1.03)) if item.kind == "stroller" else (-0.47, 0.0, (0.3, 0.3, 1.0))
            )
            at = _beside(spot, heading, right, ahead)
            taken.append((*at, 0.25))
            self._stand(people.pop(), (*at, heading), items, rng, hands)

    def _seat(self, figure: Figure, thing: Any, spot: tuple[float, float], rng: np.random.Generator) -> None:
        """Show somebody in the wheelchair ``thing``, which stands at ``spot``."""
        heading = math.degrees(thing.rotation_euler[2])
        _dress(figure, rng)
        _put(figure, _beside(spot, heading, 0.0, -0.07), heading)
        figure.show(_sitting(rng, self._hands.get(thing.name)))
        for part in figure.objects.values():
            part.hide_render = False

    def _stand(
        self,
        figure: Figure,
        at: tuple[float, float, float],
        items: list[Item],
        rng: np.random.Generator,
        hands: tuple[float, float, float] | None = None,
    ) -> None:
        _dress(figure, rng)
        _put(figure, (at[0], at[1]), at[2])
        step = float(rng.uniform(0.0, 0.28))
        figure.show(
            Pose(
                left_foot=np.array((-0.1, step, 0.0)),
                right_foot=np.array((0.1, -step, 0.04 if step > 0.1 else 0.0)),
                left_hand=None if hands is None else np.array((-hands[0], *hands[1:])),
                right_hand=None if hands is None else np.array(hands),
                hip_height_m=HIP_HEIGHT_M - 0.02 - 0.4 * step**2,
                lean_deg=float(rng.uniform(-2, 12)),
                head_turn_deg=float(rng.uniform(-50, 50)),
                arm_swing_deg=float(rng.uniform(-20, 20)),
            )
        )
        index = len(items) + 1
        for part in figure.objects.values():
            part.hide_render, part.pass_index = False, index
        items.append(Item("person", index, list(figure.objects.values())))


def _free_spot(
    rng: np.random.Generator, look: CabinLook, radius: float, taken: list[tuple[float, float, float]]
) -> tuple[float, float] | None:
    """Return a place on the car's floor, sometimes half out of the door, that nothing else stands on."""
    half = max(look.width_m / 2 - radius * 0.75, 0.05)
    for _ in range(12):
        y = float(rng.uniform(-0.7, look.depth_m - radius * 0.8))
        x = float(rng.uniform(-half, half)) if y > radius else float(rng.uniform(-0.25, 0.25))
        if all(math.hypot(x - a, y - b) > 0.85 * (radius + r) for a, b, r in taken):
            return x, y
    return None


def _beside(spot: tuple[float, float], heading_deg: float, right: float, ahead: float) -> tuple[float, float]:
    c, s = math.cos(math.radians(heading_deg)), math.sin(math.radians(heading_deg))
    return spot[0] + right * c - ahead * s, spot[1] + right * s + ahead * c


def _put(figure: Figure, at: tuple[float, float], heading_deg: float) -> None:
    figure.root.location = (*at, 0.0)
    figure.root.rotation_euler = (0.0, 0.0, math.radians(heading_deg))


def _dress(figure: Figure, rng: np.random.Generator) -> None:
    colours = {
        "jacket": random_colour(rng, (0.0, 0.9), (0.02, 0.8)),
        "trousers": random_colour(rng, (0.0, 0.6), (0.02, 0.4)),
        "shoes": random_colour(rng, (0.0, 0.3), (0.02, 0.8)),
        "skin": _SKIN[int(rng.integers(len(_SKIN)))],
        "hair": _HAIR[int(rng.integers(len(_HAIR)))],
    }
    for part, colour in colours.items():
        shader = figure.objects[part].data.materials[0].node_tree.nodes["Principled BSDF"]
        shader.inputs["Base Color"].default_value = (*colour, 1.0)


def _sitting(rng: np.random.Generator, hand: Vec3 | None = None) -> Pose:
    """Sit 0.07 m behind a thing's middle; ``hand`` is the right one's place on it, else on rim or knee."""
    on_rims = rng.uniform() < 0.5
    own = (0.31, float(rng.uniform(-0.05, 0.15)), 0.62) if on_rims else (0.14, 0.28, 0.66)
    hand = own if hand is None else (hand[0], hand[1] + 0.07, hand[2])
    return Pose(
        left_foot=np.array((-0.10, 0.52, 0.10)),
        right_foot=np.array((0.10, 0.52, 0.10)),
        left_hand=np.array((-hand[0], *hand[1:])),
        right_hand=np.array(hand),
        hip_height_m=0.57,
        lean_deg=float(rng.uniform(-5, 8)),
        head_turn_deg=float(rng.uniform(-50, 50)),
    )


def _stroller_look(rng: np.random.Generator) -> StrollerLook:
    dark = rng.uniform() < 0.5
    fabric = (
        random_colour(rng, (0.0, 0.4), (0.02, 0.15)) if dark else random_colour(rng, (0.1, 0.9), (0.1, 0.8))
    )
    frame = (0.02, 0.02, 0.02) if rng.uniform() < 0.5 else (0.55, 0.55, 0.57)
    small = float(rng.uniform(0.075, 0.13))
    return StrollerLook(
        fabric=fabric,
        lining=random_colour(rng, (0.0, 0.3), (0.1, 0.8)),
        frame=frame,
        wheel_r_m=small,
        rear_wheel_r_m=float(small * rng.uniform(1.0, 1.5)),
        half_track_m=float(rng.uniform(0.22, 0.30)),
        carry_cot=bool(rng.uniform() < 0.35),
        hood_deg=float(rng.uniform(35, 125)),
        basket=bool(rng.uniform() < 0.7),
        handle_height_m=float(rng.uniform(0.94, 1.08)),
    )


def _e_bike_look(rng: np.random.Generator) -> EBikeLook:
    panels = rng.uniform() < 0.6
    # Black, white and grey are the commonest paints.
    saturation, value = ((0.0, 0.1), (0.02, 0.8)) if rng.uniform() < 0.4 else ((0.4, 1.0), (0.1, 0.7))
    tail_box = (float(rng.uniform(0.30, 0.44)), float(rng.uniform(0.24, 0.34)))
    return EBikeLook(
        paint=random_colour(rng, saturation, value),
        seat=random_colour(rng, (0.0, 0.6), (0.02, 0.2)),
        quilt=random_colour(rng, (0.2, 0.9), (0.1, 0.7)),
        wheel_r_m=float(rng.uniform(0.19, 0.28)),
        tyre_r_m=float(rng.uniform(0.028, 0.05)),
        panels=bool(panels),
        shield=bool(panels or rng.uniform() < 0.5),
        seat_length_m=float(rng.uniform(0.30, 0.62)),
        tail_box_m=tail_box if rng.uniform() < 0.5 else None,
        basket=bool(rng.uniform() < 0.4),
        mirrors=bool(rng.uniform() < 0.6),
        backrest=bool(rng.uniform() < 0.4),
        quilted=bool(rng.uniform() < 0.25),
        plate=random_colour(rng, (0.0, 0.6), (0.3, 0.9)),
    )


def _power_chair_look(rng: np.random.Generator) -> PowerChairLook:
    scooter = bool(rng.uniform() < 0.5)
    # Bright paints are the commonest; black and grey come next.
    saturation, value = ((0.7, 1.0), (0.3, 0.8)) if rng.uniform() < 0.7 else ((0.0, 0.1), (0.02, 0.6))
    return PowerChairLook(
        scooter=scooter,
        paint=random_colour(rng, saturation, value),
        seat=random_colour(rng, (0.0, 0.5), (0.02, 0.12)),
        hub=random_colour(rng, (0.0, 0.1), (0.03, 0.6)),
        wheel_r_m=float(rng.uniform(0.12, 0.15) if scooter else rng.uniform(0.15, 0.18)),
        half_width_m=float(rng.uniform(0.29, 0.33)),
        back_top_m=float(rng.uniform(0.90, 1.05)),
        headrest=bool(rng.uniform() < 0.4),
        armrests=bool(rng.uniform() < 0.9),
        mid_drive=bool(rng.uniform() < 0.6),
        left_handed=bool(rng.uniform() < 0.2),
        three_wheels=bool(rng.uniform() < 0.35),
        bar_height_m=float(rng.uniform(0.82, 0.92)),
        basket=bool(rng.uniform() < 0.6),
        rear_basket=bool(rng.uniform() < (0.3 if scooter else 0.1)),
        mirrors=bool(rng.uniform() < 0.4),
    )


def _add_tints(thing: Any) -> list[Any]:
    """Put a hue-saturation-value node before each surface's colour and return those nodes."""
    bpy = require_bpy()
    tints = []
    for surface in {m.name: m for m in thing.data.materials if m is not None and m.use_nodes}.values():
        tree = bpy.data.materials[surface.name].node_tree
        shader = next((n for n in tree.nodes if n.type == "BSDF_PRINCIPLED"), None)
        if shader is None:
            continue
        colour = shader.inputs["Base Color"]
        tint = tree.nodes.new("ShaderNodeHueSaturation")
        if colour.links:
            tree.links.new(colour.links[0].from_socket, tint.inputs["Color"])
        else:
            tint.inputs["Color"].default_value = tuple(colour.default_value)
        tree.links.new(tint.outputs["Color"], colour)
        tints.append(tint)
    return tints
