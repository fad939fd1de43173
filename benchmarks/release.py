"""How fast a press on "Let the door go" reaches the relay, through everything that lies between in earnest.

A real web server, the real link between the processes' halves, the real hold loop with a relay that notes
when it is set; an e-bike stands before it. Measured from just before the request is sent until the relay is
told to let go. The relay's own contacts and the network to the phone come on top.
"""

from __future__ import annotations

import argparse
import json
import socket
import tempfile
import threading
import time
from pathlib import Path

import httpx
import numpy as np

from api.link import GuardLink
from api.live import Command, ReleaseReply, ReleaseRequest
from api.store import Store
from api.web import create_app, make_server
from api.web_link import WebLink
from benchmarks.machine import where_measured
from hardware.controller import HoldController
from hardware.hold import HoldRules, Inputs, Phase
from hardware.slot import PresenceSlot
from tests.api.live_values import make_elevator, make_state
from vision.types import Presence, Sighting

TARGET_MS = 200.0


class NotingRelay:
    """A relay that notes when it was told to let go."""

    def __init__(self) -> None:
        self.energised = False
        self.let_go_s = 0.0

    def set(self, energised: bool) -> None:
        """Follow at once."""
        if self.energised and not energised:
            self.let_go_s = time.monotonic()
        self.energised = energised

    def close(self) -> None:
        """Let go."""
        self.set(False)


def measure(n: int) -> dict[str, float]:
    """Milliseconds over ``n`` releases."""
    folder = Path(tempfile.mkdtemp(prefix="lg"))
    store = Store(folder / "liftguard.db")
    store.migrate()
    link, relay, slot = GuardLink(folder / "run"), NotingRelay(), PresenceSlot()
    controller = HoldController(
        relay,
        HoldRules(release_s=1.0, rejoin_s=1.0),  # gone sooner: more releases in a minute
        slot,
        read_inputs=Inputs,
        clock=time.monotonic,
        on_signal=lambda _: None,
    )
    stop, track = threading.Event(), [1]

    def command(asked: Command) -> ReleaseReply:
        if isinstance(asked, ReleaseRequest):
            controller.release(asked.reason, 5.0)
        return ReleaseReply(accepted=True, detail="let go")

    def see() -> None:
        while not stop.wait(0.05):
            now_s = time.monotonic()
            there = Sighting(
                track_id=track[0],
                class_name="e_bike",
                zone="cabin",
                score=0.97,
                since_s=now_s - 1,
                confirmed=True,
                xyxy=(0, 0, 9, 9),
            )
            slot.put(Presence(now_s, (there,) if track[0] else ()))
            link.publish_state(make_state(make_elevator()))

    link.serve_commands(command)
    controller.start()
    threading.Thread(target=see, daemon=True).start()
    server = make_server(create_app(store, WebLink(folder / "run"), version="bench"), "127.0.0.1", 0)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True).start()
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    taken: list[float] = []
    with httpx.Client(base_url=base, timeout=10) as client:
        wait(lambda: server.started and client.get("/api/v1/elevators").status_code == 200, "the page")
        for turn in range(n):
            track[0] = turn + 1
            wait(lambda: relay.energised and controller.state.decision.phase is Phase.HOLDING, "a hold")
            began_s = time.monotonic()
            answer = client.post("/api/v1/elevators/car-1/release", json={"reason": "benchmark"})
            answer.raise_for_status()
            wait(lambda: not relay.energised, "the release")
            taken.append((relay.let_go_s - began_s) * 1000)
            track[0] = 0  # it leaves; then the door may be held for the next
            controller.rearm()
            wait(lambda: controller.state.decision.phase is Phase.IDLE, "rest", 60.0)
    stop.set()
    controller.stop()
    server.should_exit = True
    link.close()
    p50, p95, p99 = np.percentile(taken, (50, 95, 99))
    return {"n": n, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "worst_ms": max(taken)}


def wait(condition: object, what: str, within_s: float = 30.0) -> None:
    """Until it holds. Raises: TimeoutError."""
    deadline_s = time.monotonic() + within_s
    while not condition():  # type: ignore[operator]
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"waited {within_s:g} s for {what}")
        time.sleep(0.002)


def main() -> None:
    """Measure and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=50, help="releases")
    found = measure(parser.parse_args().n)
    rounded = {key: round(value, 2) for key, value in found.items()}
    print(json.dumps({"what": "release", "target_ms": TARGET_MS, **rounded, **where_measured()}))


if __name__ == "__main__":
    main()
