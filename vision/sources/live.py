"""A camera that comes and goes: RTSP, HTTP and V4L2, watched over and reconnected.

Two threads per camera. The *reader* opens one connection and decodes from it; FFmpeg may keep it for
seconds, and a name server or a USB driver for ever, where nothing can interrupt it. So the *watcher* never
touches FFmpeg: it sees that frames arrive, states what is wrong when they do not, lets go of a reader that
hangs, and starts the next one. A reader that was let go finds out when its call returns, frees its connection
and ends; its frames count no more.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final, Literal, Protocol

import av

from vision.sources.address import redact, scrub
from vision.sources.backoff import Backoff
from vision.sources.connection import describe
from vision.sources.haste import Haste
from vision.sources.packets import OnPacket
from vision.sources.threaded import ThreadedSource
from vision.types import Clock

log = logging.getLogger(__name__)

KEYFRAME_WAIT_S: Final = 30.0  # cameras with "smart" codecs send a key frame only every 10 to 20 s
_STABLE_S: Final = 10.0  # after this long without a break the back-off starts afresh
_OPEN_GRACE_S: Final = 1.0  # beyond FFmpeg's own time-outs, before a reader counts as hung
_MAX_HUNG: Final = 3  # readers that may hang at once; more would eat the box's memory


class LiveConnection(Protocol):
    """What a reader needs of an open connection; see `vision.sources.connection.Connection`."""

    damaged: int
    hurry: bool

    def pictures(
        self, on_packet: OnPacket | None = None, clock: Clock | None = None
    ) -> Iterator[av.VideoFrame | None]:
        """Decoded pictures; None for a packet without one."""
        ...

    def close(self) -> None:
        """Free it."""
        ...


Connect = Callable[[], LiveConnection]
Loss = Literal["lost", "stalled"]


@dataclass(slots=True, eq=False)
class _Link:
    """One attempt: shared by its reader and the watcher, guarded by ``Outlet.changed``."""

    progress_s: float  # when it last got further
    limit_s: float  # how long it may take to get further
    opened_s: float | None = None
    first_frame_s: float | None = None
    ended: str | None = None  # why the reader ended
    thread: threading.Thread | None = None
    damaged: int = 0  # as last stated


class LiveSource(ThreadedSource):
    """A `FrameSource` over a camera. Starts connecting at once and never gives up until closed.

    Args:
        connect: opens one connection, blocking for about ``2 * open_timeout_s`` at most if it can help it.
        stall_timeout_s: without a frame for this long the connection counts as stalled and is replaced.
        on_packet: gets every encoded packet, see `vision.sources.packets`.
        may_skip: leave out pictures that no other is built on while it cannot keep up (`haste`).
    """

    def __init__(
        self,
        address: str,
        connect: Connect,
        *,
        clock: Clock,
        open_timeout_s: float,
        stall_timeout_s: float,
        backoff: Backoff,
        rng: Random,
        on_packet: OnPacket | None,
        may_skip: bool = True,
    ) -> None:
        super().__init__(redact(address), clock, f"Connecting to {redact(address)}.")
        self._address = address
        self._connect = connect
        self._open_s = 2 * open_timeout_s + _OPEN_GRACE_S
        self._stall_s = stall_timeout_s
        self._backoff = backoff
        self._rng = rng
        self._on_packet = on_packet
        self._may_skip = may_skip
        self._link: _Link | None = None
        self._hung: list[threading.Thread] = []
        self._gone_s: float | None = None  # since when there has been no picture; None: live, or never asked
        self._watcher = threading.Thread(target=self._watch, name=f"watch {self._name}", daemon=True)
        self._watcher.start()

    def _threads(self) -> Iterator[threading.Thread]:
        yield self._watcher
        if self._link is not None and self._link.thread is not None:
            yield self._link.thread

    # The watcher

    def _watch(self) -> None:
        attempt = 0
        while not self._closed:
            try:
                attempt = 0 if self._try_once() >= _STABLE_S else attempt
            except Exception:  # top of the watcher's loop: out of threads or memory, which may pass
                level = logging.ERROR if self._gone_s is None else logging.DEBUG  # once, not at every attempt
                log.log(level, "watching camera %s failed", self._name, exc_info=True)
                self._lose("lost", "the program could not start another attempt")
            self._pause(self._backoff.delay_s(attempt, self._rng))
            attempt += 1

    def _try_once(self) -> float:
        """One attempt from start to end. Returns: how long it gave frames, in seconds."""
        self._hung = [thread for thread in self._hung if thread.is_alive()]
        if len(self._hung) >= _MAX_HUNG:
            count = len(self._hung)
            self._lose("lost", f"{count} earlier attempts hang where they cannot be ended; check the device")
            return 0.0
        return self._follow(self._start_reader())

    def _start_reader(self) -> _Link:
        link = _Link(progress_s=self._clock(), limit_s=self._open_s)
        link.thread = threading.Thread(
            target=self._read, args=(link,), name=f"read {self._name}", daemon=True
        )
        with self._changed:
            self._link = link
        link.thread.start()
        return link

    def _follow(self, link: _Link) -> float:
        """Wait for the end of ``link``, state why it ended. Returns: how long it gave frames, in seconds."""
        with self._changed:
            while not self._closed and link.ended is None:
                left_s = link.progress_s + link.limit_s - self._clock()
                if left_s <= 0:
                    break
                self._changed.wait(
                    min(left_s, 0.5)
                )  # looks up now and then, since the clock may not be the wall's
            self._link = None  # from here on the reader's frames count no more
            reason, now_s = link.ended, self._clock()
        if self._closed:
            return 0.0
        if reason is not None:
            self._lose("lost", reason)
        elif link.thread is not None:
            self._hung.append(link.thread)
            if link.opened_s is None:
                self._lose("lost", f"it does not answer (waited {link.limit_s:.0f} s)")
            else:
                self._lose(
                    "stalled",
                    f"the connection stands but no picture came for {now_s - link.progress_s:.1f} s",
                )
        return 0.0 if link.first_frame_s is None else link.progress_s - link.first_frame_s

    def _lose(self, state: Loss, reason: str) -> None:
        """State the loss; log it only if the camera was there, or was never asked, until now."""
        with self._changed:
            news, self._gone_s = self._gone_s is None, self._gone_s or self._clock()
        if news:
            log.warning("camera %s %s: %s; trying again until it is back", self._name, state, reason)
        else:
            log.debug("camera %s still gone: %s", self._name, reason)
        self._outlet.state(state, f"No picture from {self._name}: {reason}; trying again.")

    def _pause(self, delay_s: float) -> None:
        deadline_s = time.monotonic() + delay_s
        with self._changed:
            while not self._closed and (left_s := deadline_s - time.monotonic()) > 0:
                self._changed.wait(left_s)

    # The reader

    def _read(self, link: _Link) -> None:
        try:
            reason = self._read_until_it_ends(link)
        except (av.error.FFmpegError, OSError) as exc:
            reason = describe(exc)
        except Exception as exc:  # noqa: BLE001 - top of the reader's loop: the watcher counts it and goes on
            reason = scrub(f"unexpected {exc.__class__.__name__}: {exc}", self._address)
            log.error(
                "reading from camera %s failed: %s", self._name, reason
            )  # no trace: it may hold secrets
        with self._changed:
            link.ended = reason
            self._changed.notify_all()

    def _read_until_it_ends(self, link: _Link) -> str:
        connection = self._connect()
        haste = Haste()
        try:
            with self._changed:
                link.opened_s = link.progress_s = self._clock()
                link.limit_s = self._stall_s
            for picture in connection.pictures(self._on_packet, self._clock):
                if self._closed or self._link is not link:
                    return "it was let go"
                if picture is not None:
                    unread = not self._outlet.taken()
                    self._accept(link, picture, connection.damaged)
                    if self._may_skip:
                        connection.hurry = haste.note(self._clock(), picture.time, unread)
                else:
                    self._note_packet(link)
            return "it ended the stream"
        finally:
            connection.close()

    def _note_packet(self, link: _Link) -> None:
        """Packets without a picture are progress only while a first key frame may still be on its way."""
        with self._changed:
            now_s = self._clock()
            if (
                link.first_frame_s is None
                and link.opened_s is not None
                and now_s - link.opened_s < KEYFRAME_WAIT_S
            ):
                link.progress_s = now_s

    def _accept(self, link: _Link, picture: av.VideoFrame, damaged: int) -> None:
        with self._changed:
            t_s = self._clock()
            if self._closed or self._link is not link:
                return
            link.progress_s = t_s
            first, link.first_frame_s = link.first_frame_s is None, link.first_frame_s or t_s
            before_wh = self._outlet.status().size_wh
            size_wh = self._outlet.put(picture, t_s)
            gone_s, self._gone_s = self._gone_s, None
            if first or size_wh != before_wh or damaged != link.damaged:
                link.damaged = damaged
                skipped = f" ({damaged} damaged pictures skipped)" if damaged else ""
                self._outlet.state("live", f"Receiving {size_wh[0]}x{size_wh[1]} from {self._name}{skipped}.")
            if gone_s is not None and before_wh is not None:
                self._outlet.count_reconnect()
        if gone_s is not None:
            log.info("camera %s is back after %.1f s, %dx%d", self._name, t_s - gone_s, *size_wh)
        elif before_wh is None:
            log.info("camera %s is live, %dx%d", self._name, *size_wh)
        elif size_wh != before_wh:
            log.info("camera %s changed its picture from %dx%d to %dx%d", self._name, *before_wh, *size_wh)
