"""Replay pictures through the whole pipeline on a simulated clock: as fast as it can, the same every time.

Gives one line per phase change and event, and a summary at the end. ``docs/formats.md`` is the contract.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from hardware.hold import (
    Decision,
    EventEnded,
    EventEscalated,
    EventStarted,
    FalsePreHold,
    HoldRules,
    Inputs,
    PhaseChanged,
    Signal,
    initial,
    step,
)
from vision.perceive import Perceiver
from vision.types import Frame, Presence, Sighting

TICK_HZ: Final = 20.0  # the hold step's own timer, as on the box

Emit = Callable[[dict[str, Any]], None]


@dataclass(slots=True)
class ReplaySummary:
    """What the replay came to. Seconds are simulated ones."""

    frames: int = 0
    inferred: int = 0
    duration_s: float = 0.0
    events: int = 0
    hold_s: float = 0.0
    false_pre_holds: int = 0

    def line(self, **more: object) -> dict[str, Any]:
        """The last line of a replay."""
        return {
            "type": "summary",
            "frames": self.frames,
            "inferred": self.inferred,
            "duration_s": round(self.duration_s, 3),
            "events": self.events,
            "hold_s": round(self.hold_s, 3),
            "false_pre_holds": self.false_pre_holds,
            **more,
        }


class Replay:
    """One pass over frames in order of capture time. Inference takes no simulated time.

    Args:
        perceiver: fresh, or reset; its detector sees each frame once, in order.
        rules: the hold's limits.
        emit: gets each line as a dict, in order of time.
    """

    def __init__(self, perceiver: Perceiver, rules: HoldRules, emit: Emit) -> None:
        self._perceiver = perceiver
        self._rules = rules
        self._emit = emit
        self._hold = initial(0.0)
        self._ticks = 0
        self._pending: Presence | None = None
        self._frame = -1  # index of the newest frame looked at
        self._energised = False
        self._event_open = False
        self.summary = ReplaySummary()

    def run(self, frames: Iterable[Frame]) -> ReplaySummary:
        """Replay all frames; an event that is still open at the end ends with outcome ``end_of_input``."""
        end_s = 0.0
        for index, frame in enumerate(frames):
            self._tick_until(frame.t_s)
            self._frame = index
            seen = self._perceiver.look(frame)
            self.summary.frames += 1
            self.summary.inferred += seen.detections is not None
            self._pending = seen.presence
            end_s = frame.t_s
        self._tick_until(end_s + 2 / TICK_HZ)  # so that the last frame is heard too
        self.summary.duration_s = end_s
        if self._event_open:
            self._event(end_s, "ended", outcome="end_of_input")
        return self.summary

    def _tick_until(self, t_s: float) -> None:
        """All ticks before ``t_s``. The first at or after a frame's capture time hears what it showed."""
        while self._ticks / TICK_HZ < t_s:
            self._tick(self._ticks / TICK_HZ, self._pending)
            self._pending = None
            self._ticks += 1

    def _tick(self, now_s: float, seen: Presence | None) -> None:
        self._hold, decision = step(self._hold, seen, Inputs(), now_s, self._rules)
        self._count(decision)
        for signal in decision.signals:
            self._say(signal)

    def _count(self, decision: Decision) -> None:
        self.summary.hold_s += self._energised / TICK_HZ
        self._energised = decision.energise

    def _say(self, signal: Signal) -> None:
        match signal:
            case PhaseChanged():
                self._emit(
                    {
                        "type": "phase",
                        "t_s": round(signal.t_s, 3),
                        "frame": self._frame,
                        "before": str(signal.before),
                        "after": str(signal.after),
                        "reason": signal.reason,
                    }
                )
            case EventStarted():
                self.summary.events += 1
                self._event_open = True
                self._event(signal.t_s, "started", **_sighting(signal.sighting))
            case EventEscalated():
                self._event(signal.t_s, "escalated")
            case EventEnded():
                self._event_open = False
                self._event(
                    signal.t_s,
                    "ended",
                    outcome=signal.outcome,
                    hold_s=round(signal.hold_s, 3),
                    pulses=signal.pulses,
                    last_seen_s=round(signal.last_seen_s, 3),
                )
            case FalsePreHold():
                self.summary.false_pre_holds += 1

    def _event(self, t_s: float, what: str, **more: object) -> None:
        self._emit(
            {
                "type": "event",
                "t_s": round(t_s, 3),
                "frame": self._frame,
                "event": what,
                "number": self.summary.events,
                **more,
            }
        )


def _sighting(sighting: Sighting) -> dict[str, object]:
    return {
        "class": sighting.class_name,
        "zone": sighting.zone,
        "score": round(sighting.score, 3),
        "track_id": sighting.track_id,
        "xyxy": [round(v, 1) for v in sighting.xyxy],
    }


def json_line(line: dict[str, Any]) -> str:
    """One line of the contract, keys in their documented order, no line breaks, UTF-8 kept."""
    return json.dumps(line, ensure_ascii=False)
