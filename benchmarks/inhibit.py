"""How long an opening contact takes to reach the relay: mock pins, the real inputs, hold thread and relay.

The time runs from just before the pin of the fire input goes high (a contact opens) to the moment at which
the relay's pin has been released and read back. The contact opens at a random time between two ticks while
the door is held. Not in it: the kernel's delivery of a real edge, and the relay's own contacts, whose release
time its data sheet tells. Prints one JSON line: milliseconds, machine, commit.

    python -m benchmarks.inhibit [--changes N] [--timer-only] [--report FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import where_measured
from hardware.controller import HoldController
from hardware.hold import HoldRules
from hardware.inputs import GpioInputs
from hardware.relay import Relay
from hardware.relay_gpio import GpioRelay, pin_factory
from hardware.slot import PresenceSlot
from vision.types import Presence, Sighting

BIKE = (Sighting(1, "e_bike", "cabin", 0.95, True, 0.0, (0.0, 0.0, 10.0, 10.0)),)
BATCH = 50  # changes per controller, so that no event comes near its cap
PATIENCE_S = 60.0


class TimedRelay:
    """Notes when it has followed."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._last = False
        self.held, self.released = threading.Event(), threading.Event()
        self.released_s = 0.0

    def set(self, energised: bool) -> None:
        """See `Relay.set`."""
        self._relay.set(energised)
        if energised is not self._last:
            self._last = energised
            if energised:
                self.held.set()
            else:
                self.released_s = time.perf_counter()
                self.released.set()

    def close(self) -> None:
        """See `Relay.close`."""
        self._relay.close()

    @property
    def energised(self) -> bool:
        """See `Relay.energised`."""
        return self._relay.energised


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--changes", type=int, default=500, help="changes measured (default: 500)")
    parser.add_argument(
        "--timer-only", action="store_true", help="without the wake-up: what the timer alone gives"
    )
    parser.add_argument("--report", type=Path, help="write the JSON line into this file, too")
    arguments = parser.parse_args()
    times_s: list[float] = []
    while len(times_s) < arguments.changes:
        count = min(BATCH, arguments.changes - len(times_s))
        times_s += measure(count, wake=not arguments.timer_only)
    took_ms = np.array(times_s) * 1000
    p50, p95, p99 = np.percentile(took_ms, (50, 95, 99))
    line = {
        "benchmark": "inhibit",
        "changes": len(times_s),
        "wake": not arguments.timer_only,
        "inhibit_ms": {
            "p50": round(float(p50), 2),
            "p95": round(float(p95), 2),
            "p99": round(float(p99), 2),
            "max": round(float(took_ms.max()), 2),
        },
        "load": round(os.getloadavg()[0], 1),
        **where_measured(),
    }
    print(json.dumps(line))
    if arguments.report:
        arguments.report.write_text(json.dumps(line, indent=2) + "\n", "utf-8")


def measure(count: int, *, wake: bool) -> list[float]:
    """Seconds from contact to relay, ``count`` times."""
    factory = pin_factory("mock")
    inputs = GpioInputs(fire=5, pin_factory=factory)
    contact: Any = factory.pin(5)
    contact.drive_low()
    relay, slot, stop = TimedRelay(GpioRelay(17, pin_factory=factory)), PresenceSlot(), threading.Event()
    controller = HoldController(
        relay,
        HoldRules(cap_s=600.0),
        slot,
        read_inputs=inputs.read,
        clock=time.monotonic,
        on_signal=lambda _: None,
    )
    if wake:
        inputs.watch(controller.wake)

    def see() -> None:
        while not stop.wait(0.1):  # a camera of 10 pictures a second
            slot.put(Presence(time.monotonic(), BIKE))

    camera = threading.Thread(target=see, daemon=True)
    camera.start()
    controller.start()
    times_s: list[float] = []
    try:
        while len(times_s) < count:
            _await(relay.held)
            time.sleep(random.uniform(0.0, 0.1))  # noqa: S311  any time between two ticks
            relay.held.clear()
            relay.released.clear()
            if not relay.energised:  # a pulse has just ended by itself
                continue
            start_s = time.perf_counter()
            contact.drive_high()
            _await(relay.released)
            times_s.append(relay.released_s - start_s)
            contact.drive_low()
    finally:
        stop.set()
        controller.stop()
        camera.join()
        relay.close()
        inputs.close()
    return times_s


def _await(event: threading.Event) -> None:
    if not event.wait(PATIENCE_S):
        raise TimeoutError(f"nothing happened for {PATIENCE_S:.0f} s")


if __name__ == "__main__":
    main()
