"""Web's side of the local link (`api.link`), on asyncio.

One subscription per elevator serves every browser that looks at it. Everything is newest only: a slow reader
gets the latest picture and the latest state, never a backlog.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar
from uuid import uuid4

import zmq
import zmq.asyncio
from pydantic import ValidationError

from api.link import (
    COMMANDS,
    LIVE,
    MAX_COMMAND,
    MAX_MESSAGE,
    METRICS,
    QUEUE,
    STATE,
    frame_topic,
    socket_address,
)
from api.live import Command, GuardState, LiveFrameInfo, ReleaseReply
from vision.errors import LinkError
from vision.types import Clock

log = logging.getLogger(__name__)

SILENT_S: Final = 3.0
"""Guard speaks several times a second; after this long without a word it is not there."""

METRICS_SILENT_S: Final = 30.0
"""Guard sends its metrics every few seconds only."""

LiveFrame = tuple[LiveFrameInfo, bytes]


class Link(Protocol):
    """What the web application needs of guard."""

    def state(self) -> GuardState | None:
        """What guard said last, None if it has been silent for 3 s."""
        ...

    def metrics_text(self) -> str | None:
        """Guard's Prometheus text, None if guard has not sent any for 30 s."""
        ...

    def frames(self, elevator_id: str) -> AsyncGenerator[LiveFrame, None]:
        """Live pictures, newest only, until closed."""
        ...

    def state_changes(self) -> AsyncGenerator[GuardState | None, None]:
        """The state, each time guard says it; None at least every 3 s while guard is silent."""
        ...

    async def command(self, request: Command, timeout_s: float = 2.0) -> ReleaseReply:
        """Raises: LinkError if guard does not answer in time."""
        ...

    def running(self) -> AbstractAsyncContextManager[None]:
        """Inside this context the link listens."""
        ...


T = TypeVar("T")


class _Newest(Generic[T]):
    """The newest value, and a way to wait for one newer than the last that was seen."""

    def __init__(self) -> None:
        self.value: T | None = None
        self.version = 0
        self._changed = asyncio.Event()

    def set(self, value: T) -> None:
        self.value = value
        self.version += 1
        self.wake()

    def wake(self) -> None:
        """Let everybody look again."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def wait(self, seen: int, timeout_s: float) -> bool:
        """True once there is something newer than version ``seen``; False after ``timeout_s`` or `wake`."""
        if self.version == seen:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), timeout_s)
        return self.version != seen


class _Feed(_Newest[LiveFrame]):
    """The pictures of one elevator, and how many look at them."""

    def __init__(self) -> None:
        super().__init__()
        self.watchers = 0


class WebLink:
    """Web's side of the link. Use its methods inside ``async with link.running():``, on that event loop.

    Raises: LinkError if the socket path is too long.
    """

    def __init__(self, run_dir: Path, *, clock: Clock = time.monotonic) -> None:
        self._live_address = socket_address(run_dir, LIVE)
        self._commands_address = socket_address(run_dir, COMMANDS)
        self._clock = clock
        self._state: _Newest[GuardState] = _Newest()
        self._state_heard_s = -SILENT_S
        self._metrics: str | None = None
        self._metrics_heard_s = -METRICS_SILENT_S
        self._feeds: dict[bytes, _Feed] = {}
        self._pictures: zmq.asyncio.Socket | None = None
        self._context: zmq.asyncio.Context | None = None
        self.invalid_messages = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen until the end of the context; iterators end with it."""
        self._context = zmq.asyncio.Context()
        news = self._subscriber()
        news.subscribe(STATE)
        news.subscribe(METRICS)
        self._pictures = self._subscriber()
        tasks = [
            asyncio.create_task(self._listen(news, self._take_news), name="link-news"),
            asyncio.create_task(self._listen(self._pictures, self._take_picture), name="link-pictures"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            context, self._context, self._pictures = self._context, None, None
            context.destroy(linger=0)
            self._state.wake()
            for feed in self._feeds.values():
                feed.wake()

    def state(self) -> GuardState | None:
        """What guard said last, None if it has been silent for 3 s."""
        return self._state.value if self._clock() - self._state_heard_s < SILENT_S else None

    def metrics_text(self) -> str | None:
        """Guard's Prometheus text, None if guard has not sent any for 30 s."""
        return self._metrics if self._clock() - self._metrics_heard_s < METRICS_SILENT_S else None

    async def frames(self, elevator_id: str) -> AsyncGenerator[LiveFrame, None]:
        """Live pictures as they come, newest only. All who look at one elevator share one subscription."""
        topic = frame_topic(elevator_id)
        feed = self._feeds.setdefault(topic, _Feed())
        feed.watchers += 1
        if feed.watchers == 1 and self._pictures is not None:
            self._pictures.subscribe(topic)
        seen = feed.version
        try:
            while self._context is not None:
                if await feed.wait(seen, timeout_s=60.0) and feed.value is not None:
                    seen = feed.version
                    yield feed.value
        finally:
            feed.watchers -= 1
            if feed.watchers == 0:
                self._feeds.pop(topic, None)
                if self._pictures is not None:
                    self._pictures.unsubscribe(topic)

    async def state_changes(self) -> AsyncGenerator[GuardState | None, None]:
        """The state at once and each time guard says it; None at least every 3 s while guard is silent."""
        seen = self._state.version
        yield self.state()
        while self._context is not None:
            await self._state.wait(seen, timeout_s=SILENT_S)
            if self._context is None:
                return
            seen = self._state.version
            yield self.state()

    async def command(self, request: Command, timeout_s: float = 2.0) -> ReleaseReply:
        """Ask guard to do something, such as to let a door go. Guard drops a command that it gets to only
        after the timeout.

        Raises: LinkError if guard does not answer in time.
        """
        if self._context is None:
            raise LinkError("the link to guard is closed; start web again")
        socket = self._context.socket(zmq.DEALER)
        socket.set(zmq.LINGER, 0)
        socket.set(zmq.IMMEDIATE, 1)  # no queue for a guard that is not there: the command would come late
        socket.set(zmq.MAXMSGSIZE, MAX_COMMAND)
        try:
            socket.connect(self._commands_address)
            number = uuid4().bytes
            deadline_s = self._clock() + timeout_s
            async with asyncio.timeout(timeout_s):
                await socket.send_multipart(
                    [number, repr(deadline_s).encode(), request.model_dump_json().encode()]
                )
                while True:
                    answer = await socket.recv_multipart()
                    if len(answer) == 2 and answer[0] == number:
                        return ReleaseReply.model_validate_json(answer[1])
        except TimeoutError as exc:
            raise LinkError(
                f"guard did not answer within {timeout_s:g} s; see whether it is running (liftguard doctor)"
            ) from exc
        except (zmq.ZMQError, ValidationError) as exc:
            raise LinkError(f"guard could not be asked: {exc}; are guard and web the same version?") from exc
        finally:
            socket.close(linger=0)

    def _subscriber(self) -> zmq.asyncio.Socket:
        if self._context is None:
            raise LinkError("the link to guard is closed; start web again")
        socket = self._context.socket(zmq.SUB)
        socket.set(zmq.RCVHWM, QUEUE)
        socket.set(zmq.LINGER, 0)
        socket.set(zmq.MAXMSGSIZE, MAX_MESSAGE)
        socket.set(zmq.RECONNECT_IVL, 100)  # milliseconds; guard may restart at any time
        socket.set(zmq.RECONNECT_IVL_MAX, 1000)
        socket.connect(self._live_address)
        return socket

    async def _listen(self, socket: zmq.asyncio.Socket, take: Callable[[list[bytes]], None]) -> None:
        while True:
            parts = await socket.recv_multipart()
            try:
                take(parts)
            except ValueError as exc:  # pydantic's ValidationError is one
                self.invalid_messages += 1
                if self.invalid_messages == 1:
                    log.warning("guard says what web does not understand; same version? %s", str(exc)[:300])

    def _take_news(self, parts: list[bytes]) -> None:
        topic, body = parts
        if topic == STATE:
            self._state.set(GuardState.model_validate_json(body))
            self._state_heard_s = self._clock()
        elif topic == METRICS:
            self._metrics = body.decode()
            self._metrics_heard_s = self._clock()

    def _take_picture(self, parts: list[bytes]) -> None:
        topic, info, jpeg = parts
        feed = self._feeds.get(topic)
        if feed is not None:
            feed.set((LiveFrameInfo.model_validate_json(info), jpeg))
