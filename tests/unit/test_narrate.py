"""Every transition that the hold can make is either told in plain words or left out on purpose."""

import pytest

from api.narrate import tell
from hardware.hold import (
    REASONS,
    EventEnded,
    EventEscalated,
    EventStarted,
    FalsePreHold,
    Phase,
    PhaseChanged,
    Signal,
)
from vision.types import Sighting

SEEN = Sighting(1, "e_bike", "cabin", 0.9, True, 0.0, (0, 0, 1, 1))


@pytest.mark.parametrize(
    ("signal", "said"),
    [
        (EventStarted(1.0, SEEN, 0.4), "E-BIKE in the cabin"),
        (EventEscalated(1.0), "go and look"),
        (EventEnded(9.0, "left", 8.2, 1, 8.0), "held for 8 s"),
        (PhaseChanged(1.0, Phase.IDLE, Phase.SUSPECT, "suspected"), "may be an e-bike"),
        (PhaseChanged(1.0, Phase.SUSPECT, Phase.IDLE, "not_confirmed"), "not an e-bike after all"),
        (PhaseChanged(1.0, Phase.HOLDING, Phase.INHIBITED, "fire"), "switched off by fire"),
        (PhaseChanged(1.0, Phase.HOLDING, Phase.BLIND, "presence_stale"), "nothing fresh from the camera"),
    ],
)
def test_a_signal_is_told(signal: object, said: str) -> None:
    text = tell("West", signal)  # type: ignore[arg-type]
    assert text is not None
    assert text.startswith("West: ")
    assert said in text


@pytest.mark.parametrize("reason", REASONS)
def test_an_installation_that_only_warns_speaks_of_no_door(reason: str) -> None:
    signals: list[Signal] = [PhaseChanged(1.0, Phase.IDLE, after, reason) for after in Phase]
    signals += [EventStarted(1.0, SEEN, 0.4), EventEnded(9.0, "left", 0.0, 0, 8.0)]
    for signal in signals:
        assert "door" not in (tell("West", signal, "A") or "")


def test_what_another_line_tells_is_not_told_twice() -> None:
    assert tell("West", FalsePreHold(1.0, 0.5)) is None
    assert tell("West", PhaseChanged(1.0, Phase.SUSPECT, Phase.HOLDING, "confirmed")) is None


def test_every_reason_that_the_hold_knows_is_considered() -> None:
    silent = {"confirmed"}  # the event's own line tells it
    for reason in REASONS:
        told = any(tell("West", PhaseChanged(1.0, Phase.IDLE, after, reason)) for after in Phase)
        assert told or reason in silent, f"nobody is told of {reason}"
