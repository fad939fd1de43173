"""What is said of one picture: its line in judged.jsonl and its YOLO label. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from api.records import Event
from vision.types import CLASS_NAMES, E_BIKE

INSIDE: Final = 0.5
"""Share of a box that must lie in the picture; less: the frame had another size than the picture. Ours."""

Xyxy = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture of a judged event."""

    image: str  # path in its set
    sha256: str
    at: datetime
    score: float  # probability after the vote
    conf: float  # the detector's confidence in this frame; 0: not known
    source: Literal["clip", "snapshot"]
    boxed: bool  # there is a label with a box


def class_of(event: Event) -> int | None:
    """Index of the class that the event's box holds, by what people said of it. None: none of ours."""
    if event.verdict == "confirmed":
        return E_BIKE
    if event.verdict == "false_alarm" and event.verdict_reason in CLASS_NAMES:
        return CLASS_NAMES.index(event.verdict_reason)
    return None


def yolo_line(class_id: int, xyxy: Xyxy, size_wh: tuple[int, int]) -> str | None:
    """``class cx cy w h`` relative to the picture, the box cut at its edges. None: it lies outside."""
    width, height = size_wh
    x1, x2 = (min(max(x, 0.0), width) for x in (xyxy[0], xyxy[2]))
    y1, y2 = (min(max(y, 0.0), height) for y in (xyxy[1], xyxy[3]))
    whole = (xyxy[2] - xyxy[0]) * (xyxy[3] - xyxy[1])
    if x2 <= x1 or y2 <= y1 or (x2 - x1) * (y2 - y1) < INSIDE * whole:
        return None
    centre = (x1 + x2) / 2 / width, (y1 + y2) / 2 / height
    size = (x2 - x1) / width, (y2 - y1) / height
    return " ".join([str(class_id), *(f"{value:.6f}" for value in (*centre, *size))]) + "\n"


def judged_line(event: Event, shot: Shot) -> str:
    """One line of judged.jsonl, with its line feed. `models.sets` reads image, verdict and reason."""
    at = shot.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    row = {
        "image": shot.image,
        "verdict": event.verdict,
        "reason": event.verdict_reason,
        "event": event.id,
        "elevator": event.elevator_id,
        "camera": event.camera_id,
        "time": at,
        "score": round(shot.score, 4),
        "conf": round(shot.conf, 4),
        "model": event.model_name,
        "model_sha256": event.model_sha256,
        "boxes": "machine" if shot.boxed else "none",
        "source": shot.source,
        "simulated": event.simulated,
        "sha256": shot.sha256,
    }
    return json.dumps(row, ensure_ascii=False) + "\n"
