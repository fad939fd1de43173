"""The pictures of one judged event, each checked against its hash, and why there are not more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO, Final, Literal, Protocol

from api.evidence.files import EvidenceFile
from api.evidence.folder import DamagedFileError, MissingFileError
from api.feedback.choose import GAP_S, PER_EVENT, choose, usable
from api.feedback.frames import NEAR_S, frames_at, snapshot_of
from api.records import Event, Evidence
from vision.errors import EvidenceError
from vision.types import Image

WHOLE: Final = frozenset({"stored", "repaired"})
SNAPSHOT_NEAR_S: Final = 2 * NEAR_S
"""A snapshot is one of the frames that were looked at; rows are up to a fifth of a second apart."""
NOT_WELL: Final = frozenset({"missing", "damaged", "unreadable"})
"""Reasons that mean trouble; the others are the ordinary course of things."""

OpenFile = Callable[[EvidenceFile], BinaryIO]


class Keeps(Protocol):
    """What is asked of the store."""

    def evidence(self, event_id: str) -> tuple[Evidence, ...]: ...  # noqa: D102
    def files(self, event_id: str) -> tuple[EvidenceFile, ...]: ...  # noqa: D102


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One decoded picture of an event."""

    image: Image  # (H, W, 3) uint8 BGR
    at: datetime
    row: Evidence | None  # what the detector said of it; None: not known
    source: Literal["clip", "snapshot"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something of an event that could not be used."""

    event_id: str
    what: str  # "clip 0", "snapshot 0" or "event"
    why: str  # evicted, failed, writing, missing, damaged, unreadable, no_moment, no_frame, open, …
    detail: str


def gather(
    store: Keeps,
    event: Event,
    open_file: OpenFile,
    left_out: Callable[[LeftOut], None],
    *,
    most: int = PER_EVENT,
    gap_s: float = GAP_S,
) -> Iterator[Picture]:
    """Pictures of an event at chosen moments; its snapshot where no clip gives any.

    Raises: StorageError of the store. What is wrong with a file is told to ``left_out``.
    """
    files, rows = store.files(event.id), usable(store.evidence(event.id))
    clips = []
    for file in files:
        if file.kind == "clip":
            if file.state in WHOLE:
                clips.append(file)
            else:
                left_out(_why_not(file))
    chosen = choose([row for row in rows if _clip_of(event, row, clips)], most, gap_s)
    some = False
    for clip in clips:
        inside = [row for row in chosen if _clip_of(event, row, clips) is clip]
        if inside:
            for picture in _of_clip(event, clip, inside, open_file, left_out):
                some = True
                yield picture
    if some:
        return
    if clips and not chosen:
        left_out(LeftOut(event.id, "clips", "no_moment", "no frame with a box falls into a clip"))
    for file in files:
        if file.kind == "snapshot":
            yield from _of_snapshot(event, file, rows, open_file, left_out)


def _clip_of(event: Event, row: Evidence, clips: Sequence[EvidenceFile]) -> EvidenceFile | None:
    at = event.started_at + timedelta(seconds=row.t_offset_s)
    for clip in clips:
        if clip.started_at <= at <= clip.started_at + timedelta(seconds=clip.duration_s):
            return clip
    return None


def _of_clip(
    event: Event,
    clip: EvidenceFile,
    rows: Sequence[Evidence],
    open_file: OpenFile,
    left_out: Callable[[LeftOut], None],
) -> Iterator[Picture]:
    what = f"clip {clip.segment}"
    moments = [event.started_at + timedelta(seconds=row.t_offset_s) for row in rows]
    missing = len(rows)
    try:
        with open_file(clip) as opened:
            for index, image in frames_at(opened, [(at - clip.started_at).total_seconds() for at in moments]):
                missing -= 1
                yield Picture(image, moments[index], rows[index], "clip")
    except EvidenceError as exc:
        left_out(LeftOut(event.id, what, _kind_of(exc), str(exc)))
        return
    if missing:
        left_out(
            LeftOut(event.id, what, "no_frame", f"{missing} moment(s) without a frame within {NEAR_S} s")
        )


def _of_snapshot(
    event: Event,
    file: EvidenceFile,
    rows: Sequence[Evidence],
    open_file: OpenFile,
    left_out: Callable[[LeftOut], None],
) -> Iterator[Picture]:
    if file.state not in WHOLE:
        left_out(_why_not(file))
        return
    try:
        with open_file(file) as opened:
            image = snapshot_of(opened)
    except EvidenceError as exc:
        left_out(LeftOut(event.id, f"snapshot {file.segment}", _kind_of(exc), str(exc)))
        return
    offset_s = (file.started_at - event.started_at).total_seconds()
    row = min(rows, key=lambda one: abs(one.t_offset_s - offset_s), default=None)
    near = row is not None and abs(row.t_offset_s - offset_s) <= SNAPSHOT_NEAR_S
    yield Picture(image, file.started_at, row if near else None, "snapshot")


def _why_not(file: EvidenceFile) -> LeftOut:
    return LeftOut(file.event_id, f"{file.kind} {file.segment}", file.state, file.reason or "")


def _kind_of(exc: EvidenceError) -> str:
    if isinstance(exc, MissingFileError):
        return "missing"
    if isinstance(exc, DamagedFileError):
        return "damaged"
    return "unreadable"
