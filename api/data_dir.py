"""The data folder: made for this user alone, and its store opened as guard needs it."""

from __future__ import annotations

import errno
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from api.evidence.salvage import NOT_FINISHED
from api.settings import Settings
from vision.errors import StorageError

if TYPE_CHECKING:
    from api.store import Store

log = logging.getLogger(__name__)


def make_private(folder: Path) -> None:
    """Make the data folder, if it is not there, for this user alone. Raises: StorageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as exc:
        if exc.errno == errno.EROFS:  # a card that has worn out: no reason to leave a door unguarded
            log.error("cannot make the data folder %s: %s; events wait until it can be written", folder, exc)
            return
        raise StorageError(f"cannot make the data folder {folder}: {exc}; set data_dir to another") from exc


class StoreOpener:
    """Opens the store with its tables up to date; the first time it closes the events that a crash left open.

    Only the first time: later, an open event is this run's own.
    """

    def __init__(self, settings: Settings) -> None:
        self._url = settings.store_url
        self._first = True

    def __call__(self) -> Store:
        """Raises: StorageError."""
        from api.store import Store

        store = Store(self._url)
        store.migrate()
        if self._first:
            found = store.close_interrupted()
            store.fail_unfinished(NOT_FINISHED)
            store.close_interrupted_troubles()
            self._first = False
            if found:
                log.warning("%d event(s) were open when guard last ended: now marked as interrupted", found)
        return store
