"""What a restart must not forget: the things in a car that are taken for vehicles (`vision.fixtures`).

Without it a poster would hold the door again after every power cut, and for ten minutes nothing else would be
held. One file per camera, with places and edges (`vision.edges`, averaged over a minute and more, so
nobody who walked by can be made out); no file where there is nothing to remember.
"""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from pydantic import AfterValidator, Base64Bytes, BaseModel, ConfigDict, Field

from api.book import Sink, Write
from api.whole_file import write_whole
from vision.edges import SMALL_WH
from vision.fixtures import Thing

log = logging.getLogger(__name__)

EVERY_S: Final = 3600.0
"""Between two writes of the same things, whose looks follow the light: some 40 kB an hour spare a card."""
MOST: Final = 100  # as `FixtureParams.most`
MOST_BYTES: Final = 8 << 20  # of a file: a hundred things come to 4 MB

_SHAPE: Final = (2, SMALL_WH[1], SMALL_WH[0])


def _whole(edges: bytes) -> bytes:
    """Raises: ValueError if these are not the edges of a whole picture."""
    if len(edges) != np.prod(_SHAPE):
        raise ValueError(f"edges of {len(edges)} bytes, not {np.prod(_SHAPE)}")
    return edges


_Side = Annotated[float, Field(gt=-1, lt=2, allow_inf_nan=False)]  # as shares of the picture


class _Kept(BaseModel):
    """One thing in the file."""

    model_config = ConfigDict(extra="forbid")
    box: tuple[_Side, _Side, _Side, _Side]
    called_s: float = Field(ge=0, allow_inf_nan=False)
    edges: Annotated[Base64Bytes, AfterValidator(_whole)]


class _File(BaseModel):
    """All of it."""

    model_config = ConfigDict(extra="forbid")
    things: list[_Kept] = Field(max_length=MOST)


class FixtureMemory:
    """Keeps one camera's fixtures in a file. `see` belongs to one thread and writes nothing itself: writes go
    to the recorder's queue.
    """

    def __init__(self, path: Path, sink: Sink) -> None:
        self._path = path
        self._sink = sink
        self._count = 0  # of what the file holds
        self._since_s: float | None = None  # capture time from which the hour runs, once there was a look

    def load(self) -> tuple[Thing, ...]:
        """What is remembered; nothing, with a line in the log, if the file cannot be used."""
        try:
            if not self._path.exists():
                return ()
            with self._path.open("rb") as file:
                known = unpacked(file.read(MOST_BYTES + 1))
        except (OSError, ValueError) as exc:
            log.warning(
                "%s: what belongs to the car is learnt anew, its file cannot be used: %s", self._path, exc
            )
            return ()
        self._count = len(known)
        return known

    def see(self, fixtures: Sequence[Thing], t_s: float) -> None:
        """Remember these, if there are more or fewer of them or the last time is long ago."""
        if self._since_s is None:
            self._since_s = t_s
        if len(fixtures) != self._count or (fixtures and t_s - self._since_s >= EVERY_S):
            self._since_s = t_s
            self._keep(fixtures)

    def stop(self, fixtures: Sequence[Thing]) -> None:
        """Remember these at the end."""
        if fixtures or self._count:
            self._keep(fixtures)

    def _keep(self, fixtures: Sequence[Thing]) -> None:
        things = tuple(fixtures)
        self._count = len(things)
        self._sink(Write("fixtures", lambda _: self._write(things), essential=False))

    def _write(self, things: tuple[Thing, ...]) -> None:
        """On the recorder's thread. A disk that is full costs the memory, not the events."""
        try:
            if not things:
                self._path.unlink(missing_ok=True)
                return
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self._path, packed(things), 0o600)
        except OSError as exc:
            log.error("%s: what belongs to the car could not be remembered: %s", self._path, exc)


def packed(things: Sequence[Thing]) -> bytes:
    """Things as JSON; edges to 1/127, which is finer than a camera's noise."""
    kept = []
    for thing in things:
        edges = np.rint(thing.edges * 127).astype(np.int8).tobytes()
        kept.append(_Kept(box=thing.box, called_s=thing.called_s, edges=b64encode(edges)))
    return _File(things=kept).model_dump_json().encode()


def unpacked(data: bytes) -> tuple[Thing, ...]:
    """`packed` read back, with no times of its own. Raises: ValueError if it is nothing of the kind."""
    if len(data) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES} bytes")
    things = []
    for kept in _File.model_validate_json(data).things:
        edges = np.frombuffer(kept.edges, np.int8).reshape(_SHAPE).astype(np.float32) / np.float32(127)
        things.append(Thing(kept.box, edges, 0.0, 0.0, kept.called_s))
    return tuple(things)
