"""Files that are there as a whole or not at all: temporary name, sync, final name, sync of the folder."""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import Final

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS})


class GrowingFile:
    """A new file that only grows, with its SHA-256 as it goes. Raises OSError where the disk does.

    It has no ``seek`` on purpose: a muxer that is given one must not go back.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        self._hash = hashlib.sha256()
        self._unsynced = 0
        self.n_bytes = 0

    def write(self, data: bytes) -> int:
        """Append all of ``data``. Returns: its length."""
        view = memoryview(data)
        while view:
            n = os.write(self._fd, view)
            if n == 0:
                raise OSError(errno.EIO, f"{self.path} takes no more bytes")
            self._hash.update(view[:n])
            self.n_bytes += n
            self._unsynced += n
            view = view[n:]
        return len(data)

    def sync(self) -> None:
        """Wait until all of it is on the disk."""
        if self._unsynced:
            os.fdatasync(self._fd)
            self._unsynced = 0

    @property
    def sha256(self) -> str:
        """Of what has been written."""
        return self._hash.hexdigest()

    def close(self) -> None:
        """Idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def sync_file(path: Path) -> None:
    """Wait until a file is on the disk. Raises: OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_folder(folder: Path) -> None:
    """Make a private folder and its parents, each known to the disk. Raises: OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=FOLDER_MODE)
    sync_file(folder.parent)


def publish(part: Path, final: Path) -> None:
    """Give a synced file its final name too, durably. ``part`` is to be deleted once the store knows of it.

    A file system without hard links (FAT) renames. Raises: OSError; ``part`` is then still there.
    """
    make_folder(final.parent)
    final.unlink(missing_ok=True)  # of an earlier try that a crash cut short
    try:
        final.hardlink_to(part)
    except OSError as exc:
        if exc.errno not in _NO_LINKS:
            raise
        part.replace(final)
    sync_file(final.parent)


def write_whole(path: Path, data: bytes) -> str:
    """Write a small file at once and durably. Returns: its SHA-256. Raises: OSError; nothing is then left."""
    try:
        file = GrowingFile(path)
        try:
            file.write(data)
            file.sync()
        finally:
            file.close()
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return file.sha256


def sha256_of(file: Path | BufferedReader) -> str:
    """SHA-256 of a file, hex; of an open one, of what is left to read in it. Raises: OSError."""
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return sha256_of(opened)
    return hashlib.file_digest(file, "sha256").hexdigest()
