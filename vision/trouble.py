"""What may be wrong with what a camera shows, and since when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

TroubleKind: TypeAlias = Literal["covered", "sprayed", "turned", "frozen", "dark", "mistaken"]
"""covered: hardly an edge is left. sprayed: much of the view has lost its edges and nothing stands there.
turned: as many edges as before, in other places, and they stay. frozen: the same picture to the last bit.
dark: nothing can be made out for want of light. mistaken: the camera is well, but something that belongs to
the car is taken for a vehicle (`vision.fixtures`; the others are `vision.tamper`'s)."""

TROUBLE_KINDS: Final[tuple[TroubleKind, ...]] = get_args(TroubleKind)
BLINDING: Final[frozenset[TroubleKind]] = frozenset({"covered", "turned", "frozen", "dark"})
"""What makes a picture worthless. Through paint that covers a part the rest still counts."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with the picture."""

    kind: TroubleKind
    since_s: float  # capture time of the first look that showed it
    box: tuple[float, float, float, float] | None = field(default=None, compare=False)
    """Of the thing, as shares of the picture. It drifts with each look; the trouble stays the same one."""

    @property
    def blinds(self) -> bool:
        """Nothing seen in such a picture may hold a door."""
        return self.kind in BLINDING
