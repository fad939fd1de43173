"""Our own corrections, kept as text under ``datasets/labels``: frames of the mosaics, and hand-drawn boxes.

Two formats, one line per picture, ``#`` starts a comment, class letters as in `LETTERS`:
- frames:  ``picture | x1 y1 x2 y2 | e x1 y1 x2 y2;p ...``   pixels of the mosaic
- boxes:   ``picture | s x1 y1 x2 y2;p ...``                 relative to the picture, 0 to 1
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from datasets.boxes import Box, Sample, cut_boxes
from vision.types import BICYCLE, E_BIKE, KICK_SCOOTER, PERSON, STROLLER, WHEELCHAIR, Image

LETTERS = {"e": E_BIKE, "b": BICYCLE, "s": STROLLER, "w": WHEELCHAIR, "p": PERSON, "k": KICK_SCOOTER}
LABELS = Path(__file__).parent / "labels"


@dataclass(frozen=True, slots=True)
class FrameLabel:
    """One camera frame inside a mosaic: where it lies, and what is in it (both in mosaic pixels)."""

    picture: str
    frame: tuple[float, float, float, float]
    boxes: tuple[Box, ...]


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    return [
        (number, [part.strip() for part in line.split("|")])
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if line.strip() and not line.startswith("#")
    ]


def _boxes(text: str, where: str) -> tuple[Box, ...]:
    boxes: list[Box] = []
    for part in filter(None, (p.strip() for p in text.split(";"))):
        letter, *numbers = part.split()
        if letter not in LETTERS or len(numbers) != 4:
            raise ValueError(f"{where}: expected '<{'|'.join(LETTERS)}> x1 y1 x2 y2', found {part!r}")
        x1, y1, x2, y2 = (float(n) for n in numbers)
        if x2 <= x1 or y2 <= y1:
            raise ValueError(f"{where}: box without area: {part!r}")
        boxes.append(Box(LETTERS[letter], x1, y1, x2, y2))
    return tuple(boxes)


def read_frames(path: Path = LABELS / "elevator_cctv_mosaics.txt") -> list[FrameLabel]:
    """Frames of the mosaics. Raises: ValueError naming file and line."""
    out: list[FrameLabel] = []
    for number, parts in _lines(path):
        where = f"{path.name}:{number}"
        if len(parts) != 3:
            raise ValueError(f"{where}: expected 'picture | frame | boxes', found {' | '.join(parts)!r}")
        x1, y1, x2, y2 = (float(n) for n in parts[1].split())
        out.append(FrameLabel(parts[0], (x1, y1, x2, y2), _boxes(parts[2], where)))
    return out


def read_boxes(path: Path) -> dict[str, tuple[Box, ...]]:
    """Hand-drawn relative boxes by picture. Raises: ValueError naming file and line."""
    return {parts[0]: _boxes(parts[1], f"{path.name}:{number}") for number, parts in _lines(path)}


def cut_frame(mosaic: Image, label: FrameLabel) -> Sample:
    """The single camera frame of ``label``, with its boxes moved to the frame's own pixels."""
    x1, y1, x2, y2 = (round(v) for v in label.frame)
    name = f"{label.picture}_{x1}_{y1}"
    return Sample(
        image=mosaic[y1:y2, x1:x2].copy(),
        boxes=cut_boxes(label.boxes, label.frame, min_share=0.1),
        name=name,
        source=f"mosaic/{label.picture}",
    )
