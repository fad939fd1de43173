"""The sweeper: a thread of guard that keeps the disk from filling up. The hold never waits for it.

It runs in guard and not in web, because a box must stay well while web is dead; on a thread of its own with
the lowest priority, with a connection of its own to the store. A small reserve file is given back when
something else has filled the disk to the last byte: then there is room to note what goes, and for events.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from api.evidence.paths import delete_inside
from api.evidence.reconcile import Reconciled, reconcile
from api.evidence.retention import Eviction, Limits, plan
from api.times import WallClock
from vision.errors import StorageError
from vision.types import Clock

if TYPE_CHECKING:  # the store is opened on a thread of its own: guard does not wait for SQLAlchemy
    from api.evidence.retention_store import Usage
    from api.store import Store


log = logging.getLogger(__name__)

LOOK_S: Final = 5.0  # free space is looked at this often: something else may fill the disk quickly
DAY_S: Final = 86_400.0  # store and disk are compared once a day, and at the start
AT_ONCE: Final = 200  # files per transaction
RESERVE: Final = "reserve.bin"  # beside the evidence folder
RESERVE_BYTES: Final = 16 << 20
LOWEST: Final = 19  # nice(2)


@dataclass(frozen=True, slots=True)
class Figures:
    """What the sweeper knows, for the metrics."""

    usage: tuple[Usage, ...] = ()
    troubles: Mapping[str, int] = field(default_factory=dict)
    free_bytes: int | None = None
    evicted: Mapping[str, int] = field(default_factory=dict)  # files since the start, by cause
    over: bool = False  # the limits do not hold, though nothing more may go
    ok: bool = True  # the last turn went well


class Sweeper:
    """Deletes what the limits do not allow.

    Args: open_store is called on the sweeper's thread and raises StorageError. sweep_s: between two full
    turns. free: bytes left on the disk of a folder.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        root: Path,
        limits: Limits,
        clock: Clock,
        wall: WallClock,
        *,
        sweep_s: float,
        free: Callable[[Path], int] | None = None,
    ) -> None:
        self._open_store = open_store
        self._store: Store | None = None
        self._root = root
        self._limits = limits
        self._clock = clock
        self._wall = wall
        self._sweep_s = sweep_s
        self._free = free or free_bytes
        self._due_sweep_s = self._due_compare_s = clock()
        self._evicted: Counter[str] = Counter()
        self._owed: list[Eviction] = []  # deleted, and not noted yet: the disk was too full to write
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="sweeper", daemon=True)
        self._reserve = root.parent / RESERVE
        self.figures = Figures()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """End; a file that is just being deleted is waited for. Idempotent."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def turn(self) -> None:
        """Look, and do what is due. Raises: StorageError, OSError."""
        now_s = self._clock()
        free = self._free(self._root)
        self._keep_reserve(free)
        if now_s < self._due_sweep_s and free >= self._limits.min_free_bytes and not self._owed:
            return
        store = self._store = self._store or self._open_store()
        self._due_sweep_s = now_s + self._sweep_s
        self._sweep(store)
        if now_s >= self._due_compare_s and self._root.is_dir():
            self._due_compare_s = now_s + DAY_S
            self._compare(store)
        usage = store.usage()
        self.figures = Figures(
            usage,
            store.troubles(),
            self._free(self._root),
            dict(self._evicted),
            over=self._is_over(usage),
        )

    def _keep_reserve(self, free: int) -> None:
        if free < RESERVE_BYTES // 4:
            if self._reserve.exists():
                log.error("the disk is full to the last byte; the reserve of %d bytes is used", RESERVE_BYTES)
            self._reserve.unlink(missing_ok=True)
        elif free > self._limits.min_free_bytes + 2 * RESERVE_BYTES and not self._reserve.exists():
            with suppress(OSError):
                fd = os.open(self._reserve, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    os.posix_fallocate(fd, 0, RESERVE_BYTES)
                finally:
                    os.close(fd)

    def _sweep(self, store: Store) -> None:
        if self._owed:
            store.evict(self._owed, self._wall())
            self._owed.clear()
        used = {usage.elevator_id: usage.used_bytes for usage in store.usage()}
        planned = plan(store.evictable(), used, self._free(self._root), self._limits, self._wall())
        while batch := list(islice(planned, AT_ONCE)):
            self._evict(store, batch)
            if self._stop.is_set():
                return

    def _evict(self, store: Store, batch: list[Eviction]) -> None:
        try:
            gone = store.evict(batch, self._wall())  # first the note: a crash leaves a file, never a lie
        except StorageError:
            if self._free(self._root) >= self._limits.min_free_bytes:
                raise
            # Too full to write the note. Room comes first, and then the note.
            self._delete(batch)
            self._owed = batch
            gone = store.evict(batch, self._wall())
            self._owed = []
        else:
            self._delete(gone)
        self._evicted.update(eviction.cause for eviction in gone)
        for reason, count in Counter(eviction.reason for eviction in gone).items():
            log.info("%d evidence file(s) deleted: %s", count, reason)

    def _delete(self, evictions: tuple[Eviction, ...] | list[Eviction]) -> None:
        for eviction in evictions:
            try:
                delete_inside(self._root, eviction.file.path)
            except (OSError, ValueError) as exc:  # the daily comparison tries again
                log.error("the evidence file %s cannot be deleted: %s", eviction.file.path, exc)

    def _compare(self, store: Store) -> None:
        found = reconcile(store, self._root, self._wall())
        if found != Reconciled():
            log.warning(
                "evidence folder and store compared: %d file(s) missing, %d back, %d unknown and taken in, "
                "%d left over and deleted, %d not ours",
                *(getattr(found, name) for name in ("missing", "back", "adopted", "deleted", "strange")),
            )
        store.tidy()

    def _is_over(self, usage: tuple[Usage, ...]) -> bool:
        limits = self._limits
        sizes = [one.used_bytes for one in usage]
        return (
            self._free(self._root) < limits.min_free_bytes
            or (limits.box_max_bytes is not None and sum(sizes) > limits.box_max_bytes)
            or (limits.elevator_max_bytes is not None and max(sizes, default=0) > limits.elevator_max_bytes)
        )

    def _loop(self) -> None:
        with suppress(OSError):  # Linux: of this thread alone
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST)
        failing = False
        while not self._stop.is_set():
            try:
                self.turn()
            except Exception as exc:  # noqa: BLE001 - top of a loop that must go on; no door depends on it
                if not failing:
                    log.error("evidence could not be looked through: %s; trying again", exc)
                failing = True
                self.figures = Figures(ok=False, evicted=dict(self._evicted))
                self._close()
            else:
                failing = False
            self._stop.wait(min(LOOK_S, self._sweep_s))
        self._close()

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None


def free_bytes(folder: Path) -> int:
    """Bytes left on the disk that ``folder`` is on, or would be on."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
