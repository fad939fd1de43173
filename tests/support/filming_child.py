"""A process that films events until it is killed: the real maker, recorder and store, on real files."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from api.book import EventWrites, Sink, Write
from api.data_dir import StoreOpener
from api.evidence.desk import Desk
from api.evidence.maker import ClipMaker
from api.recorder import Recorder
from api.records import NewEvent, new_event_id
from api.settings import Settings
from api.times import WallTime
from tests.support.packets import film
from vision.clips.ring import PacketRing
from vision.clips.rules import ClipRules

FPS = 25
RULES = ClipRules(pre_s=0.2, post_s=0.2, segment_s=0.7)  # short, so that a kill finds every step at work
PACKETS = film(200, fps=FPS)


def settings_in(folder: Path) -> Settings:
    """A box whose data lies in ``folder``."""
    return Settings(data_dir=folder)


def new_event(times: WallTime) -> NewEvent:
    """A short event."""
    now = times.wall()
    return NewEvent(
        new_event_id(), "car-1", "car-1/cabin", "e_bike", "cabin", now, now, 0.9, "m", "0" * 64, "r", "s"
    )


def desk_in(settings: Settings, times: WallTime, sink: Sink) -> Desk:
    """The desk of its only elevator."""
    return Desk("car-1", settings.evidence_dir, sink, times.utc, lambda *_: None)


def film_until_killed(folder: str, delay_s: float, long: bool) -> None:
    """Film one event after the other, or one that does not end; killed as by -9 after ``delay_s``."""
    settings, times = settings_in(Path(folder)), WallTime()
    recorder = Recorder(StoreOpener(settings))
    ring = PacketRing(10.0, 1 << 24)
    rules = replace(RULES, segment_s=60.0) if long else RULES
    maker = ClipMaker(desk_in(settings, times, recorder.put), ring, rules, times.clock)
    recorder.start()
    recorder.drain(30.0)
    maker.start()
    log = Log(Path(folder))
    threading.Timer(delay_s, os.kill, (os.getpid(), signal.SIGKILL)).start()
    begin_s, event_id, event_s, worst_s = times.clock(), None, 0.0, 0.0
    for number, packet in enumerate(PACKETS):
        due_s = begin_s + number / FPS
        time.sleep(max(0.0, due_s - times.clock()))
        worst_s = max(worst_s, times.clock() - due_s)
        ring.put(replace(packet, t_s=times.clock()))
        log.note(number + 1, worst_s)
        if event_id is None:
            new, event_s = new_event(times), times.clock()
            event_id = new.id
            recorder.put(Write("event", partial(log.stored, new)))
            maker.begin(event_id, event_s)
        elif times.clock() - event_s > 0.3 and not long:
            maker.end(event_id, times.clock(), times.clock())
            event_id = None


class Log:
    """What the process had done when it was killed, in files that outlive it."""

    def __init__(self, folder: Path) -> None:
        self._progress = os.open(folder / "progress", os.O_WRONLY | os.O_CREAT, 0o600)
        self._events = os.open(folder / "events", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, offered: int, worst_s: float) -> None:
        """Pictures given to the ring so far, and the longest time that the machine kept it from running."""
        os.pwrite(self._progress, b"%9d %9.3f" % (offered, worst_s), 0)

    def stored(self, new: NewEvent, store: EventWrites) -> None:
        """Store an event and, once the store has it, say so."""
        store.start_event(new)
        os.write(self._events, new.id.encode() + b"\n")


def read_log(folder: Path) -> tuple[int, float, list[str]]:
    """(pictures offered, longest stall in seconds, events that the store has confirmed)."""
    progress = folder / "progress"
    text = progress.read_text() if progress.exists() else ""
    offered, worst_s = (text or "0 0").split()
    events = folder / "events"
    return int(offered), float(worst_s), events.read_text().split() if events.exists() else []
