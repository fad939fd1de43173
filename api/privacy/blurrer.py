"""Makes and keeps covered copies: one at a time, at low priority, in a cache that never outlives the day.

The copy of a file is named by the file's own hash and by what covered it, so a better model or another rule
makes new copies. Nothing is shown that could not be covered: every failure is an `EvidenceError`.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol

from api.evidence.files import EvidenceFile
from api.privacy.copies import RULES, Detect, cover_clip, cover_picture, cover_thumbnail
from vision.errors import EvidenceError, LiftguardError
from vision.types import Detections, Image

log = logging.getLogger(__name__)

NICE: Final = 10
"""Guard and the page go first."""
KEPT_S: Final = 24 * 3600.0
MAX_BYTES: Final = 512 * 1024 * 1024
WAIT_S: Final = 120.0
"""Longest time that somebody waits for a copy; it is made on, and there at the next try."""


class FindsPeople(Protocol):
    """A detector, as `models.detector.OnnxDetector` is one."""

    @property
    def sha256(self) -> str: ...  # noqa: D102
    def detect(self, image: Image, conf: float | None = None) -> Detections: ...  # noqa: D102


class HeadBlurrer:
    """See `api.evidence.blur.Blurrer`.

    Args: folder: of the copies, made with mode 0700. find: gives the detector; called once, when it is first
    needed. wall: seconds since the epoch, as file times are.
    """

    def __init__(
        self,
        folder: Path,
        find: Callable[[], FindsPeople],
        *,
        max_bytes: int = MAX_BYTES,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._find = find
        self._max_bytes = max_bytes
        self._wall = wall
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._making: dict[Path, Future[None]] = {}
        self._finder: FindsPeople | None = None
        self._pool = ThreadPoolExecutor(1, "blur", initializer=_be_nice)

    def blurred(self, file: EvidenceFile, root: Path) -> Path:
        """See `api.evidence.blur.Blurrer.blurred`."""
        source = root / file.path
        finder = self._people_finder()
        target = self._folder / f"{file.sha256}-{RULES}-{finder.sha256[:8]}{source.suffix}"
        with self._lock:
            if target.exists():
                return target
            job = self._making.get(target)
            if job is None:
                job = self._making[target] = self._pool.submit(
                    self._make, file, source, target, finder.detect
                )
        try:
            job.result(WAIT_S)
        except TimeoutError as exc:
            raise EvidenceError(
                f"covering the faces in {file.path} takes longer than {WAIT_S:.0f} s; try again in a minute"
            ) from exc
        finally:
            if job.done():
                with self._lock:
                    self._making.pop(target, None)
        return target

    def close(self) -> None:
        """Finish what is being made, and nothing more."""
        self._pool.shutdown(cancel_futures=True)

    def _people_finder(self) -> FindsPeople:
        """The detector, loaded on the thread that will use it: its own threads inherit the low priority."""
        with self._loading:
            if self._finder is None:
                try:
                    self._finder = self._pool.submit(self._find).result()
                except LiftguardError as exc:
                    raise EvidenceError(f"nobody can be found in pictures: {exc}") from exc
            return self._finder

    def _make(self, file: EvidenceFile, source: Path, target: Path, detect: Detect) -> None:
        new = target.with_name(f".{target.name}.new")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._tidy()
            match file.kind:
                case "clip":
                    cover_clip(source, new, detect)
                case "thumbnail":
                    cover_thumbnail(source, new, detect)
                case _:
                    cover_picture(source, new, detect)
            new.chmod(0o600)
            new.replace(target)
        except EvidenceError:
            raise
        except (LiftguardError, OSError, ValueError, ArithmeticError) as exc:  # PyAV's errors are among them
            raise EvidenceError(f"the faces in {file.path} could not be covered: {exc}") from exc
        finally:
            new.unlink(missing_ok=True)

    def _tidy(self) -> None:
        """Remove copies of yesterday, then the oldest until the rest has room."""
        found = sorted(
            (p.stat().st_mtime, p.stat().st_size, p) for p in self._folder.iterdir() if p.is_file()
        )
        room = self._max_bytes - sum(size for _, size, _ in found)
        for at, size, path in found:
            if at < self._wall() - KEPT_S or room < 0:
                path.unlink(missing_ok=True)
                room += size


def _be_nice() -> None:
    """Lower this thread's priority: on Linux each thread has its own, and those that it starts inherit it."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
    except OSError as exc:
        log.warning("blurring cannot be given a low priority: %s", exc)
