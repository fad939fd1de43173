"""Small files written whole and synced, or not at all: a power cut leaves the old one or the new one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from vision.clips.files import sync_file

ANYBODY: Final = 0o666
"""As `open` makes files: the umask says who may read them."""


def write_whole(path: Path, data: bytes, mode: int = ANYBODY) -> None:
    """Put ``data`` into ``path``, in a folder that is there. Raises: OSError; what was there before stays."""
    part = path.with_name(path.name + ".part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode), "wb") as file:  # noqa: PTH123  mode
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    sync_file(path.parent)
