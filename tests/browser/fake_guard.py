"""A guard that plays a little story over the real link: for the browser test and for pictures of the page."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from api.link import GuardLink
from api.live import (
    Command,
    DoorState,
    LiveBox,
    LiveFrameInfo,
    RearmRequest,
    ReleaseReply,
    ReleaseRequest,
)
from api.records import EventEnd, Evidence, NewEvent, PhaseChange, new_event_id
from api.store import Store
from hardware.hold import Phase
from tests.api.live_values import make_elevator, make_state

SIZE = (640, 360)
E_BIKE = (150.0, 110.0, 470.0, 345.0)
CROWD = (
    LiveBox(track_id=2, class_name="wheelchair", score=0.0, blocked=False, xyxy=(40.0, 30.0, 140.0, 340.0)),
    LiveBox(track_id=3, class_name="person", score=0.0, blocked=False, xyxy=(44.0, 30.0, 130.0, 300.0)),
    LiveBox(track_id=4, class_name="person", score=0.6, blocked=False, xyxy=(150.0, 110.0, 300.0, 330.0)),
)
"""Not blocked, some with the same corner as another or as the e-bike."""


def picture(with_bike: bool, seq: int) -> bytes:
    """A drawn elevator car as JPEG, with a drawn e-bike in it or not; ``seq`` moves a mark."""
    image: NDArray[np.uint8] = np.full((SIZE[1], SIZE[0], 3), (176, 184, 188), np.uint8)
    cv2.fillPoly(image, [np.array([[0, 360], [130, 270], [510, 270], [640, 360]])], (120, 124, 128))
    for x1, x2 in ((0, 130), (640, 510)):
        cv2.line(image, (x1, 360), (x2, 270), (96, 100, 104), 2)
        cv2.line(image, (x2, 0), (x2, 270), (140, 146, 150), 2)
    cv2.line(image, (130, 190), (510, 190), (206, 212, 216), 7)
    cv2.rectangle(image, (560, 120), (590, 240), (90, 94, 98), -1)
    for y in range(135, 230, 22):
        cv2.circle(image, (575, y), 6, (200, 220, 230), -1)
    if with_bike:
        dark, tyre = (52, 46, 160), (34, 34, 36)
        for cx in (215, 405):
            cv2.circle(image, (cx, 285), 52, tyre, 12, cv2.LINE_AA)
            cv2.circle(image, (cx, 285), 16, (120, 120, 120), -1, cv2.LINE_AA)
        body = np.array(
            [[225, 270], [280, 285], [345, 290], [420, 255], [440, 210], [380, 215], [335, 262], [285, 258]]
        )
        cv2.fillPoly(image, [body], dark, cv2.LINE_AA)
        cv2.line(image, (215, 285), (255, 145), dark, 12, cv2.LINE_AA)
        cv2.line(image, (225, 140), (290, 132), tyre, 9, cv2.LINE_AA)
        cv2.ellipse(image, (395, 205), (62, 16), 0, 0, 360, tyre, -1, cv2.LINE_AA)
    cv2.rectangle(image, (8 + seq % 60, 8), (14 + seq % 60, 14), (255, 255, 255), -1)
    ok, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert ok
    return jpeg.tobytes()


@dataclass
class FakeGuard:
    """Publishes what its fields say, ten times a second, on a thread of its own."""

    run_dir: Path
    store: Store
    phase: Phase = Phase.IDLE
    opening: float = 0.0
    bike: bool = False
    camera: str = "live"
    asked: list[Command] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)
    crowd: bool = False
    second: bool = False  # another elevator, car-2
    more: int = 0  # further elevators, car-3 and so on
    names: dict[str, str] = field(default_factory=dict)  # instead of "Elevator 2" and so on
    events: int = 0
    event: NewEvent | None = None

    def __post_init__(self) -> None:
        self.link = GuardLink(self.run_dir)
        self.link.serve_commands(self._command)
        self._stop = threading.Event()
        self._phase_since = datetime.now(UTC)
        self._thread = threading.Thread(target=self._run, name="fake-guard", daemon=True)
        self._thread.start()

    def go(self, phase: Phase, *, opening: float, bike: bool) -> None:
        self._phase_since = datetime.now(UTC)
        self.phase, self.opening, self.bike = phase, opening, bike

    def hold(self) -> str:
        """An e-bike is confirmed: an event begins."""
        at = datetime.now(UTC)
        self.event = NewEvent(
            new_event_id(),
            "car-1",
            "car-1",
            "e_bike",
            "cabin",
            at,
            at,
            0.97,
            "test-model",
            "ab" * 32,
            "r1",
            "0.1.0",
            True,
        )
        self.store.start_event(self.event)
        self.events += 1
        self.go(Phase.HOLDING, opening=1.0, bike=True)
        return self.event.id

    def leave(self) -> None:
        """It has left: the event ends."""
        assert self.event is not None
        at = datetime.now(UTC)
        self.store.end_event(self.event.id, EventEnd(at, at, "left", 12.3, 1, 0.99))
        self.event = None
        self.go(Phase.IDLE, opening=0.0, bike=False)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10)
        self.link.close()

    @property
    def released(self) -> list[ReleaseRequest]:
        return [command for command in self.asked if isinstance(command, ReleaseRequest)]

    def _command(self, command: Command) -> ReleaseReply:
        self.asked.append(command)
        if isinstance(command, ReleaseRequest):
            self.go(Phase.INHIBITED, opening=0.4, bike=True)
            self.changes = self.changes | {"released_for_s": 30.0}
            return ReleaseReply(accepted=True, detail="let go")
        if isinstance(command, RearmRequest):
            self.changes = {k: v for k, v in self.changes.items() if k != "released_for_s"}
            self.go(Phase.IDLE, opening=0.4, bike=False)
        return ReleaseReply(accepted=True, detail="done")

    def _run(self) -> None:
        seq = 0
        while not self._stop.wait(0.1):
            seq += 1
            now = datetime.now(UTC)
            holding = self.phase in {Phase.HOLDING, Phase.SUSPECT}
            position = "open" if self.opening == 1 else "closed" if self.opening == 0 else "closing"
            door = DoorState(position=position, opening=self.opening, floor=3, simulated=True)
            elevator = make_elevator(
                name=self.names.get("car-1", "Elevator 1"),
                phase=self.phase,
                phase_since=self._phase_since,
                energised=holding,
                voice=self.phase in {Phase.HOLDING, Phase.PAUSED},
                inhibit_reason="remote_release" if self.phase is Phase.INHIBITED else None,
                open_event_id=self.event.id if self.event else None,
                events=self.events,
                camera=make_elevator().camera.model_copy(update={"state": self.camera}),
                **{"door": door, **self.changes},
            )
            others = (
                [make_elevator(id="car-2", name=self.names.get("car-2", "Elevator 2"), phase_since=now)]
                if self.second
                else []
            )
            for n in range(3, 3 + self.more):
                phase = (Phase.IDLE, Phase.IDLE, Phase.HOLDING, Phase.IDLE, Phase.BLIND, Phase.INHIBITED)[
                    n % 6
                ]
                others.append(
                    make_elevator(
                        id=f"car-{n}",
                        name=self.names.get(f"car-{n}", f"Elevator {n}"),
                        phase=phase,
                        phase_since=now,
                        energised=phase is Phase.HOLDING,
                        inhibit_reason="fire" if phase is Phase.INHIBITED else None,
                    )
                )
            self.link.publish_state(make_state(elevator, *others, at=now))
            if seq % 10 == 1:
                self.link.publish_metrics("# TYPE liftguard_test gauge\nliftguard_test 1\n")
            for n in range(2, 3 + self.more):
                if self.link.frames_wanted(f"car-{n}"):
                    plain = LiveFrameInfo(
                        elevator_id=f"car-{n}", seq=seq, at=now, size_wh=SIZE, phase=Phase.IDLE, boxes=()
                    )
                    self.link.publish_frame(plain, picture(False, seq))
            if self.camera == "live" and self.link.frames_wanted("car-1"):
                bike = LiveBox(track_id=1, class_name="e_bike", score=0.97, blocked=True, xyxy=E_BIKE)
                boxes = ((bike,) if self.bike else ()) + (CROWD if self.crowd else ())
                info = LiveFrameInfo(
                    elevator_id="car-1", seq=seq, at=now, size_wh=SIZE, phase=self.phase, boxes=boxes
                )
                self.link.publish_frame(info, picture(self.bike, seq))


def _door(t: float, hold_s: float) -> tuple[str, float]:
    """An elevator's door: open while it is held, a little closed in the pause between two holds."""
    if 17.6 <= t < 20.6 and hold_s > 18:
        into = min(t - 17.6, 20.6 - t) / 1.5
        return ("closing" if t < 19.1 else "opening"), round(1.0 - 0.5 * into, 3)
    return "open", 1.0


def past_event(store: Store, age: timedelta, outcome: str, hold_s: float, elevator_id: str = "car-1") -> str:
    """An event that is over, with evidence and steps, as guard would have stored it."""
    at = datetime.now(UTC) - age
    new = NewEvent(
        new_event_id(),
        elevator_id,
        f"{elevator_id}/cabin",
        "e_bike",
        "cabin",
        at - timedelta(seconds=0.4),
        at,
        0.9,
        "liftguard-s",
        "3f" * 32,
        "b7" * 32,
        "0.1.0",
        True,
        floor=3,
        door="open",
        capture_to_relay_ms=90 + age.total_seconds() % 97,
        sight_to_confirm_ms=380 + age.total_seconds() % 211,
    )
    store.start_event(new)
    rng = np.random.default_rng(7)
    times = np.arange(-0.4, hold_s, 0.2)
    rows = []
    for t in times:
        conf = (
            float(np.clip(0.62 + 0.2 * np.sin(t) + rng.normal(0, 0.06), 0, 1)) if rng.random() > 0.08 else 0.0
        )
        score = float(np.clip(1 / (1 + np.exp(-(t + 0.5) * 5)), 0, 0.995))
        phase = "HOLDING" if t >= 0 else "SUSPECT"
        rows.append(Evidence(float(t), score, conf, E_BIKE, phase, *_door(float(t), hold_s)))
    store.add_evidence(new.id, rows)
    steps = [
        (-0.4, "IDLE", "SUSPECT", "suspected"),
        (0.0, "SUSPECT", "HOLDING", "confirmed"),
    ]
    if hold_s > 18:
        steps += [(17.6, "HOLDING", "PAUSED", "pulse_over"), (20.6, "PAUSED", "HOLDING", "pause_over")]
    steps.append((hold_s, "HOLDING", "IDLE", "not_seen"))
    for t, before, after, reason in steps:
        store.add_phase_change(
            PhaseChange(elevator_id, at + timedelta(seconds=t), before, after, reason, new.id)
        )
    done = at + timedelta(seconds=hold_s)
    seen = done - timedelta(seconds=1.9)
    store.end_event(new.id, EventEnd(done, seen, outcome, hold_s, 1 + (hold_s > 18), 0.995))  # type: ignore[arg-type]
    return new.id
