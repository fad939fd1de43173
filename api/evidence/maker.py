"""Makes the clips of one elevator, on a thread of its own: neither the hold nor vision ever waits for a disk.

`begin` and `end` are called with the event book's lock held, from the hold loop: they only take notes. The
store hears at once, in the same queue and right behind the event, that a clip is being written. So every
event has a clip or, in the end, the reason why not.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from api.evidence.desk import Desk
from api.evidence.event_clip import EventClip
from api.evidence.naming import Piece
from api.evidence.salvage import recover
from vision.clips.files import make_folder, write_whole
from vision.clips.ring import PacketRing
from vision.clips.rules import ClipRules
from vision.types import Clock

log = logging.getLogger(__name__)

POLL_S: Final = 0.2  # how often packets are taken from the ring while an event is being filmed
NOTES_MAX: Final = 64  # notes that may wait while the disk hangs
CLOSE_S: Final = 5.0  # how long `stop` waits for the disk
STOPPED: Final = "guard was shut down"
BUSY: Final = "the disk hung; too many clips were waiting for it"


class ClipMaker:
    """An event's clip, from `begin` to `end`. Safe to call from several threads."""

    def __init__(self, desk: Desk, ring: PacketRing, rules: ClipRules, clock: Clock) -> None:
        self._desk = desk
        self._ring = ring
        self._rules = rules
        self._clock = clock
        self._notes: deque[Callable[[], None]] = deque()
        self._clips: list[EventClip] = []
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._loop, name=f"clips-{desk.elevator_id}", daemon=True)

    def start(self) -> None:
        """Repair what a crash left behind, then wait for events."""
        self._thread.start()

    def begin(self, event_id: str, started_s: float) -> None:
        """An event has started. Takes a note, never waits."""
        piece = self._desk.piece(event_id, "clip", 0, started_s - self._rules.pre_s)

        def open_clip() -> None:
            self._clips.append(EventClip(self._desk, self._ring, self._rules, piece, started_s))

        if self._note(open_clip):
            self._desk.tell(piece.file("writing"))
        else:
            self._desk.tell(piece.file("failed", reason=BUSY))

    def end(self, event_id: str, last_seen_s: float, ended_s: float) -> None:
        """An event has ended. Takes a note, never waits."""
        until_s = max(ended_s, last_seen_s + self._rules.post_s)

        def end_clip() -> None:
            for clip in self._clips:
                if clip.event_id == event_id:
                    clip.end(until_s)

        self._note(end_clip, always=True)

    def keep(self, piece: Piece, data: bytes) -> None:
        """Write a picture that is encoded already. Takes a note, never waits."""

        def write() -> None:
            part = piece.part(self._desk.evidence)
            try:
                make_folder(part.parent)
                part.unlink(missing_ok=True)
                sha256 = write_whole(part, data)
                self._desk.publish(piece, part)
            except OSError as exc:
                self._desk.tell(piece.file("failed", reason=f"it cannot be written: {exc.strerror or exc}"))
            else:
                self._desk.tell(piece.file("stored", size_bytes=len(data), sha256=sha256), part)

        if not self._note(write):
            self._desk.tell(piece.file("failed", reason=BUSY))

    def stop(self) -> None:
        """Finish what is open, waiting for the disk for at most `CLOSE_S`. Idempotent."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)
            if self._thread.is_alive():
                log.error("%s: the disk hangs; its last clip is left to be repaired", self._desk.elevator_id)

    def turn(self) -> None:
        """Work off the notes, then write what has come."""
        while self._notes:
            self._notes.popleft()()
        for clip in tuple(self._clips):
            try:
                going_on = clip.advance(self._clock())
            except Exception as exc:  # one clip that cannot be written must not cost the others
                log.exception("%s: a clip failed", self._desk.elevator_id)
                going_on = False
                clip.finish(f"it failed unexpectedly: {exc.__class__.__name__}")
            if not going_on:
                self._clips.remove(clip)

    def _note(self, note: Callable[[], None], *, always: bool = False) -> bool:
        with self._wake:
            if len(self._notes) >= NOTES_MAX * (2 if always else 1):
                return False
            self._notes.append(note)
            self._wake.notify_all()
            return True

    def _loop(self) -> None:
        found = recover(self._desk)
        if found:
            log.warning("%s: %d unfinished clip(s) were found", self._desk.elevator_id, found)
        while not self._stopping:
            try:
                self.turn()
            except Exception:  # top of a loop that must go on
                log.exception("%s: clips failed", self._desk.elevator_id)
            with self._wake:
                self._wake.wait_for(lambda: self._notes or self._stopping, POLL_S if self._clips else None)
        self.turn()
        for clip in self._clips:
            clip.finish(STOPPED)
