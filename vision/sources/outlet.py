"""The one-slot mailbox between a thread that captures and whoever reads, and the stated condition."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import Final

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from vision.types import Clock, Frame, Image, SourceState, SourceStatus

Picture = Image | av.VideoFrame
"""A decoded picture. A VideoFrame becomes BGR only when somebody reads it: dropped ones cost nothing."""

_LONGEST_WAIT_S: Final = 60.0  # keeps absurd timeouts within what the platform's wait accepts
_FINAL: Final = frozenset({"ended", "closed"})


class BgrConverter:
    """Turns decoded pictures into BGR arrays. Not thread-safe; keeps its scaler between calls."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def __call__(self, picture: Picture) -> Image:
        """(H, W, 3) uint8 BGR, upright: the recording's display rotation (multiples of 90°) is applied."""
        if isinstance(picture, np.ndarray):
            return picture
        # One thread: the scaler's own pool costs more than it saves below 4K, and inference wants the cores.
        bgr = self._reformatter.reformat(picture, format="bgr24", threads=1)
        image = np.asarray(bgr.to_ndarray(), np.uint8)
        quarter_turns = round(picture.rotation / 90) % 4
        return np.ascontiguousarray(np.rot90(image, quarter_turns)) if quarter_turns else image


@dataclass(frozen=True, slots=True)
class _Slot:
    picture: Picture
    t_s: float
    seq: int


class Outlet:
    """Newest frame wins. Every method may be called from any thread; none but `take` waits."""

    def __init__(self, clock: Clock, detail: str) -> None:
        self.clock = clock
        self.changed = threading.Condition()  # notified on every change; sources wait on it too
        self._slot: _Slot | None = None
        self._status = SourceStatus("connecting", detail, clock())
        self._end_told = False
        self._converting = threading.Lock()
        self._convert = BgrConverter()

    def put(self, picture: Picture, t_s: float) -> tuple[int, int]:
        """Offer a picture captured at ``t_s``, in place of one that nobody read. Returns: its size."""
        size_wh = size_of(picture)
        with self.changed:
            status = self._status
            if status.state != "closed":
                lost = self._slot is not None
                self._status = replace(
                    status, frames=status.frames + 1, dropped=status.dropped + lost, size_wh=size_wh
                )
                self._slot = _Slot(picture, t_s, status.frames)
                self.changed.notify_all()
        return size_wh

    def taken(self) -> bool:
        """Whether the latest picture has been read."""
        with self.changed:
            return self._slot is None

    def take(self, timeout_s: float) -> Frame | None:
        """The newest frame not read before, waiting at most ``timeout_s``.

        The end is told at once, and just once: a reader that overlooks it and comes back waits out its
        timeout instead of spinning.
        """
        deadline_s = time.monotonic() + timeout_s
        with self.changed:
            while self._slot is None:
                if self._status.state in _FINAL and not self._end_told:
                    self._end_told = True
                    return None
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    return None
                self.changed.wait(min(left_s, _LONGEST_WAIT_S))
            slot, self._slot = self._slot, None
            self.changed.notify_all()
        with self._converting:
            return Frame(self._convert(slot.picture), slot.t_s, slot.seq)

    def state(self, state: SourceState, detail: str) -> None:
        """State a condition. ``since_s`` moves only when the state does; nothing follows ``closed``."""
        with self.changed:
            if self._status.state == "closed":
                return
            since_s = self._status.since_s if state == self._status.state else self.clock()
            self._status = replace(self._status, state=state, detail=detail, since_s=since_s)
            if state == "closed":
                self._slot = None
            self.changed.notify_all()

    def count_reconnect(self) -> None:
        """One more time that frames came back after they were gone."""
        with self.changed:
            self._status = replace(self._status, reconnects=self._status.reconnects + 1)

    def status(self) -> SourceStatus:
        """The present condition."""
        with self.changed:
            return self._status


def size_of(picture: Picture) -> tuple[int, int]:
    """Width and height in pixels as `BgrConverter` will give them."""
    if isinstance(picture, np.ndarray):
        return picture.shape[1], picture.shape[0]
    sideways = round(picture.rotation / 90) % 2
    return (picture.height, picture.width) if sideways else (picture.width, picture.height)
