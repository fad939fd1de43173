"""The body of ``liftguard detect``: pictures in, one JSON line or one table row each. See docs/formats.md."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

import cv2
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from api.annotate import draw_boxes, prepare_folder, write_copy
from vision.errors import LiftguardError, SourceError, StorageError
from vision.sources.images import list_images, read_image
from vision.types import CLASS_NAMES, E_BIKE, Clock, Detections, Detector


class PictureDetector(Detector, Protocol):
    """A detector that also knows from which confidence to believe each class."""

    def operating_conf(self, class_id: int) -> float:
        """The operating confidence of canonical class ``class_id``, in [0, 1]."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What was found in one picture, or why it could not be looked at."""

    image: str  # the path as given; inside a folder: folder and name
    size_wh: tuple[int, int] = (0, 0)  # pixels, upright
    infer_s: float = 0.0  # letterbox, network and decoding; not reading the file
    found: Detections | None = None
    error: str | None = None


def run_detect(
    paths: Sequence[Path],
    *,
    json_lines: bool,
    out_dir: Path | None,
    conf: float | None,
    detector: PictureDetector,
    stdout: TextIO,
    progress: bool,
    clock: Clock = time.perf_counter,
) -> int:
    """Look at every picture once, in the order given, folders in natural name order.

    Args: ``conf`` None keeps what passes the model's operating confidence of its class; ``out_dir`` gets
    copies with boxes; ``progress`` shows a bar on the error output. Returns: the exit code, 1 if anything
    could not be read or written, else 0. Raises: StorageError if ``out_dir`` cannot be made.
    """
    if out_dir is not None:
        prepare_folder(out_dir)
    errors = Console(stderr=True, highlight=False)
    pictures = list(_expand(paths))
    results: list[Looked] = []
    failed = False
    show_bar = progress and not (json_lines and stdout.isatty())  # lines on a terminal are progress enough
    with _bar(errors, show_bar) as bar:
        for path, problem in bar.track(pictures, description="Looking"):
            looked = Looked(_shown(path), error=problem) if problem else _look(path, detector, conf, clock)
            failed |= looked.error is not None
            if json_lines:
                stdout.write(_to_json(looked, stdout) + "\n")
                stdout.flush()
            else:
                results.append(looked)
            if out_dir is not None and looked.found is not None:
                failed |= not _copy(path, looked.found, out_dir, errors)
    if not json_lines:
        _print_table(results, Console(file=stdout, highlight=False))
    return 1 if failed else 0


def _expand(paths: Sequence[Path]) -> Iterator[tuple[Path, str | None]]:
    """Each picture with None, or a path with the reason why there is nothing to look at."""
    for path in paths:
        try:
            inside = list_images(path) if path.is_dir() else [path]
        except (SourceError, OSError) as exc:
            yield path, _sayable(str(exc))
            continue
        for picture in inside:
            if picture.exists() and not picture.is_file():  # reading a pipe or a device could wait for ever
                yield picture, f"{_shown(picture)!r} is not a regular file; save the picture as a file"
            else:
                yield picture, None


def _look(path: Path, detector: PictureDetector, conf: float | None, clock: Clock) -> Looked:
    name = _shown(path)
    try:
        image = read_image(path)
        started_s = clock()
        found = detector.detect(image, conf)
        infer_s = clock() - started_s
    except (LiftguardError, OSError, ValueError, cv2.error) as exc:  # this picture's fault: the rest goes on
        return Looked(name, error=_sayable(str(exc)))
    if conf is None:
        floors = np.array([detector.operating_conf(i) for i in range(len(CLASS_NAMES))], np.float32)
        found = found.where(found.conf >= floors[found.class_id])
    return Looked(name, (image.shape[1], image.shape[0]), infer_s, found)


def _copy(path: Path, found: Detections, out_dir: Path, errors: Console) -> bool:
    """Write the annotated copy. Reads the picture again: holding it would double what a giant one takes."""
    try:
        write_copy(out_dir, path.name, draw_boxes(read_image(path), found))
    except (StorageError, SourceError, cv2.error) as exc:
        errors.print(Text(_printable(f"no copy of {_shown(path)}: {exc}"), style="red"), soft_wrap=True)
        return False
    return True


def _to_json(looked: Looked, stdout: TextIO) -> str:
    """The contract of ``detect --json``. Names stay readable where the output takes them."""
    line: dict[str, Any] = {"image": looked.image}
    if looked.found is None:
        line["error"] = looked.error
    else:
        line["width"], line["height"] = looked.size_wh
        line["infer_ms"] = round(looked.infer_s * 1e3, 2)
        line["detections"] = [
            {
                "class": CLASS_NAMES[class_id],
                "conf": round(float(conf), 4),
                "xyxy": [round(float(v), 1) for v in box],
            }
            for box, conf, class_id in zip(
                looked.found.xyxy, looked.found.conf, looked.found.class_id, strict=True
            )
        ]
    unicode_out = (stdout.encoding or "utf-8").lower().startswith("utf")
    return json.dumps(line, ensure_ascii=not unicode_out)


def _print_table(results: Sequence[Looked], console: Console) -> None:
    table = Table(Column("Picture", overflow="fold"), "Pixels", "Seen", "ms", box=None, pad_edge=False)
    for looked in results:
        name = Text(_printable(looked.image))
        if looked.found is None:
            table.add_row(name, "", Text(_printable(looked.error or ""), style="red"), "")
            continue
        w, h = looked.size_wh
        table.add_row(name, f"{w} x {h}", _seen(looked.found), f"{looked.infer_s * 1e3:.1f}")
    console.print(table)
    good = [looked.found for looked in results if looked.found is not None]
    with_e_bike = sum(E_BIKE in found.class_id for found in good)
    bad = len(results) - len(good)
    console.print(
        f"{with_e_bike} of {len(good)} pictures hold an e-bike"
        + (f"; {bad} could not be looked at" if bad else "")
        + "."
    )


def _seen(found: Detections) -> Text:
    """``e_bike 0.93, 2 person 0.88``: each class once, with its count and its best confidence."""
    counts = Counter(int(i) for i in found.class_id)
    words = Text("nothing" if not counts else "")
    for place, (class_id, number) in enumerate(counts.items()):
        best = float(found.conf[found.class_id == class_id].max())
        style = "bold red" if class_id == E_BIKE else ""
        words.append(", " if place else "")
        words.append(f"{f'{number} ' if number > 1 else ''}{CLASS_NAMES[class_id]} {best:.2f}", style)
    return words


def _shown(path: Path) -> str:
    """The path as text that any output can carry: bytes that are no UTF-8 become the replacement sign."""
    return _sayable(str(path))


def _sayable(text: str) -> str:
    return os.fsencode(text).decode("utf-8", "replace")


def _printable(name: str) -> str:
    """A name from a file system may hold control characters; a terminal must not obey them."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)


def _bar(console: Console, show: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not show,
        redirect_stdout=False,
    )
