"""A training set from judged events: written beside its final name, and there as a whole or not at all.

    OUT/data.yaml                     for `liftguard model train`
    OUT/manifest.json                 settings, counts, versions, what was left out and why, a hash per file
    OUT/train/, OUT/val/              judged.jsonl, images/*.jpg, labels/*.txt (YOLO)
    OUT/unsure/                       unsure.jsonl, pictures/*.jpg; only if asked for, never for training

The same events, files and settings give the same bytes on one version of OpenCV and FFmpeg; only the time and
the person in the manifest differ.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import cv2

from api.about import version
from api.accounts.who import Actor
from api.feedback.choose import GAP_S, PER_EVENT
from api.feedback.gather import NOT_WELL, Keeps, LeftOut, OpenFile, Picture, gather
from api.feedback.labels import Shot, class_of, judged_line, yolo_line
from api.feedback.split import VAL_SHARE, split_of
from api.records import Event
from api.whole_folder import NewFolder, whole_folder
from vision.clips.pictures import jpeg
from vision.errors import ConfigError
from vision.types import CLASS_NAMES, Image

FORMAT: Final = 1
JPEG_QUALITY: Final = 95
"""OpenCV's default: nothing that a model sees is lost to it."""

Cover = Callable[[Image], Image]
"""Makes a copy of a picture in which heads are covered."""


@dataclass(frozen=True, slots=True)
class FeedbackOrder:
    """What becomes a training set, how, and for whom."""

    events: Sequence[Event]  # judged
    actor: Actor
    at: datetime
    cover: Cover | None  # None: pictures as the camera saw them
    per_event: int = PER_EVENT
    gap_s: float = GAP_S
    val_share: float = VAL_SHARE
    seed: int = 0
    asked: dict[str, Any] = field(default_factory=dict)  # which events were asked for: JSON values


@dataclass(frozen=True, slots=True)
class FeedbackReport:
    """What was written."""

    events: int  # with at least one picture
    pictures: dict[str, int]  # per set
    boxes: int
    left_out: tuple[LeftOut, ...]

    @property
    def ok(self) -> bool:
        """Nothing that was used or wanted is missing, damaged or unreadable."""
        return not any(one.why in NOT_WELL for one in self.left_out)


def export_feedback(
    store: Keeps,
    order: FeedbackOrder,
    open_file: OpenFile,
    out: Path,
    *,
    note: Callable[[Event], None],
    progress: Callable[[int, int], None] | None = None,
) -> FeedbackReport:
    """Write the set into the folder ``out``, which must not exist.

    Args: note: writes into the audit trail, before anything of the event is read. progress: (done, of).
    Raises: ConfigError if ``out`` is there or nothing came of the events; EvidenceError if it cannot be
    written; StorageError of store and trail. Nothing is left behind then.
    """
    with whole_folder(out) as folder:
        writing = _Writing(folder, order)
        for number, event in enumerate(sorted(order.events, key=lambda e: (e.started_at, e.id)), 1):
            writing.take(store, event, open_file, note)
            if progress is not None:
                progress(number, len(order.events))
        return writing.finish(out)


class _Writing:
    """A set that is being written."""

    def __init__(self, folder: NewFolder, order: FeedbackOrder) -> None:
        self._folder = folder
        self._order = order
        self._left_out: list[LeftOut] = []
        self._lines: dict[str, list[str]] = {}
        self._events: dict[str, list[str]] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._models: Counter[tuple[str, str]] = Counter()
        self._boxes = 0

    def take(self, store: Keeps, event: Event, open_file: OpenFile, note: Callable[[Event], None]) -> None:
        """Add the pictures of one event."""
        if event.ended_at is None:
            self._left_out.append(LeftOut(event.id, "event", "open", "it has not ended; export it later"))
            return
        order = self._order
        if event.verdict == "unsure":
            name, pictures = "unsure", "pictures"  # no folder that a trainer or `model eval` takes for a set
        else:
            name, pictures = (
                split_of(event.elevator_id, event.started_at, order.val_share, order.seed),
                "images",
            )
        note(event)
        found = gather(
            store, event, open_file, self._left_out.append, most=order.per_event, gap_s=order.gap_s
        )
        done = 0
        for picture in found:
            done += self._add(event, picture, name, f"{pictures}/{event.id}-{done:02}")
        if done:
            self._events.setdefault(name, []).append(event.id)
            self._models[event.model_name, event.model_sha256] += 1
        elif not any(one.event_id == event.id for one in self._left_out):
            self._left_out.append(LeftOut(event.id, "event", "no_files", "no clip and no snapshot is known"))

    def _add(self, event: Event, picture: Picture, name: str, stem: str) -> bool:
        """Write a picture and its label. False: it can teach nothing."""
        height, width = picture.image.shape[:2]
        row, class_id, label = picture.row, class_of(event), ""
        if class_id is not None:
            boxed = None if row is None else yolo_line(class_id, row.xyxy, (width, height))
            if boxed is None:  # as a picture of nothing it would teach that there is nothing
                at = f"{picture.source} at {picture.at.astimezone(UTC):%H:%M:%S.%f}"
                why = "no frame was looked at then" if row is None else f"{row.xyxy} in {width}x{height} px"
                self._left_out.append(LeftOut(event.id, at, "no_box", why))
                return False
            label = boxed
        image = picture.image if self._order.cover is None else self._order.cover(picture.image)
        sha256 = self._folder.write(f"{name}/{stem}.jpg", jpeg(image, JPEG_QUALITY))
        if name != "unsure":
            self._folder.write(f"{name}/labels/{Path(stem).name}.txt", label.encode())
        score, conf = (event.score, 0.0) if row is None else (row.score, row.conf)
        shot = Shot(f"{stem}.jpg", sha256, picture.at, score, conf, picture.source, bool(label))
        self._lines.setdefault(name, []).append(judged_line(event, shot))
        self._counts[name, event.verdict_reason or str(event.verdict)] += 1
        self._boxes += bool(label)
        return True

    def finish(self, out: Path) -> FeedbackReport:
        """Write what is known of the whole."""
        if not self._lines:
            why = Counter(one.why for one in self._left_out)
            told = ", ".join(f"{count} {kind}" for kind, count in sorted(why.items()))
            raise ConfigError(
                f"no picture came of {len(self._order.events)} judged event(s) ({told or 'none given'}); "
                "`liftguard evidence verify` tells more"
            )
        for name, lines in sorted(self._lines.items()):
            self._folder.write(
                f"{name}/judged.jsonl" if name != "unsure" else "unsure/unsure.jsonl", _text(lines)
            )
        if "train" in self._lines:
            val = "val" if "val" in self._lines else "train"
            names = "".join(f"  {i}: {name}\n" for i, name in enumerate(CLASS_NAMES))
            path = json.dumps(str(out.absolute()), ensure_ascii=False)  # a JSON text is a YAML one
            text = f"path: {path}\ntrain:\n  - train/images\nval:\n  - {val}/images\nnames:\n{names}"
            self._folder.write("data.yaml", text.encode())
        self._folder.write(
            "manifest.json", (json.dumps(self._manifest(), indent=2, ensure_ascii=False) + "\n").encode()
        )
        pictures = {name: len(lines) for name, lines in sorted(self._lines.items())}
        events = sum(map(len, self._events.values()))
        return FeedbackReport(events, pictures, self._boxes, tuple(self._left_out))

    def _manifest(self) -> dict[str, Any]:
        order = self._order
        counts: dict[str, dict[str, int]] = {}
        for (name, kind), count in sorted(self._counts.items()):
            counts.setdefault(name, {})[kind] = count
        content = hashlib.sha256()
        for path, sha256 in sorted(self._folder.hashes.items()):
            if path != "data.yaml":  # which says where it lies
                content.update(f"{sha256}  {path}\n".encode())
        return {
            "format": FORMAT,
            "program": f"Liftguard {version()}",
            "opencv": cv2.__version__,
            "exported_at": order.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "exported_by": {"id": order.actor.id, "name": order.actor.name},
            "faces": "as the camera saw them" if order.cover is None else "covered",
            "asked": order.asked,
            "settings": {
                "per_event": order.per_event,
                "gap_s": order.gap_s,
                "val_share": order.val_share,
                "seed": order.seed,
                "jpeg_quality": JPEG_QUALITY,
            },
            "split": "by elevator and day (UTC): an event is in one set only",
            "classes": list(CLASS_NAMES),
            "boxes": "machine: the detector's own, of the one vehicle; other things in the picture have none",
            "box_count": self._boxes,
            "models": [
                {"name": name, "sha256": sha256, "events": count}
                for (name, sha256), count in sorted(self._models.items())
            ],
            "pictures": counts,
            "events": dict(sorted(self._events.items())),
            "left_out_counts": dict(sorted(Counter(one.why for one in self._left_out).items())),
            "left_out": [
                {"event": one.event_id, "what": one.what, "why": one.why, "detail": one.detail}
                for one in self._left_out
            ],
            "content_sha256": content.hexdigest(),
            "files": dict(sorted(self._folder.hashes.items())),
        }


def _text(lines: Sequence[str]) -> bytes:
    return "".join(lines).encode()
