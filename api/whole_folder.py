"""A folder of files written beside its final name: there as a whole or not at all, for its owner alone."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vision.clips.files import FILE_MODE, FOLDER_MODE
from vision.errors import ConfigError, EvidenceError


class NewFolder:
    """A folder that is being written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.hashes: dict[str, str] = {}  # SHA-256 of each file, by its path in the folder

    def write(self, path: str, data: bytes) -> str:
        """Make a file, and the folders (two deep at most) that it lies in. Returns: its SHA-256."""
        target = self._path / path
        for folder in (target.parent.parent, target.parent):
            if folder != self._path.parent:
                folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
        self.hashes[path] = hashlib.sha256(data).hexdigest()
        return self.hashes[path]


def refuse_existing(out: Path) -> None:
    """Raises: ConfigError if there is something called ``out``."""
    if os.path.lexists(out):
        raise ConfigError(f"{out} exists already, and nothing is overwritten; choose another name")


@contextmanager
def whole_folder(out: Path) -> Iterator[NewFolder]:
    """What is written within becomes the folder ``out``; nothing is left behind if anything goes wrong.

    Raises: ConfigError if ``out`` is there; EvidenceError if it cannot be written.
    """
    refuse_existing(out)
    try:
        part = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))  # mode 0700
    except OSError as exc:
        raise EvidenceError(
            f"{out.parent} cannot be written: {exc.strerror or exc}; choose a folder that exists, with room"
        ) from exc
    try:
        yield NewFolder(part)
        refuse_existing(out)
        part.rename(out)
    except OSError as exc:
        if exc.errno is None:  # one of ours
            raise
        raise EvidenceError(f"{out} cannot be written: {exc.strerror or exc}; is there room?") from exc
    finally:
        shutil.rmtree(part, ignore_errors=True)
