"""Pictures out of recordings, with the detector's boxes to start from, for a person to correct.

A camera's own recordings hold what no event does: the vehicles that the model missed. Of hours in which
nothing moves only the pictures that differ are taken.

    OUT/images/*.jpg, OUT/labels/*.txt, OUT/classes.txt    YOLO, as labelling tools read it
    OUT/manifest.json                                      recordings, settings, model, a hash per file

There is no data.yaml on purpose: boxes that nobody corrected would teach a model what it does already.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from api.about import version
from api.feedback.export import JPEG_QUALITY, Cover
from api.feedback.frames import snapshot_of
from api.feedback.labels import yolo_line
from api.whole_folder import NewFolder, whole_folder
from models.detector import OnnxDetector
from vision.clips.pictures import jpeg
from vision.errors import ConfigError, SourceError
from vision.sources import iter_frames
from vision.sources.address import redact
from vision.types import CLASS_NAMES, Frame

FORMAT: Final = 1
SMALL_WH: Final = (32, 24)
"""Pictures are compared at this size: noise and compression are gone, a person is still a few pixels."""
LEAST_CHANGE: Final = 2.0
"""Mean difference of 255 from the picture before from which one is another. In the bundled clip pictures of
an empty car differ by up to 0.7, a fifth of a second of somebody's walk is 1 to 8; of a real ceiling camera's
sequence of an e-bike 0.9 to 31."""

T = TypeVar("T")


class Thinned(Generic[T]):
    """At most ``most`` things of a stream of unknown length, evenly out of it; half as many or more."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._every = 1
        self._seen = 0
        self.kept: list[T] = []

    def put(self, thing: Callable[[], T]) -> None:
        """Offer the next one, which is made only if it is kept for now."""
        if self._seen % self._every == 0:
            self.kept.append(thing())
            if len(self.kept) > self._most:
                del self.kept[1::2]
                self._every *= 2
        self._seen += 1


def differing(frames: Iterable[Frame], every_s: float) -> Iterator[Frame]:
    """Frames at least ``every_s`` after the one before, and not like it."""
    latest: tuple[float, NDArray[np.float32]] | None = None
    for frame in frames:
        if latest is not None and frame.t_s - latest[0] < every_s - 1e-6:
            continue
        shrunk = cv2.resize(frame.image, SMALL_WH, interpolation=cv2.INTER_AREA)
        small = cv2.cvtColor(shrunk, cv2.COLOR_BGR2GRAY).astype(np.float32)
        if latest is None or float(np.abs(small - latest[1]).mean()) >= LEAST_CHANGE:
            latest = (frame.t_s, small)
            yield frame


@dataclass(frozen=True, slots=True)
class CollectOrder:
    """What is taken, and how."""

    recordings: Sequence[str]
    detector: OnnxDetector
    cover: Cover | None  # None: pictures as the camera saw them
    every_s: float = 0.5
    most: int = 100  # of each recording
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Collected:
    """What was written."""

    pictures: dict[str, int]  # by recording
    boxes: dict[str, int]  # by class
    unreadable: dict[str, str]  # recording: why


def collect(
    order: CollectOrder, out: Path, *, progress: Callable[[str, int, int], None] | None = None
) -> Collected:
    """Write the folder ``out``, which must not exist.

    Args: progress: (recording, done, of). A recording that cannot be read is told and left out.
    Raises: ConfigError if ``out`` is there or no recording gave a picture; EvidenceError if it cannot be
    written.
    """
    pictures: dict[str, int] = {}
    unreadable: dict[str, str] = {}
    boxes: Counter[str] = Counter()
    with whole_folder(out) as folder:
        for number, recording in enumerate(order.recordings):
            name = redact(recording)  # an address may hold a password, though only files are read
            try:
                taken = _taken(recording, order, progress)
            except SourceError as exc:
                unreadable[name] = str(exc)
                continue
            for t_s, data in taken:
                stem = f"{number:02}-{_stem(recording)}-{t_s * 1000:09.0f}"
                boxes.update(_write(folder, order, stem, data))
            pictures[name] = len(taken)
        if not any(pictures.values()):
            why = "; ".join(unreadable.values()) or "there is no picture in them"
            raise ConfigError(f"none of {len(order.recordings)} recording(s) gave a picture: {why}")
        folder.write("classes.txt", "".join(f"{name}\n" for name in CLASS_NAMES).encode())
        told = Collected(pictures, dict(boxes), unreadable)
        text = json.dumps(_manifest(order, told, folder), indent=2, ensure_ascii=False)
        folder.write("manifest.json", f"{text}\n".encode())
    return told


def _taken(
    recording: str, order: CollectOrder, progress: Callable[[str, int, int], None] | None
) -> list[tuple[float, bytes]]:
    """(seconds, JPEG) of one recording; as JPEG, a hundred large pictures are 50 MB. Raises: SourceError."""
    # the pictures of a folder are no film: each is looked at
    fps = 1 / max(order.every_s, 1e-3) if Path(recording).is_dir() else None
    frames = iter_frames(recording, fps)
    kept: Thinned[tuple[float, bytes]] = Thinned(order.most)
    try:
        for frame in differing(_counted(frames, recording, frames.total, progress), order.every_s):
            kept.put(partial(_encoded, frame))
    finally:
        frames.close()
    return kept.kept


def _encoded(frame: Frame) -> tuple[float, bytes]:
    return frame.t_s, jpeg(frame.image, JPEG_QUALITY)


def _counted(
    frames: Iterable[Frame], name: str, total: int | None, progress: Callable[[str, int, int], None] | None
) -> Iterator[Frame]:
    for number, frame in enumerate(frames, 1):
        yield frame
        if progress is not None and total:
            progress(Path(name).name, number, total)


def _write(folder: NewFolder, order: CollectOrder, stem: str, data: bytes) -> list[str]:
    """Write a picture and its label. Returns: the class of each box."""
    image = snapshot_of(BytesIO(data))
    found = order.detector.detect(image)
    size_wh = (image.shape[1], image.shape[0])
    lines, classes = [], []
    for box, conf, class_id in zip(found.xyxy, found.conf, found.class_id, strict=True):
        x1, y1, x2, y2 = (float(v) for v in box)
        line = yolo_line(int(class_id), (x1, y1, x2, y2), size_wh)
        if line is not None and conf >= order.detector.operating_conf(int(class_id)):
            lines.append(line)
            classes.append(CLASS_NAMES[class_id])
    covered = data if order.cover is None else jpeg(order.cover(image), JPEG_QUALITY)
    folder.write(f"images/{stem}.jpg", covered)
    folder.write(f"labels/{stem}.txt", "".join(lines).encode())
    return classes


def _stem(recording: str) -> str:
    """Of a file name what is safe everywhere."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", Path(recording).stem).strip("-")[:60] or "recording"


def _manifest(order: CollectOrder, told: Collected, folder: NewFolder) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "program": f"Liftguard {version()}",
        "collected_at": order.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "faces": "as the camera saw them" if order.cover is None else "covered",
        "settings": {"every_s": order.every_s, "most": order.most, "least_change": LEAST_CHANGE},
        "classes": list(CLASS_NAMES),
        "boxes": "machine: the detector's own, to be corrected by a person before anything learns from them",
        "box_count": dict(sorted(told.boxes.items())),
        "model": {"name": order.detector.name, "sha256": order.detector.sha256},
        "pictures": {Path(name).name: count for name, count in told.pictures.items()},
        "unreadable": {Path(name).name: why for name, why in told.unreadable.items()},
        "files": dict(sorted(folder.hashes.items())),
    }
