"""The thread that films: nobody waits for it, whatever the disk does."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from api.evidence.clip_metrics import ClipMetrics
from api.evidence.maker import BUSY, NOTES_MAX, STOPPED, ClipMaker
from api.records import new_event_id
from tests.support.desk import Filmed
from tests.support.fakes import FakeClock
from tests.support.packets import film, numbers_in
from tests.support.waiting import eventually
from vision.clips.ring import PacketRing


def test_it_films_from_begin_to_end(tmp_path: Path) -> None:
    made, clock = Filmed(tmp_path), FakeClock()
    maker = ClipMaker(made.desk, made.ring, made.rules, clock)
    maker.start()
    packets = film(200)
    made.feed(packets[:80])
    event_id = new_event_id()
    maker.begin(event_id, 8.0)
    maker.end(event_id, 8.5, 9.0)  # 10 s after it was last seen is 18.5 s
    made.feed(packets[80:190])
    eventually(lambda: made.files[0].state == "stored")
    maker.stop()
    assert numbers_in(made.path(made.files[0])) == [n % 31 for n in range(30, 186)]


def test_guard_that_ends_keeps_what_was_filmed_and_says_why_it_is_short(tmp_path: Path) -> None:
    made = Filmed(tmp_path)
    maker = ClipMaker(made.desk, made.ring, made.rules, FakeClock())
    maker.start()
    made.feed(film(50))
    maker.begin(new_event_id(), 3.0)
    maker.stop()
    (file,) = made.files
    assert (file.state, file.reason) == ("stored", STOPPED)
    assert len(numbers_in(made.path(file))) == 50


def test_a_disk_that_hangs_costs_the_clips_and_nobody_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging, go_on = threading.Event(), threading.Event()
    write = os.write

    def hang(fd: int, data: bytes) -> int:
        hanging.set()
        go_on.wait(60)
        return write(fd, data)

    monkeypatch.setattr(os, "write", hang)
    made = Filmed(tmp_path, replace(Filmed(tmp_path).rules, ring_bytes=100_000))
    maker = ClipMaker(made.desk, made.ring, made.rules, FakeClock())
    maker.start()
    packets = film(400)
    made.feed(packets[:100])
    maker.begin(new_event_id(), 9.0)
    assert hanging.wait(20)
    for _ in range(NOTES_MAX + 5):  # all of this returns at once, or the test would hang with the disk
        event_id = new_event_id()
        maker.begin(event_id, 10.0)
        maker.end(event_id, 10.0, 11.0)
    made.feed(packets[100:])
    assert made.ring.n_bytes <= 100_000
    told = [f.state for f in made.files]
    assert told.count("writing") <= NOTES_MAX + 1
    assert {f.reason for f in made.files if f.state == "failed"} == {BUSY}
    assert len(made.files) == NOTES_MAX + 6  # every event has its row
    go_on.set()
    maker.stop()
    assert {f.state for f in made.files} <= {"stored", "failed"}
    assert all(f.reason or f.state == "stored" for f in made.files)


def test_the_ring_is_seen_in_the_metrics() -> None:
    registry = CollectorRegistry()
    ring = PacketRing(5.0, 3_000)
    ClipMetrics(registry).watch("car-1", ring)
    for packet in film(100):
        ring.put(packet)
    assert registry.get_sample_value("liftguard_clip_ring_bytes", {"elevator": "car-1"}) == ring.n_bytes
    dropped = registry.get_sample_value("liftguard_clip_packets_dropped", {"elevator": "car-1"})
    assert dropped == ring.dropped
    assert ring.dropped > 0
