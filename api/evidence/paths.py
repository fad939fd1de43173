"""Where evidence files lie: paths inside the evidence folder, and opening them without leaving it.

A path in the store is untrusted: a database may be edited, restored or come from another machine. Files are
opened component by component, never through a symbolic link.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Final

PATH_MAX: Final = 400  # characters, as the column of the table
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_PART: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}")


def check_path(path: str) -> None:
    """Raises: ValueError unless ``path`` is relative, plain and stays inside the folder."""
    parts = path.split("/")
    if len(path) > PATH_MAX or not all(_PART.fullmatch(part) for part in parts):
        raise ValueError(
            f"the evidence path {path[:120]!r} is not one of ours: parts of A-Z a-z 0-9 . _ - separated by "
            "single slashes, none of them hidden"
        )


def open_inside(root: Path, path: str) -> BufferedReader:
    """Open a file of the evidence folder for reading.

    Raises: ValueError if the path is not one of ours; OSError if it is not there, or if any part of it is a
    symbolic link or not what it should be.
    """
    check_path(path)
    with _folder_of(root, path) as (at, name):
        # O_NONBLOCK: a named pipe in its place must not hang us
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise IsADirectoryError(errno.EISDIR, f"{path} in {root} is not a file")
    return os.fdopen(fd, "rb")


def delete_inside(root: Path, path: str) -> int:
    """Delete a file of the evidence folder. Returns: its size in bytes; 0 if there was none.

    Raises: as `open_inside`, except for a missing file.
    """
    check_path(path)
    try:
        with _folder_of(root, path) as (at, name):
            found = os.stat(name, dir_fd=at, follow_symlinks=False)
            os.unlink(name, dir_fd=at)
    except FileNotFoundError:
        return 0
    return found.st_size


@contextmanager
def _folder_of(root: Path, path: str) -> Iterator[tuple[int, str]]:
    """The open folder that a file lies in, and the file's name there."""
    *folders, name = path.split("/")
    at = os.open(root, _FOLDER)
    try:
        for folder in folders:
            inner = os.open(folder, _FOLDER | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = inner
        yield at, name
    finally:
        os.close(at)
