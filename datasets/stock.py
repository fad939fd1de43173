"""What training pictures are made of: every set read once, the cut-outs, and what was rendered beforehand.

Sets hold both sides of the split; everything else is of the training side only, or drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from datasets.boxes import Sample
from datasets.choosing import chosen_pieces
from datasets.folder import read_rendered
from datasets.pieces import chosen, from_frames
from datasets.pieces import rendered as rendered_pieces
from datasets.shapes import Cutout
from datasets.sources import READERS, Teacher, cutouts
from datasets.split import is_val, split
from datasets.whole import KINDS, SET
from vision.types import E_BIKE, PERSON, Image

CEILING = "cctv"
"""The set of ceiling frames. Frames of few cabins look alike: mosaics are told apart by eye, not as twins."""
_LEAST_PX = 100
_FRAME_ASPECT = 1.8
_PICTURE_ASPECT = 2.4


@dataclass(frozen=True, slots=True)
class Folders:
    """What was made beforehand, each folder for one set; without it that set is left out."""

    rendered: Path | None = None  # cabins of render/training_stills.py, in YOLO form
    pieces: Path | None = None  # RGBA vehicles of render/cutouts.py
    landing: Path | None = None  # landings of render/training_stills.py --landing, in YOLO form
    behind: Path | None = None  # RGBA vehicles of render/cutouts.py --behind
    before: Path | None = None  # the same of --before
    whole: Path | None = None  # people that somebody chose, of datasets.whole --side train


@dataclass(frozen=True, slots=True)
class SetPictures:
    """One set, split by source picture."""

    train: Sequence[Sample]
    held: Sequence[Sample]
    twins_dropped: int


def has_class(sample: Sample, class_id: int) -> bool:
    """Whether an object of that class is labelled."""
    return any(b.class_id == class_id for b in sample.boxes)


def without(kinds: Sequence[Sequence[Sample]], class_id: int) -> list[list[Sample]]:
    """Of each kind of pictures those that show nothing of that class; kinds with none left are gone."""
    kept = ([s for s in kind if not has_class(s, class_id)] for kind in kinds)
    return [kind for kind in kept if kind]


def of_training(pieces: Sequence[Cutout], class_id: int) -> list[Cutout]:
    """Those of that class that are on the training side of the split."""
    return [c for c in pieces if c.class_id == class_id and not is_val(c.source)]


def only_people(sample: Sample) -> bool:
    """Whether nothing but people is labelled."""
    return all(b.class_id == PERSON for b in sample.boxes)


def roomy(sample: Sample, longest: float = _PICTURE_ASPECT) -> bool:
    """Large enough, and not a strip, so that a vehicle can stand in it."""
    h, w = sample.image.shape[:2]
    return bool(min(h, w) > _LEAST_PX and max(h, w) < longest * min(h, w))


def cabins_of(frames: Sequence[Sample]) -> list[Sample]:
    """Ceiling frames without a vehicle, with room for one."""
    return [f for f in frames if roomy(f, _FRAME_ASPECT) and only_people(f)]


@dataclass(frozen=True)
class Stock:
    """Reads each part when it is first asked for, and keeps it.

    Raises: FileNotFoundError for a missing set, ConfigError if nobody chose people in ``given.whole``.
    """

    data: Path
    teacher: Teacher
    given: Folders

    @cached_property
    def sets(self) -> Mapping[str, SetPictures]:
        """Every set by name, in the readers' order."""
        found = {}
        for name, read in READERS.items():
            train, held, twins = split(read(self.data, self.teacher), drop_twins=name != CEILING)
            found[name] = SetPictures(train, held, twins)
        return found

    @cached_property
    def frames(self) -> Sequence[Sample]:
        """Ceiling frames."""
        return self.sets[CEILING].train

    @cached_property
    def roomy_frames(self) -> Sequence[Sample]:
        """Ceiling frames with room for a vehicle."""
        return [f for f in self.frames if roomy(f, _FRAME_ASPECT)]

    @cached_property
    def cabins(self) -> Sequence[Sample]:
        """`cabins_of` the ceiling frames."""
        return cabins_of(self.frames)

    @cached_property
    def rooms(self) -> Sequence[Sample]:
        """Eye-level pictures with people to place cut-outs beside."""
        both = (*self.sets["wheelchair"].train, *self.sets["coco"].train)
        return [s for s in both if has_class(s, PERSON) and not has_class(s, E_BIKE)]

    @cached_property
    def others(self) -> Sequence[Sample]:
        """Pictures of anything else, as strange grounds and as cloth."""
        return [o for o in self.sets["negative"].train if only_people(o) and roomy(o)]

    @cached_property
    def cloths(self) -> Sequence[Image]:
        """Patterns for covers."""
        return [o.image for o in self.others]

    @cached_property
    def real(self) -> Sequence[Cutout]:
        """People and e-bikes cut out of ceiling frames."""
        return list(from_frames(list(self.frames), chosen()))

    @cached_property
    def sideways(self) -> Sequence[Cutout]:
        """Vehicles seen from the side, of both sides of the split: `Cutout.source` says."""
        return list(cutouts(self.data))

    @cached_property
    def whole(self) -> Sequence[Cutout]:
        """People and sitters at eye level, chosen by eye."""
        if self.given.whole is None:
            return []
        return [c for c in chosen_pieces(self.given.whole, KINDS, SET) if not is_val(c.source)]

    @cached_property
    def drawn(self) -> Sequence[Sample]:
        """Rendered cabins."""
        return [] if self.given.rendered is None else list(read_rendered(self.given.rendered))

    @cached_property
    def landings(self) -> Sequence[Sample]:
        """Rendered landings."""
        return [] if self.given.landing is None else list(read_rendered(self.given.landing))

    @cached_property
    def above(self) -> Sequence[Cutout]:
        """Vehicles rendered from above."""
        return [] if self.given.pieces is None else list(rendered_pieces(self.given.pieces))

    @cached_property
    def behind(self) -> Sequence[Cutout]:
        """Vehicles rendered from behind."""
        return [] if self.given.behind is None else list(rendered_pieces(self.given.behind))

    @cached_property
    def before(self) -> Sequence[Cutout]:
        """Vehicles rendered from before."""
        return [] if self.given.before is None else list(rendered_pieces(self.given.before))
