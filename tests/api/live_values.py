"""Values that guard might say, for the tests of the link, the API and the page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from api.live import (
    CameraState,
    DoorState,
    ElevatorState,
    GuardState,
    LiveBox,
    LiveFrameInfo,
    ModelInfo,
    StageLatency,
)
from hardware.hold import Phase

T0 = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def make_elevator(**changes: Any) -> ElevatorState:
    values: dict[str, Any] = {
        "id": "car-1",
        "name": "Elevator 1",
        "kind": "B",
        "phase": Phase.IDLE,
        "phase_since": T0,
        "energised": False,
        "voice": False,
        "relay_ok": True,
        "door": DoorState(position="closed", opening=0.0, floor=3, simulated=True),
        "camera": CameraState(
            source="sample", state="live", detail="Pictures arrive.", since=T0, fps=10.0, size_wh=(640, 360)
        ),
    }
    return ElevatorState(**(values | changes))


def make_state(*elevators: ElevatorState, **changes: Any) -> GuardState:
    values: dict[str, Any] = {
        "version": "0.1.0",
        "started_at": T0,
        "at": T0,
        "model": ModelInfo(name="test-model", sha256="0" * 64, imgsz=640),
        "elevators": elevators or (make_elevator(),),
        "latency": (
            StageLatency(elevator_id="car-1", stage="infer", n=100, p50_ms=40.0, p95_ms=60.0, p99_ms=75.0),
        ),
    }
    return GuardState(**(values | changes))


def make_frame(seq: int = 1, elevator_id: str = "car-1", phase: Phase = Phase.IDLE) -> LiveFrameInfo:
    return LiveFrameInfo(
        elevator_id=elevator_id,
        seq=seq,
        at=T0,
        size_wh=(640, 360),
        phase=phase,
        boxes=(
            LiveBox(
                track_id=1, class_name="e_bike", score=0.97, blocked=True, xyxy=(60.0, 80.0, 420.0, 350.0)
            ),
            LiveBox(
                track_id=2, class_name="person", score=0.9, blocked=False, xyxy=(430.0, 40.0, 560.0, 350.0)
            ),
        ),
    )
