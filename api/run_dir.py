"""Where guard and web meet, also when the disk cannot be written: sockets need a folder, not a disk.

Guard takes ``<data_dir>/run``, or a folder of memory (the system's temporary folder) if that cannot be
written. Web looks which of them guard has taken. With ``runtime_dir`` in the settings both take that.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from pathlib import Path
from typing import Final

from api.link import LIVE
from api.settings import Settings

log = logging.getLogger(__name__)

SOCKETS: Final = "guard-*.sock"


def spare_run_dir(settings: Settings) -> Path:
    """The folder for when the disk cannot be written: one for each user and data folder."""
    which = hashlib.sha256(os.fsencode(settings.data_dir.absolute())).hexdigest()[:8]
    return Path(tempfile.gettempdir()) / f"liftguard-{os.geteuid()}-{which}"


def guard_run_dir(settings: Settings) -> Path:
    """Where guard shall open its sockets. For guard alone: it removes what an earlier one left elsewhere."""
    usual, spare = settings.run_dir, spare_run_dir(settings)
    if settings.runtime_dir is not None or _writable(usual):
        for left in spare.glob(SOCKETS) if _ours(spare) else ():
            left.unlink(missing_ok=True)  # of a start without a disk: web must not look there any more
        return usual
    log.error(
        "%s cannot be written: guard meets web in %s, and events wait until the disk is back; "
        "the door is guarded all the same",
        usual,
        spare,
    )
    return spare


def current_run_dir(settings: Settings) -> Path:
    """Where guard's sockets are, or will be: for everybody but guard. Looks, and changes nothing."""
    spare = spare_run_dir(settings)
    if settings.runtime_dir is None and _ours(spare) and (spare / LIVE).exists():
        return spare
    return settings.run_dir


def _ours(folder: Path) -> bool:
    """Nobody else can have put anything there: it is a folder of this user, and no link."""
    try:
        return not folder.is_symlink() and folder.stat().st_uid == os.geteuid()
    except OSError:
        return False


def _writable(folder: Path) -> bool:
    """It can be written, or be made in the nearest folder above it that there is.

    `os.access` says no for a file system that is mounted read-only, also to root.
    """
    there = next((f for f in (folder, *folder.absolute().parents) if f.exists()), None)
    return there is not None and os.access(there, os.W_OK | os.X_OK)
