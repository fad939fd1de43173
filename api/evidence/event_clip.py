"""The clip of one event: takes packets from the ring, cuts them into files, and tells what became of them."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Final

from api.evidence.desk import Desk
from api.evidence.naming import Piece
from api.evidence.salvage import salvage
from vision.clips.files import make_folder
from vision.clips.mp4 import REMUXABLE, Mp4Writer, same_kind
from vision.clips.nal import browsers_play
from vision.clips.ring import PacketRing
from vision.clips.rules import ClipRules
from vision.errors import StorageError
from vision.sources.packets import EncodedPacket

log = logging.getLogger(__name__)

RETRY_S: Final = 10.0  # after the disk failed, the next file is tried this much later
LATE_S: Final = 2.0  # a camera that gives nothing for this long after the end has given all
AT_ONCE: Final = 512  # packets written in one go, before others get their turn
NO_PICTURE: Final = "no picture came from the camera"


class EventClip:
    """Used by one thread, which calls `advance` several times a second.

    Args: first is the file already told to the store as being written.
    """

    def __init__(
        self, desk: Desk, ring: PacketRing, rules: ClipRules, first: Piece, started_s: float
    ) -> None:
        self.event_id = first.event_id
        self._desk = desk
        self._ring = ring
        self._rules = rules
        self._piece: Piece | None = first  # told as being written, or failed so far
        self._from_s = started_s - rules.pre_s
        self._next = ring.start_for(self._from_s)
        self._until_s: float | None = None
        self._begin_s: float | None = None  # of the first packet written
        self._segments = 0
        self._missed = 0
        self._missed_told = 0
        self._retry_s = float("-inf")
        self._trouble: str | None = None
        self._writer: Mp4Writer | None = None
        self._part: Path | None = None
        self._done = False

    def end(self, until_s: float) -> None:
        """Nothing after ``until_s`` belongs to it."""
        self._until_s = until_s

    def advance(self, now_s: float) -> bool:
        """Write what has come. False: the clip is finished, for good or bad."""
        for _ in range(0, AT_ONCE, 64):
            taken = self._ring.taken_from(self._next, 64)
            self._next = taken.next
            self._missed += taken.missed
            for packet in taken.packets:
                if self._is_over(packet.t_s):
                    self.finish()
                    return False
                self._write(packet)
            if not taken.packets:
                break
        self._sync()
        if self._until_s is not None and now_s > self._until_s + LATE_S:
            self.finish()
        return not self._done

    def finish(self, reason: str | None = None) -> None:
        """Close what is open and tell how it ended. Idempotent.

        Args: reason: why it is shorter than it should be.
        """
        if self._done:
            return
        self._done = True
        self._close_segment(reason)
        if self._piece is not None:  # nothing was written, or nothing since the disk failed
            self._desk.tell(self._piece.file("failed", reason=self._trouble or reason or NO_PICTURE))
            self._piece = None

    def _is_over(self, t_s: float) -> bool:
        if self._until_s is not None and t_s > self._until_s:
            return True
        if self._begin_s is not None and t_s - self._begin_s >= self._rules.max_s:
            self.finish(f"the clip ends after {self._rules.max_s:.0f} s (evidence.max_s); the event went on")
            return True
        return False

    def _write(self, packet: EncodedPacket) -> None:
        writer = self._writer
        if writer is not None and packet.keyframe:
            full = packet.t_s - writer.start_s >= self._rules.segment_s
            if full or not same_kind(writer.stream, packet.stream):
                self._close_segment(None)
        try:
            if self._writer is None:
                if not packet.keyframe or packet.t_s < self._retry_s:
                    return
                self._open_segment(packet)
            if self._writer is not None:
                self._writer.add(packet)
        except StorageError as exc:
            self._fail(str(exc), packet.t_s)

    def _open_segment(self, key: EncodedPacket) -> None:
        codec = key.stream.codec
        if codec not in REMUXABLE:
            raise StorageError(f"a {codec} stream cannot be kept as it is")
        convert = codec != "h264" or not browsers_play(key.data)
        if self._piece is None:
            self._piece = self._desk.piece(self.event_id, "clip", self._segments, key.t_s)
        self._piece = replace(self._piece, started_at=self._desk.utc(key.t_s), convert=convert)
        self._part = self._piece.part(self._desk.evidence)
        try:
            make_folder(self._part.parent)
        except OSError as exc:
            raise StorageError(f"cannot make {self._part.parent.name}: {exc.strerror or exc}") from exc
        self._writer = Mp4Writer(self._part, key)
        self._begin_s = self._begin_s if self._begin_s is not None else key.t_s
        self._missed_told = self._missed if self._segments else 0
        self._desk.tell(self._piece.file("writing"))

    def _sync(self) -> None:
        if self._writer is not None:
            try:
                self._writer.sync()
            except StorageError as exc:
                self._fail(str(exc), self._writer.start_s + self._writer.duration_s)

    def _close_segment(self, reason: str | None) -> None:
        writer, piece, part = self._writer, self._piece, self._part
        if writer is None or piece is None or part is None:
            return
        end_s = writer.start_s + writer.duration_s
        try:
            written = writer.finish()
            lost, self._missed_told = self._missed - self._missed_told, self._missed
            if lost:
                reason = f"{lost} pictures are missing: the disk or the machine was too slow" + (
                    f"; {reason}" if reason else ""
                )
            if piece.convert:
                part.rename(piece.part(self._desk.evidence, "todo"))
                self._desk.convert(self._desk, piece)
            else:
                self._desk.publish(piece, part)
                self._desk.tell(
                    piece.file(
                        "stored",
                        reason=reason,
                        duration_s=written.duration_s,
                        size_bytes=written.n_bytes,
                        sha256=written.sha256,
                    ),
                    part,
                )
        except OSError as exc:  # StorageError is one
            self._fail(str(exc) if isinstance(exc, StorageError) else f"{exc.strerror or exc}", end_s)
            return
        self._forget()
        self._segments += 1
        self._piece = None

    def _fail(self, reason: str, at_s: float) -> None:
        """The disk has failed: keep what is whole, try again later."""
        if self._trouble is None:
            log.error(
                "%s: a clip cannot be written: %s; the door is not affected", self._desk.elevator_id, reason
            )
        self._trouble = reason
        self._retry_s = at_s + RETRY_S
        writer, piece, part = self._writer, self._piece, self._part
        self._forget()
        if writer is not None:
            writer.abandon()
        if piece is None:
            return
        kept = False
        if part is None:
            self._desk.tell(piece.file("failed", reason=reason))
        else:
            kept = salvage(self._desk, piece, part, reason)
        if kept:
            self._segments += 1
            self._piece = None  # the next file gets a number of its own

    def _forget(self) -> None:
        self._writer = self._part = None
