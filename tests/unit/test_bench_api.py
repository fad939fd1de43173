"""The load of the `api` benchmark counts what is sent, however the network cuts it up."""

from __future__ import annotations

import json
import struct
import time
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.api import ratio_interval
from benchmarks.api_clients import Events, Found, Pictures


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.closed = True


def frame(opcode: int, payload: bytes) -> bytes:
    """One frame of a server (RFC 6455, 5.2): final, not masked."""
    head = bytes([0x80 | opcode])
    if len(payload) < 126:
        head += bytes([len(payload)])
    elif len(payload) < 65536:
        head += bytes([126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([127]) + struct.pack(">Q", len(payload))
    return head + payload


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(c % (len(data) + 1) for c in cuts)})
    return [data[a:b] for a, b in pairwise(places)]


INFO = json.dumps({"at": datetime.fromtimestamp(time.time(), UTC).isoformat()}).encode()


@given(st.lists(st.sampled_from([0, 5, 125, 126, 500, 70_000]), max_size=6), st.lists(st.integers(0, 10**6)))
def test_pictures_are_counted_however_they_are_cut(sizes: list[int], cuts: list[int]) -> None:
    found, wire = Found(), Wire()
    client = Pictures(b"hello", found, timed=True)
    client.connection_made(wire)  # type: ignore[arg-type]
    data = b"HTTP/1.1 101 Switching Protocols\r\nx: y\r\n\r\n"
    for size in sizes:
        data += frame(1, INFO) + frame(2, b"j" * size)
    data += frame(9, b"ping")
    for piece in pieces(data, cuts):
        client.data_received(piece)
    assert found.counts["pictures"] == len(sizes)
    assert found.counts["picture_bytes"] == sum(sizes)
    assert len(found.behind_ms) == len(sizes)
    assert wire.written == [b"hello", b"\x8a\x84\0\0\0\0ping"]
    assert not found.errors


@given(st.lists(st.integers(0, 10**6)))
def test_a_refusal_and_a_close_are_errors(cuts: list[int]) -> None:
    found, wire = Found(), Wire()
    refused = Pictures(b"", found, timed=False)
    refused.connection_made(wire)  # type: ignore[arg-type]
    refused.data_received(b"HTTP/1.1 403 Forbidden\r\n\r\n")
    assert wire.closed
    closed = Pictures(b"", found, timed=False)
    closed.connection_made(Wire())  # type: ignore[arg-type]
    for piece in pieces(b"HTTP/1.1 101 X\r\n\r\n" + frame(8, struct.pack(">H", 4429)), cuts):
        closed.data_received(piece)
    assert found.errors == {"socket 403": 1, "socket closed 4429": 1}


@given(st.lists(st.integers(0, 10**6)))
def test_events_are_heard_one_by_one(cuts: list[int]) -> None:
    found, heard = Found(), []
    client = Events(b"", found, lambda kind, data: heard.append((kind, data)))
    client.connection_made(Wire())  # type: ignore[arg-type]
    body = b": hello\nretry: 2000\n\n" + b"".join(b"event: state\ndata: %d\n\n" % n for n in range(5))
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in pieces(body, [3, 40, 41]))
    for piece in pieces(head + chunked, cuts):
        client.data_received(piece)
    assert heard == [("state", b"data: %d" % n) for n in range(5)]


def test_the_interval_holds_the_ratio() -> None:
    rng = np.random.default_rng(1)
    idle = rng.normal(40, 5, 1000)
    low, high = ratio_interval(idle, idle * 1.2)
    assert low < 1.2 < high
    assert high - low == pytest.approx(0, abs=0.3)
