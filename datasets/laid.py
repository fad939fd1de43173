"""Cut-outs laid into pictures they were not taken in: on ceiling frames, in rooms, in cabins from above."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from datasets.boxes import Sample
from datasets.ceiling import scene
from datasets.composite import Rng, place
from datasets.drawing import one_of
from datasets.shapes import Cutout
from datasets.split import is_val
from datasets.stock import Stock, only_people, roomy
from vision.types import BICYCLE, CLASS_NAMES, E_BIKE, KICK_SCOOTER, PERSON, STROLLER, WHEELCHAIR

PASTED: Mapping[int, int] = {E_BIKE: 90, STROLLER: 60, WHEELCHAIR: 50, BICYCLE: 50, KICK_SCOOTER: 10}
"""Composites on ceiling frames per class of side-view cut-out."""
PASTED_EYE_LEVEL: Mapping[int, int] = {E_BIKE: 670, STROLLER: 260, BICYCLE: 240, KICK_SCOOTER: 30}
"""Composites on pictures of people and rooms taken at eye level, as a landing camera or a phone sees it."""
PASTED_BEHIND = 450
"""Rendered e-bikes from behind beside people: shop photos, and so the cut-outs, are taken from the side."""
CEILING_REAL = 700
"""Scenes of real e-bikes cut out of ceiling frames, laid into other cabins and rooms."""
CEILING_RENDERED: Mapping[int, int] = {
    E_BIKE: 160, STROLLER: 200, WHEELCHAIR: 180, BICYCLE: 150, KICK_SCOOTER: 25,
}  # fmt: skip
"""Scenes of vehicles rendered from above, laid into real cabins."""
GROUND_SHARES = (0.45, 0.2, 0.23, 0.12)
"""Of ceiling scenes: on frames without vehicles, any frames, in rendered cabins, on other pictures."""
CEILING_PEOPLE = 110
"""Scenes of people alone under the ceiling camera."""


def ceiling_scenes(stock: Stock, rng: Rng) -> Iterator[Sample]:
    """Real and rendered pieces seen from above, laid into cabins and other pictures."""
    cabins, others = stock.cabins, stock.others
    grounds_by_kind = [cabins, stock.roomy_frames, stock.drawn or cabins, others or cabins]
    people = [c for c in stock.real if c.class_id == PERSON]
    bikes = [c for c in stock.real if c.class_id == E_BIKE]
    plans = [("real", bikes, CEILING_REAL), ("people", [], CEILING_PEOPLE)]
    for class_id, count in CEILING_RENDERED.items():
        plans.append((CLASS_NAMES[class_id], [c for c in stock.above if c.class_id == class_id], count))
    rest = [c for c in stock.above if c.class_id != E_BIKE]
    for label, own, count in plans:
        for i in range(count if cabins and (own or label == "people") else 0):
            grounds = grounds_by_kind[int(rng.choice(4, p=GROUND_SHARES))]
            ground = one_of(grounds, rng)
            laid = [one_of(own, rng)] if own else []
            if own and rest and rng.random() < 0.2:  # a second vehicle, now and then
                laid.append(one_of(rest, rng))
            cloths = [one_of(others, rng).image] if others else []
            source = laid[0].source if laid else ground.source
            made = scene(ground, laid, people, cloths, rng, f"ceiling_{label}_{i}", source)
            if made is not None:
                yield made


def composites(stock: Stock, rng: Rng) -> Iterator[Sample]:
    """Side-view cut-outs on ceiling frames without an e-bike, and in eye-level rooms."""
    backgrounds = [f for f in stock.frames if only_people(f) and roomy(f)]
    pieces = [c for c in stock.sideways if not is_val(c.source)]
    for counts, grounds, eye_level in ((PASTED, backgrounds, False), (PASTED_EYE_LEVEL, stock.rooms, True)):
        for class_id, count in counts.items():
            own = [c for c in pieces if c.class_id == class_id]
            for i in range(count if own and grounds else 0):
                chosen = [one_of(own, rng)]
                if rng.random() < 0.15:  # two vehicles at once, now and then
                    chosen.append(one_of(pieces, rng))
                ground = one_of(grounds, rng)
                name = f"paste_{CLASS_NAMES[class_id]}_{'eye' if eye_level else 'top'}_{i}"
                yield place(ground, chosen, rng, name, eye_level=eye_level)


def from_behind(rooms: Sequence[Sample], pieces: Sequence[Cutout], rng: Rng) -> Iterator[Sample]:
    """E-bikes from behind in eye-level rooms, now and then two."""
    for i in range(PASTED_BEHIND if rooms and pieces else 0):
        laid = [one_of(pieces, rng) for _ in range(1 + int(rng.random() < 0.15))]
        yield place(one_of(rooms, rng), laid, rng, f"behind_{i}", eye_level=True)
