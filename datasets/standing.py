"""Scenes of people and vehicles photographed at eye level, laid into cabins under the ceiling camera.

A detector that has seen people under that camera only from above took such people for e-bikes: dark, upright
and alone in an empty car, they look like nothing it knows. Real e-bikes seen from above stand behind the same
people in some scenes, so that a person is no sign that there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from datasets.boxes import Sample
from datasets.ceiling import scene
from datasets.composite import Rng
from datasets.drawing import one_of
from datasets.shapes import Cutout
from datasets.split import is_val
from vision.types import BICYCLE, CLASS_NAMES, E_BIKE, PERSON, STROLLER, WHEELCHAIR

SCENES: Mapping[int, int] = {PERSON: 320, WHEELCHAIR: 170, STROLLER: 150, BICYCLE: 90, E_BIKE: 220}
"""Scenes by what stands in them; for `PERSON` one to three people and nothing else."""
GROUND_SHARES = (0.65, 0.2, 0.15)
"""Of the scenes: in real cabins without vehicles, in rendered ones, on other pictures."""


def standing(
    grounds: tuple[Sequence[Sample], Sequence[Sample], Sequence[Sample]],
    people: Sequence[Cutout],
    vehicles: Sequence[Cutout],
    cloths: Sequence[Sample],
    rng: Rng,
) -> Iterator[Sample]:
    """All scenes; none if nobody is there to stand in them.

    Args: grounds: as in `GROUND_SHARES`; an empty kind gives way to the first. people: whole, seen at eye
    level. vehicles: of any class, e-bikes from above. cloths: patterns for covers.
    """
    people = [c for c in people if not is_val(c.source)]
    if not people or not grounds[0]:
        return
    patterns = [c.image for c in cloths]
    for class_id, count in SCENES.items():
        own = [c for c in vehicles if c.class_id == class_id and not is_val(c.source)]
        for i in range(count if own or class_id == PERSON else 0):
            kind = grounds[int(rng.choice(len(grounds), p=GROUND_SHARES))] or grounds[0]
            ground = one_of(kind, rng)
            laid = [] if class_id == PERSON else [one_of(own, rng)]
            source = laid[0].source if laid else ground.source
            made = scene(ground, laid, people, patterns, rng, f"stand_{CLASS_NAMES[class_id]}_{i}", source)
            if made is not None:
                yield made
