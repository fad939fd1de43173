"""The evidence folder: opening files only if they are what the store says they are."""

from __future__ import annotations

import errno
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Final

from api.evidence.files import EvidenceFile
from api.evidence.paths import open_inside
from vision.clips.files import sha256_of
from vision.errors import EvidenceError

KNOWN_MAX: Final = 512  # files whose hash has been checked and that have not changed since
NOT_A_FILE: Final = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO})
"""What the kernel answers where something else stands in a file's place, or on the way to it."""


class MissingFileError(EvidenceError):
    """The file is not where the store says."""


class DamagedFileError(EvidenceError):
    """The file is there, and it is not what was stored."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the kernel says of a file. ``ctime_ns`` changes with every write and cannot be set by hand."""

    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    sha256: str | None


class EvidenceFolder:
    """A folder of evidence files. Safe to use from several threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, file: EvidenceFile) -> BinaryIO:
        """Open a file for reading, at its beginning, its hash checked.

        The hash is computed once and again whenever the file has changed since, so a seek in a long clip does
        not read all of it. Raises: MissingFileError, DamagedFileError, or EvidenceError if the disk fails.
        """
        try:
            opened = open_inside(self.root, file.path)
        except FileNotFoundError as exc:
            raise MissingFileError(
                f"{file.path} is not in the evidence folder; was it deleted or moved by hand?"
            ) from exc
        except ValueError as exc:
            raise DamagedFileError(str(exc)) from exc
        except OSError as exc:
            if exc.errno in NOT_A_FILE:
                raise DamagedFileError(
                    f"{file.path} is no file any more, or lies behind a link: {exc}"
                ) from exc
            raise EvidenceError(
                f"{file.path} cannot be opened: {exc}; check the disk and its rights"
            ) from exc
        try:
            self._check(file, opened)
        except BaseException:
            opened.close()
            raise
        return opened

    def _check(self, file: EvidenceFile, opened: BufferedReader) -> None:
        try:
            seen = _look(opened, file.sha256)
            with self._lock:
                if self._seen.get(file.id) == seen:
                    self._seen.move_to_end(file.id)
                    return
            if seen.size != file.size_bytes:
                raise DamagedFileError(
                    f"{file.path} has {seen.size} bytes, {file.size_bytes} were stored; restore a backup"
                )
            found = sha256_of(opened)
            opened.seek(0)
        except EvidenceError:
            raise
        except OSError as exc:
            raise EvidenceError(
                f"{file.path} cannot be read: {exc}; check the disk (dmesg, smartctl)"
            ) from exc
        if found != file.sha256:
            raise DamagedFileError(
                f"{file.path} has the hash {found[:12]}…, not the stored {str(file.sha256)[:12]}…; "
                "restore it from a backup"
            )
        with self._lock:
            self._seen[file.id] = seen
            while len(self._seen) > KNOWN_MAX:
                self._seen.popitem(last=False)


def _look(opened: BinaryIO, sha256: str | None) -> _Seen:
    found = os.fstat(opened.fileno())
    return _Seen(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, sha256)
