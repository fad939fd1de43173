"""A player that hangs or crashes, as a real program, does not delay the relay."""

from __future__ import annotations

import threading
import time
from datetime import time as time_of_day
from pathlib import Path

import pytest

from hardware.controller import HoldController
from hardware.hold import HoldRules, Inputs, Phase
from hardware.prompts import Prompts, shipped
from hardware.relay import FakeRelay
from hardware.slot import PresenceSlot
from hardware.voice import Voice, VoiceRules, find_player
from tests.support.waiting import eventually
from vision.types import Presence, Sighting

BIKE = (Sighting(1, "e_bike", "cabin", 0.95, True, 0.0, (0.0, 0.0, 10.0, 10.0)),)


@pytest.mark.parametrize(
    ("script", "trouble"),
    [
        ("echo started >> $0.log; trap '' TERM; while :; do sleep 1; done", ""),
        ("echo started >> $0.log; kill -SEGV $$", "ended with code"),
        ("echo started >> $0.log; exit 3", "ended with code 3"),
    ],
    ids=["hangs", "crashes", "fails"],
)
def test_the_relay_follows_whatever_the_player_does(
    script: str, trouble: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    player = tmp_path / "aplay"
    player.write_text(f"#!/bin/sh\n{script}\n")
    player.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    there: list[tuple[Sighting, ...]] = [BIKE]
    relay, slot = FakeRelay(), PresenceSlot()
    reads = 0

    def read() -> Inputs:
        nonlocal reads
        reads += 1
        return Inputs()

    def clock() -> float:
        now_s = time.monotonic()
        slot.put(Presence(now_s, there[0]))
        return now_s

    controller = HoldController(
        relay,
        HoldRules(release_s=1.0),
        slot,
        read_inputs=read,
        clock=clock,
        on_signal=lambda signal: None,
    )
    voice = Voice(
        lambda: controller.state.decision.voice,
        Prompts(shipped(["en"])),
        VoiceRules(interval_s=1.0),
        play=find_player(),
        beacon=None,
        clock=time.monotonic,
        local_time=lambda: time_of_day(12),
    )
    controller.start()
    voice.start()
    eventually(lambda: controller.state.decision.phase is Phase.HOLDING)
    eventually((tmp_path / "aplay.log").exists, what="the player was started")
    eventually(lambda: trouble in voice.trouble, what=lambda: voice.trouble)
    before = reads
    eventually(lambda: reads > before + 20, what="the hold goes on")
    assert relay.energised
    there[0] = ()
    eventually(lambda: not relay.energised, what="let go")
    assert controller.state.failures == 0
    voice.stop()
    controller.stop()
    assert not [t for t in threading.enumerate() if t.name == "voice"]
