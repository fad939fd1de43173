"""Connections of the `api` benchmark's load: requests, live pictures, server-sent events.

Kept as cheap as Python allows, because the load shares the cores with what it measures: the C parser of HTTP,
WebSocket frames skipped by their length (RFC 6455; a server's are not masked), no objects per message.
"""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import httptools

MOST_CONNECTIONS: Final = 64
"""For requests; one that finds all of them busy waits, and its latency with it."""

IDLE_S: Final = 5.0
"""A connection at rest for longer is not used again, as with other clients: the server may be closing it."""


@dataclass(slots=True)
class Found:
    """What was counted and measured."""

    list_ms: list[tuple[float, float]] = field(default_factory=list)  # (monotonic moment, latency)
    other_ms: list[float] = field(default_factory=list)  # fragments of the page
    behind_ms: list[float] = field(default_factory=list)  # pictures behind their capture
    state_behind_ms: list[float] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    late_ms: list[float] = field(default_factory=list)  # the load's own lateness: asked after its moment


class Request(asyncio.Protocol):
    """One keep-alive connection for plain requests, one at a time."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._parser = httptools.HttpResponseParser(self)
        self._done: Callable[[int], None] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready."""
        self.transport = transport  # type: ignore[assignment]

    def send(self, request: bytes, done: Callable[[int], None]) -> None:
        """Ask; ``done`` hears the status, or 0 if the connection ended."""
        self._done = done
        assert self.transport is not None  # noqa: S101  a pool hands out connected ones
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Part of an answer."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """The answer is here."""
        status, done = self._parser.get_status_code(), self._done
        alive = self._parser.should_keep_alive()
        self._done = None
        self._parser = httptools.HttpResponseParser(self)
        if alive:
            self._pool.free(self)
        elif self.transport is not None:
            self.transport.close()
        if done is not None:
            done(status)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Gone, in the middle of an answer or at rest."""
        self._pool.lost(self)
        if self._done is not None:
            self._done(0)
            self._done = None


class Pool:
    """Connections for requests, made when they are needed."""

    def __init__(self, host: str, port: int, found: Found) -> None:
        self._where = (host, port)
        self._found = found
        self._idle: list[tuple[float, Request]] = []
        self._all: set[Request] = set()
        self._opening = 0
        self._waiting: deque[tuple[bytes, Callable[[int], None]]] = deque()

    def ask(self, request: bytes, done: Callable[[int], None]) -> None:
        """Send now, or as soon as there is a connection."""
        while self._idle:
            since_s, one = self._idle.pop()
            if time.monotonic() - since_s < IDLE_S:
                one.send(request, done)
                return
            if one.transport is not None:
                one.transport.close()
        self._waiting.append((request, done))
        if len(self._all) + self._opening < MOST_CONNECTIONS:
            self._opening += 1
            task = asyncio.ensure_future(self._open())
            task.add_done_callback(lambda t: t.exception() and self._found.errors.update(["connect"]))

    async def _open(self) -> None:
        try:
            loop = asyncio.get_running_loop()
            _, made = await loop.create_connection(lambda: Request(self), *self._where)
        finally:
            self._opening -= 1
        self._all.add(made)
        self.free(made)

    def free(self, one: Request) -> None:
        """An answer has come: the connection is for the next."""
        if self._waiting:
            one.send(*self._waiting.popleft())
        else:
            self._idle.append((time.monotonic(), one))

    def lost(self, one: Request) -> None:
        """A connection has ended."""
        self._all.discard(one)
        self._idle = [(since_s, other) for since_s, other in self._idle if other is not one]


class Pictures(asyncio.Protocol):
    """One guard's live pictures over a WebSocket (RFC 6455): frames are counted, not kept."""

    def __init__(self, request: bytes, found: Found, timed: bool) -> None:
        self._request, self._found, self._timed = request, found, timed
        self._head = bytearray()
        self._upgraded = False
        self._skip = 0  # bytes of a binary message that are still to come

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Shake hands."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Whole and half frames."""
        if self._skip >= len(data):
            self._skip -= len(data)
            return
        self._head += memoryview(data)[self._skip :]
        self._skip = 0
        if not self._upgraded:
            head, end, rest = bytes(self._head).partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self._found.errors[f"socket {head[9:12].decode()}"] += 1
                self._transport.close()
                return
            self._upgraded, self._head = True, bytearray(rest)
        while self._frame():
            pass

    def _frame(self) -> bool:
        """Take one frame off; False: more must come first."""
        head = self._head
        if len(head) < 2:
            return False
        opcode, length, at = head[0] & 0xF, head[1] & 0x7F, 2
        if length > 125:
            at = 4 if length == 126 else 10
            if len(head) < at:
                return False
            length = struct.unpack_from(">H" if at == 4 else ">Q", head, 2)[0]
        if opcode == 2:  # a picture
            self._found.counts["pictures"] += 1
            self._found.counts["picture_bytes"] += length
            here = min(length, len(head) - at)
            self._skip = length - here
            del head[: at + here]
            return not self._skip
        if len(head) < at + length:
            return False
        payload = bytes(head[at : at + length])
        del head[: at + length]
        if opcode == 1 and self._timed:
            behind = time.time() - datetime.fromisoformat(json.loads(payload)["at"]).timestamp()
            self._found.behind_ms.append(behind * 1000)
        elif opcode == 8:
            self._found.errors[f"socket closed {int.from_bytes(payload[:2], 'big')}"] += 1
        elif opcode == 9:  # ping: the pong of a client is masked, here with zeros
            self._transport.write(bytes([0x8A, 0x80 | length]) + bytes(4) + payload)
        return True

    def connection_lost(self, _exc: Exception | None) -> None:
        """Nobody asked it to end."""
        self._found.errors["socket lost"] += 1


class Events(asyncio.Protocol):
    """One guard's server-sent events; ``hear`` gets each message with its kind."""

    def __init__(self, request: bytes, found: Found, hear: Callable[[str, bytes], None]) -> None:
        self._request, self._found, self._hear = request, found, hear
        self._parser = httptools.HttpResponseParser(self)
        self._text = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Part of the stream."""
        self._parser.feed_data(data)

    def on_headers_complete(self) -> None:
        """Accepted, or not."""
        if self._parser.get_status_code() != 200:
            self._found.errors[f"stream {self._parser.get_status_code()}"] += 1

    def on_body(self, body: bytes) -> None:
        """Whole and half messages."""
        self._text += body
        while (end := self._text.find(b"\n\n")) >= 0:
            message = bytes(self._text[:end])
            del self._text[: end + 2]
            kind, _, data = message.partition(b"\n")
            if kind.startswith(b"event: "):
                self._found.counts[f"sse {kind[7:].decode()}"] += 1
                self._hear(kind[7:].decode(), data)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Nobody asked it to end."""
        self._found.errors["stream lost"] += 1
