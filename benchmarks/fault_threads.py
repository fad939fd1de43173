"""One thread of guard hangs: played in one process, with a relay in memory; no signal stops one thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from api.notify import Notifier
from api.watch import Watch
from hardware.controller import HoldController
from hardware.hold import HoldRules, Inputs
from hardware.relay import FakeRelay
from hardware.slot import PresenceSlot
from tests.support.stage import LATE_S
from tests.support.waiting import eventually
from vision.types import Presence, Sighting

BIKE = (Sighting(1, "e_bike", "cabin", 0.95, True, 0.0, (0.0, 0.0, 10.0, 10.0)),)
CAMERA_S = 0.1  # a camera of 10 pictures a second


@dataclass
class Rig:
    """A held door whose vision thread and hold loop can be told to hang."""

    relay: FakeRelay = field(default_factory=FakeRelay)
    vision_hangs: threading.Event = field(default_factory=threading.Event)
    loop_hangs: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def read(self) -> Inputs:
        """The inputs, on the hold thread."""
        if self.loop_hangs.is_set():
            self.over.wait(LATE_S)
        return Inputs()

    def let_go_after(self, hangs: threading.Event) -> float:
        """Seconds until the relay lets go."""
        begun_s = time.monotonic()
        hangs.set()
        eventually(lambda: not self.relay.energised, LATE_S, "let go")
        return time.monotonic() - begun_s


@contextmanager
def held() -> Iterator[Rig]:
    """A door that is held, with everything of guard that watches over it."""
    rig, slot = Rig(), PresenceSlot()
    hold = HoldController(
        rig.relay, HoldRules(), slot, read_inputs=rig.read, clock=time.monotonic, on_signal=lambda _: None
    )
    watch = Watch({"car-1": hold}, Notifier({}), time.monotonic, lambda _: None)

    def see() -> None:
        while not rig.vision_hangs.wait(CAMERA_S):
            slot.put(Presence(time.monotonic(), BIKE))

    hold.start()
    watch.start()
    threading.Thread(target=see, daemon=True).start()
    try:
        eventually(lambda: rig.relay.energised, LATE_S, "held")
        yield rig
    finally:
        for event in (rig.over, rig.vision_hangs):
            event.set()
        watch.stop()
        hold.stop()


def vision_hung(_folder: Path) -> float:
    """The vision thread hangs: nothing new is seen."""
    with held() as rig:
        return rig.let_go_after(rig.vision_hangs)


def loop_hung(_folder: Path) -> float:
    """The hold loop hangs in a call: the watch of the process lets go and would end guard."""
    with held() as rig:
        return rig.let_go_after(rig.loop_hangs)
