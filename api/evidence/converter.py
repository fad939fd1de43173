"""Converts clips that browsers cannot play, one at a time, in a process of the lowest priority.

What waits lies on the disk (`api.evidence.naming`, ``todo``), so nothing is lost when guard ends. A clip that
cannot be converted is kept as the camera sent it, and its file says so.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Final

import vision
from api.evidence.desk import Desk
from api.evidence.files import EvidenceFile
from api.evidence.naming import Piece, Stage
from api.evidence.salvage import duration_of
from vision.clips.files import sha256_of

log = logging.getLogger(__name__)

_DONE: Final[tuple[Stage, ...]] = ("todo", "new")
LIMIT_S: Final = 3600.0  # a minute of 4K on a small box takes some minutes; beyond this it hangs
QUEUE_MAX: Final = 1000  # the rest waits on the disk for the next start
AS_IT_IS: Final = "it could not be converted ({}); kept as the camera sent it, browsers may not play it"


class Converter:
    """A thread and, while there is something to do, one process. Safe to call from several threads."""

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._queue: deque[tuple[Desk, Piece]] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._loop, name="convert clips", daemon=True)

    def start(self) -> None:
        """Begin working."""
        self._thread.start()

    def put(self, desk: Desk, piece: Piece) -> None:
        """Convert ``piece``, whose ``todo`` file is whole, when its turn comes. Never waits."""
        with self._wake:
            if len(self._queue) >= QUEUE_MAX:
                log.error("too many clips wait for conversion; %s waits for the next start", piece.event_id)
                return
            self._queue.append((desk, piece))
            self._wake.notify_all()

    def stop(self) -> None:
        """End the process; what was not converted waits on the disk. Idempotent."""
        with self._wake:
            self._stopping = True
            if self._process is not None:
                self._process.kill()  # it owns nothing but its own half-made file
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def _loop(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._queue or self._stopping)
                if self._stopping:
                    return
                desk, piece = self._queue[0]
            try:
                told = self._convert(desk, piece)
            except Exception as exc:  # top of a loop that must go on
                log.exception("%s: a clip could not be converted", desk.elevator_id)
                told = piece.file("failed", reason=f"it could not be converted: {exc.__class__.__name__}")
            if told is not None:
                desk.tell(told, *(piece.part(desk.evidence, stage) for stage in _DONE if told.sha256))
            with self._wake:
                self._queue.popleft()

    def _convert(self, desk: Desk, piece: Piece) -> EvidenceFile | None:
        """What to tell the store; None: guard ends."""
        source, target = piece.part(desk.evidence, "todo"), piece.part(desk.evidence, "new")
        target.unlink(missing_ok=True)
        try:
            code, out, said = self._run(source, target)
        except (OSError, subprocess.TimeoutExpired) as exc:
            code, out, said = 1, "", exc.__class__.__name__
        if self._stopping:
            target.unlink(missing_ok=True)
            return None
        try:
            if code == 0:
                made = json.loads(out)
                desk.publish(piece, target)
                return piece.file(
                    "stored",
                    duration_s=made["duration_s"],
                    size_bytes=made["n_bytes"],
                    sha256=made["sha256"],
                )
            target.unlink(missing_ok=True)
            reason = AS_IT_IS.format(said.strip()[-200:] or f"code {code}")
            log.error("%s: a clip is not converted: %s", desk.elevator_id, reason)
            size, sha256, duration_s = source.stat().st_size, sha256_of(source), duration_of(source)
            desk.publish(piece, source)
        except (OSError, ValueError) as exc:
            return piece.file("failed", reason=f"the converted clip cannot be kept: {exc}")
        return piece.file("stored", reason=reason, duration_s=duration_s, size_bytes=size, sha256=sha256)

    def _run(self, source: Path, target: Path) -> tuple[int, str, str]:
        """(exit code, output, errors). Raises: OSError, TimeoutExpired."""
        root = str(Path(vision.__file__).parents[1])  # also where the program was not installed
        found = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        with self._wake:
            if self._stopping:
                return 1, "", ""
            self._process = subprocess.Popen(
                [sys.executable, "-m", "vision.clips.encode", str(source), str(target)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": found},
            )
        with self._process as process:
            try:
                out, said = process.communicate(timeout=self._limit_s)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            finally:
                self._process = None
        return process.returncode, out, said
