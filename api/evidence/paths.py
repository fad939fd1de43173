"""Where evidence files lie: paths inside the evidence folder, and opening them without leaving it.

A path in the store is untrusted: a database may be edited, restored or come from another machine. Files are
opened component by component, never through a symbolic link.
"""

from __future__ import annotations

import os
import re
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from api.evidence.files import FILE_KINDS, EvidenceFile

PATH_MAX: Final = 400  # characters, as the column of the table
_PART: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}")
_EXTENSIONS: Final = {"video/mp4": "mp4", "image/jpeg": "jpg", "image/webp": "webp"}


def evidence_path(
    file_id_of: str, elevator_id: str, kind: str, segment: int, media_type: str, at: datetime
) -> str:
    """The path for a new file: ``<elevator>/<yyyy>/<mm>/<dd>/<event>-<kind>-<segment>.<ext>``, days in UTC.

    Args: file_id_of: id of the event. Raises: ValueError if that makes no good path.
    """
    if kind not in FILE_KINDS or media_type not in _EXTENSIONS:
        raise ValueError(f"there is no evidence of kind {kind!r} and type {media_type!r}")
    day = at.astimezone(UTC).strftime("%Y/%m/%d")
    path = f"{elevator_id}/{day}/{file_id_of}-{kind}-{segment}.{_EXTENSIONS[media_type]}"
    check_path(path)
    return path


def check_path(path: str) -> None:
    """Raises: ValueError unless ``path`` is relative, plain and stays inside the folder."""
    parts = path.split("/")
    if len(path) > PATH_MAX or not all(_PART.fullmatch(part) for part in parts):
        raise ValueError(
            f"the evidence path {path[:120]!r} is not one of ours: parts of A-Z a-z 0-9 . _ - separated by "
            "single slashes, none of them hidden"
        )


def open_inside(root: Path, path: str) -> BinaryIO:
    """Open a file of the evidence folder for reading.

    Raises: ValueError if the path is not one of ours; OSError if it is not there, or if any part of it is a
    symbolic link or not what it should be.
    """
    check_path(path)
    *folders, name = path.split("/")
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            os.close(at)
            at = inner
        # O_NONBLOCK: a named pipe in its place must not hang us
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
    finally:
        os.close(at)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(f"{path} in {root} is not a file")
    return os.fdopen(fd, "rb")


def delete_inside(root: Path, path: str) -> int:
    """Delete a file of the evidence folder. Returns: its size in bytes; 0 if there was none.

    Raises: as `open_inside`, except for a missing file.
    """
    check_path(path)
    *folders, name = path.split("/")
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            os.close(at)
            at = inner
        size = os.stat(name, dir_fd=at, follow_symlinks=False).st_size
        os.unlink(name, dir_fd=at)
    except FileNotFoundError:
        return 0
    finally:
        os.close(at)
    return size


def evidence_file_path(file: EvidenceFile, root: Path) -> Path:
    """Where a file lies, for showing it to people; open it with `open_inside`."""
    return root / file.path
