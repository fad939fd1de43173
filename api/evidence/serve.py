"""Showing an evidence file to somebody: who may, in which form, and what to say where there is nothing."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final

from fastapi import Request
from starlette.responses import Response

from api.accounts.audit import Audit
from api.accounts.who import Actor, Right, check
from api.evidence.blur import Blurrer
from api.evidence.files import EvidenceFile
from api.evidence.folder import DamagedFileError, EvidenceFolder, MissingFileError
from api.evidence.paths import open_inside
from api.evidence.slices import Part, SliceResponse, UnsatisfiableRangeError, etags, parse_range
from api.problems import ProblemError
from api.store import Store
from vision.errors import EvidenceError
from vision.types import Clock

log = logging.getLogger(__name__)

WHOLE: Final = frozenset({"stored", "repaired"})
"""States in which a file is shown."""
SAME_READ_S: Final = 60.0
"""A browser fetches a clip in many ranges: requests for the same file within this time are one read."""


class Reads:
    """Notes each read into the audit trail once, before it happens."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._noted: OrderedDict[tuple[str, str, bool], float] = OrderedDict()

    def note(self, audit: Audit, actor: Actor, file: EvidenceFile, *, original: bool) -> None:
        """Raises: StorageError if it cannot be noted; then nothing may be shown."""
        key, now_s = (actor.id, file.id, original), self._clock()
        with self._lock:
            while self._noted and next(iter(self._noted.values())) <= now_s - SAME_READ_S:
                self._noted.popitem(last=False)
            if key in self._noted:
                return
        what = "camera" if file.kind == "tamper" else "evidence"
        action = f"{what}.read_original" if original else f"{what}.read"
        audit.note(actor, action, file.event_id, f"{file.kind} {file.segment}, file {file.id}")
        with self._lock:
            self._noted[key] = now_s


class EvidenceDesk:
    """Hands out evidence files of one folder.

    Args: blurrer: makes copies without faces; None: there is none, and only originals can be shown.
    """

    def __init__(
        self,
        folder: EvidenceFolder,
        store: Store,
        blurrer: Blurrer | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.folder = folder
        self._store = store
        self._blurrer = blurrer
        self._reads = Reads(clock)

    @property
    def can_blur(self) -> bool:
        """Evidence can be shown to those who may not see originals."""
        return self._blurrer is not None

    def answer(
        self, request: Request, actor: Actor, audit: Audit, file: EvidenceFile, *, original: bool
    ) -> Response:
        """The file, or the range of it that is asked for. Blocks; call it on a worker thread.

        Raises: ProblemError if it may not or cannot be shown.
        """
        opened, etag = self.open(actor, audit, file, original=original)
        try:
            return _answer(request, file, opened, etag)
        except BaseException:
            opened.close()
            raise

    def open(self, actor: Actor, audit: Audit, file: EvidenceFile, *, original: bool) -> tuple[BinaryIO, str]:
        """The whole file, open for reading, and its entity tag; the read is noted. Raises: ProblemError."""
        check(actor, Right.SEE_EVIDENCE, file.elevator_id)
        if original:
            check(actor, Right.SEE_ORIGINALS, file.elevator_id)
        elif self._blurrer is None:
            raise blurring_unavailable()
        if file.state not in WHOLE:
            raise _not_there(file)
        opened = self._open_whole(file)
        if not original:
            opened.close()
            opened = self._open_blurred(file, self.folder.root)
        try:
            self._reads.note(audit, actor, file, original=original)
            found = os.fstat(opened.fileno())
        except BaseException:
            opened.close()
            raise
        tag = str(file.sha256)[:32] if original else f"b{found.st_mtime_ns:x}-{found.st_size:x}-{file.id}"
        return opened, f'"{tag}"'

    def beside(
        self, actor: Actor, audit: Audit, picture: EvidenceFile, folder: Path, *, original: bool
    ) -> bytes:
        """A picture that no event has, of a camera trouble: shown and noted as evidence is.

        Args: picture: its ``sha256`` is not looked at; nobody keeps one. folder: where its path begins.
        Raises: ProblemError if it may not be shown; OSError or ValueError if it is not there.
        """
        check(actor, Right.SEE_EVIDENCE, picture.elevator_id)
        if original:
            check(actor, Right.SEE_ORIGINALS, picture.elevator_id)
        with open_inside(folder, picture.path) as opened:
            data = opened.read()
        if not original:
            found = replace(picture, sha256=hashlib.sha256(data).hexdigest())
            with self._open_blurred(found, folder) as copy:
                data = copy.read()
        self._reads.note(audit, actor, picture, original=original)
        return data

    def _open_blurred(self, file: EvidenceFile, root: Path) -> BinaryIO:
        if self._blurrer is None:
            raise blurring_unavailable()
        try:
            return self._blurrer.blurred(file, root).open("rb")
        except OSError as exc:  # EvidenceError is one
            log.error("%s cannot be blurred: %s", file.path, exc)
            raise ProblemError(
                503, "blurring-unavailable", f"faces could not be blurred, so it is not shown: {exc}"
            ) from exc

    def _open_whole(self, file: EvidenceFile) -> BinaryIO:
        try:
            return self.folder.open(file)
        except MissingFileError as exc:
            raise _not_there(self._report(file, "missing", exc)) from exc
        except DamagedFileError as exc:
            raise _not_there(self._report(file, "damaged", exc)) from exc
        except EvidenceError as exc:
            log.error("%s", exc)
            raise ProblemError(503, "evidence-unreadable", str(exc)) from exc

    def _report(self, file: EvidenceFile, state: str, exc: EvidenceError) -> EvidenceFile:
        log.error("evidence of event %s is %s: %s", file.event_id, state, exc)
        found = replace(file, state="missing" if state == "missing" else "damaged", reason=str(exc))
        if state == "damaged" or self.folder.root.is_dir():  # a disk that is not mounted loses nothing
            self._store.put_file(found)
        return found


def blurring_unavailable() -> ProblemError:
    """What is said where faces would have to be blurred, and cannot be."""
    return ProblemError(
        503,
        "blurring-unavailable",
        "this installation cannot blur faces; unblurred evidence is only shown when somebody with the right "
        "see_originals asks for it (original=true)",
    )


def _not_there(file: EvidenceFile) -> ProblemError:
    what = f"the {file.kind} {file.segment} of event {file.event_id}"
    why = f": {file.reason}" if file.reason else ""
    match file.state:
        case "evicted":
            return ProblemError(410, "evidence-evicted", f"{what} was deleted{why}")
        case "writing":
            return ProblemError(409, "evidence-not-ready", f"{what} is still being written; try again soon")
        case "failed":
            return ProblemError(404, "evidence-failed", f"{what} could not be made{why}")
        case "missing":
            return ProblemError(404, "evidence-missing", f"{what} is gone{why}")
        case _:
            return ProblemError(
                409, "evidence-damaged", f"{what} is not what was stored, so it is not shown{why}"
            )


def _answer(request: Request, file: EvidenceFile, opened: BinaryIO, etag: str) -> Response:
    size = os.fstat(opened.fileno()).st_size
    name = file.path.rpartition("/")[2]
    headers = {
        "accept-ranges": "bytes",
        "etag": etag,
        "cache-control": "private, no-store",  # faces do not belong into a browser's cache
        "content-disposition": f'inline; filename="{name}"',
    }
    if etags(request.headers.get("if-none-match")) & {etag, "*"}:
        opened.close()
        return Response(status_code=304, headers=headers)
    asked = request.headers.get("range")
    if request.headers.get("if-range", etag) != etag:
        asked = None  # the file is another one by now: all of it
    try:
        part = parse_range(asked, size)
    except UnsatisfiableRangeError as exc:
        opened.close()
        return ProblemError(416, "unsatisfiable-range", str(exc)).response(
            {"content-range": f"bytes */{size}"}
        )
    status = 200 if part is None else 206
    if part is not None:
        headers["content-range"] = f"bytes {part.first}-{part.last}/{size}"
    return SliceResponse(
        opened, part or Part(0, size - 1), status=status, media_type=file.media_type, headers=headers
    )
