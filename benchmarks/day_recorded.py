"""What the detector said of each frame of a day, kept, so that a change to the vote is measured in minutes.

Drawing and inference are nearly all of what a day costs, and neither depends on tracks, presence or hold. So
the detections of every entry are kept per model, and an entry that was seen before is judged again from them.
Which frames were inferred is part of what is kept.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import hardware.hold
import vision.gate
import vision.perceive
import vision.presence
import vision.tracking
import vision.vote
import vision.zones
from hardware.values import HoldRules
from vision.gate import GateDecision, MotionGate
from vision.types import Detections, Image, Observation

_RULES = (
    vision.gate,
    vision.tracking,
    vision.vote,
    vision.zones,
    vision.presence,
    vision.perceive,
    hardware.hold,
)


def rules_version(rules: HoldRules, confs: Sequence[float] = ()) -> str:
    """Of all that judges between detector and relay: eight hex digits that change with its code or limits.

    Args: ``confs``: the detector's operating confidence of each class.
    """
    told = [inspect.getsource(module) for module in _RULES]
    return hashlib.sha256("\n".join([*told, repr(rules), repr(tuple(confs))]).encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One entry. ``seen``: per frame the detections, None where the gate saved the inference."""

    size_wh: tuple[int, int]
    seen: list[Detections | None]

    @classmethod
    def of(cls, shown: list[Observation]) -> Recording:
        """Of the frames that were shown; at least one."""
        height, width = shown[0].frame.image.shape[:2]
        return cls((width, height), [one.detections for one in shown])

    def called(self, class_id: int, conf: float) -> tuple[int, int]:
        """At how many looks that class was called with ``conf`` or more, and how many looks there were."""
        looks = [found for found in self.seen if found is not None]
        return sum(bool(((f.class_id == class_id) & (f.conf >= conf)).any()) for f in looks), len(looks)

    def text(self) -> dict[str, Any]:
        """As JSON takes it; tenths of pixels, four digits of confidence."""
        return {
            "size_wh": self.size_wh,
            "seen": [
                None
                if found is None
                else [
                    [*(round(float(v), 1) for v in xyxy), round(float(conf), 4), int(class_id)]
                    for xyxy, conf, class_id in zip(found.xyxy, found.conf, found.class_id, strict=True)
                ]
                for found in self.seen
            ],
        }

    @classmethod
    def read(cls, node: dict[str, Any]) -> Recording:
        """What `text` wrote."""
        seen: list[Detections | None] = []
        for rows in node["seen"]:
            if rows is None:
                seen.append(None)
            elif not rows:
                seen.append(Detections.empty())
            else:
                table = np.array(rows, np.float64)
                seen.append(
                    Detections(
                        table[:, :4].astype(np.float32),
                        table[:, 4].astype(np.float32),
                        table[:, 5].astype(np.int64),
                    )
                )
        width, height = node["size_wh"]
        return cls((int(width), int(height)), seen)


class Recordings:
    """A file with a line for each entry; lines are read when they are asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at: dict[int, int] = {}  # number -> place of its line
        if path.exists():
            with path.open("rb") as file:
                place = 0
                for line in file:
                    if line.endswith(b"\n"):  # a run that was killed may leave half a line
                        self._at[int(line[: line.index(b",")].split(b":")[1])] = place
                    place += len(line)

    def __contains__(self, number: int) -> bool:
        return number in self._at

    def put(self, number: int, recording: Recording) -> None:
        """Add an entry."""
        with self._path.open("ab") as file:
            if file.tell() and not self._ends_whole():
                file.write(b"\n")
            self._at[number] = file.tell()
            file.write((json.dumps({"number": number, **recording.text()}) + "\n").encode())

    def get(self, number: int) -> Recording:
        """An entry that is there."""
        with self._path.open("rb") as file:
            file.seek(self._at[number])
            return Recording.read(json.loads(file.readline()))

    def _ends_whole(self) -> bool:
        with self._path.open("rb") as file:
            file.seek(-1, 2)
            return file.read(1) == b"\n"


class Recorded:
    """A detector and a gate in one that say again what was said: give ``gate`` and this to a `Perceiver`."""

    def __init__(self, recording: Recording) -> None:
        self._left = iter(recording.seen)
        self._last: Detections | None = Detections.empty()
        self.gate = _RecordedGate(self)

    def advance(self) -> bool:
        """The next frame; after the last it is the last again. Returns: whether it was inferred."""
        self._last = next(self._left, self._last)
        return self._last is not None

    def detect(self, image: Image, conf: float | None = None) -> Detections:  # noqa: ARG002
        """See `vision.types.Detector`."""
        return self._last if self._last is not None else Detections.empty()


class _RecordedGate(MotionGate):
    def __init__(self, recorded: Recorded) -> None:
        super().__init__()
        self._recorded = recorded

    def open(self, image: Image, t_s: float, blocked_present: bool) -> GateDecision:  # noqa: ARG002
        inferred = self._recorded.advance()
        return GateDecision(inferred, "motion" if inferred else "still")
