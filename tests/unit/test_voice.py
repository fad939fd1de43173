"""Prompts, quiet hours, volume and the beacon, turn by turn on a clock of the test's own."""

from __future__ import annotations

import wave
from datetime import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.load import load_settings
from api.outputs import build_voice, speaks
from hardware.controller import HoldController
from hardware.hold import HoldRules, Inputs
from hardware.prompts import Prompts, QuietHours, shipped
from hardware.relay import FakeRelay
from hardware.slot import PresenceSlot
from hardware.voice import HANG_S, Voice, VoiceRules, find_player
from vision.errors import ConfigError, RelayError


class FakePlayer:
    """Plays nothing; ends when it is told to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.code: int | None = None
        self.killed = False

    def poll(self) -> int | None:
        return self.code

    def kill(self) -> None:
        self.killed = True


class FakeOutput:
    def __init__(self) -> None:
        self.levels: list[bool] = [False]
        self.closed = self.fail = False

    def set(self, high: bool) -> None:
        if self.fail:
            raise RelayError("told to fail")
        if high is not self.levels[-1]:
            self.levels.append(high)

    def close(self) -> None:
        self.closed = True


class Room:
    def __init__(self, rules: VoiceRules | None = None, files: list[Path] | None = None) -> None:
        self.now_s = 0.0
        self.at = time(12, 0)
        self.wanted = False
        self.refuse = False
        self.played: list[FakePlayer] = []
        self.beacon = FakeOutput()
        self.voice = Voice(
            lambda: self.wanted,
            Prompts(files if files is not None else shipped(["zh", "en"])),
            rules or VoiceRules(),
            play=self.play,
            beacon=self.beacon,
            clock=lambda: self.now_s,
            local_time=lambda: self.at,
        )

    def play(self, path: Path) -> FakePlayer:
        if self.refuse:
            raise OSError("no such program")
        self.played.append(FakePlayer(path))
        return self.played[-1]

    def turn(self, for_s: float = 0.1) -> None:
        for _ in range(round(for_s * 10)):
            self.now_s += 0.1
            self.voice.turn(self.now_s)

    def names(self) -> list[str]:
        return [player.path.name for player in self.played]


def test_it_speaks_every_language_in_turn_and_again_after_the_interval() -> None:
    room = Room(VoiceRules(interval_s=15.0))
    room.turn(5.0)
    assert room.played == []
    room.wanted = True
    room.turn()
    assert room.names() == ["take_it_out_zh.wav"]
    room.turn(3.0)
    assert len(room.played) == 1, "one at a time"
    room.played[0].code = 0
    room.turn(0.2)
    assert room.names() == ["take_it_out_zh.wav", "take_it_out_en.wav"]
    room.played[1].code = 0
    room.turn(11.5)
    assert len(room.played) == 2
    room.turn(0.5)
    assert room.names()[2:] == ["take_it_out_zh.wav"]
    assert room.voice.spoken == 2


def test_it_falls_silent_at_once_and_never_plays_over_itself() -> None:
    room = Room()
    room.wanted = True
    room.turn()
    room.wanted = False
    room.turn()
    assert room.played[0].killed
    room.wanted = True
    room.turn(3.0)
    assert len(room.played) == 1, "the old one is not dead yet"
    room.played[0].code = -9
    room.turn(0.2)
    assert len(room.played) == 2, "wanted anew: told at once"
    assert room.voice.trouble == ""


def test_a_player_that_hangs_is_killed_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    room = Room(VoiceRules(interval_s=1.0))
    room.wanted = True
    room.turn(6.0 + HANG_S + 1.0)
    assert room.played[0].killed
    assert "hangs" in room.voice.trouble
    room.played[0].code = -9
    room.turn(0.2)
    assert len(room.played) == 2, "tried again with the next round"
    room.played[1].code = 0
    room.turn()
    assert room.voice.trouble == ""
    assert caplog.text.count("the player hangs") == 1


def test_a_player_that_crashes_or_does_not_start_waits_for_the_next_round() -> None:
    room = Room(VoiceRules(interval_s=10.0))
    room.wanted = True
    room.turn()
    room.played[0].code = 1
    room.turn(5.0)
    assert len(room.played) == 1
    assert "ended with code 1" in room.voice.trouble
    room.refuse = True
    room.turn(6.0)
    assert "cannot be started" in room.voice.trouble


def test_the_beacon_follows_and_its_failure_does_not_silence_the_voice() -> None:
    room = Room()
    room.wanted = True
    room.turn()
    room.wanted = False
    room.turn()
    assert room.beacon.levels == [False, True, False]
    room.beacon.fail = True
    room.wanted = True
    room.played[0].code = -9
    room.turn(0.3)
    assert "told to fail" in room.voice.trouble
    assert len(room.played) == 2
    room.voice.stop()
    assert room.beacon.closed
    assert room.played[1].killed, "and not waited for without end"


@pytest.mark.parametrize(("quiet_volume", "files"), [(0, 0), (25, 1)])
def test_quiet_hours(quiet_volume: int, files: int) -> None:
    rules = VoiceRules(
        quiet_hours=(QuietHours.parse("22:00-07:00"),),
        quiet_volume_percent=quiet_volume,
        beacon_in_quiet_hours=False,
    )
    room = Room(rules)
    room.at, room.wanted = time(23, 30), True
    room.turn()
    assert len(room.played) == files
    assert room.beacon.levels == [False]
    if files:
        assert peak(room.played[0].path) == pytest.approx(0.25 * peak(shipped(["zh"])[0]), abs=1.0)
    room.at = time(7, 0)
    room.turn()
    assert room.beacon.levels == [False, True]
    room.voice.stop()
    assert not files or not room.played[0].path.exists(), "copies are removed"


def peak(path: Path) -> float:
    with wave.open(str(path), "rb") as sound:
        return float(np.abs(np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(int)).max())


def test_a_missing_or_strange_file_is_told_and_the_others_are_played(tmp_path: Path) -> None:
    strange = tmp_path / "strange.wav"
    strange.write_bytes(b"RIFF")
    room = Room(files=[tmp_path / "missing.wav", strange, *shipped(["en"])])
    room.wanted = True
    room.turn()
    assert room.names() == ["take_it_out_en.wav"]
    assert "missing.wav cannot be played" in room.voice.trouble
    assert "strange.wav cannot be played" in room.voice.trouble


def test_the_shipped_prompts_are_small_mono_and_16_khz() -> None:
    for path in shipped(["zh", "en"]):
        with wave.open(str(path), "rb") as sound:
            assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 16_000)
            assert 2.0 < sound.getnframes() / 16_000 < 10.0
        assert path.stat().st_size <= 200_000


@given(st.times(), st.times(), st.times())
def test_quiet_hours_wrap_around_midnight(begin: time, end: time, at: time) -> None:
    begin, end = (t.replace(second=0, microsecond=0) for t in (begin, end))
    if begin == end:
        return
    there, back = QuietHours(begin, end), QuietHours(end, begin)
    assert (at in there) is not (at in back), "every moment is in one of the two"
    assert begin in there
    assert end not in there
    text = f"{begin:%H:%M}-{end:%H:%M}"
    assert QuietHours.parse(text) == there


@pytest.mark.parametrize("text", ["", "22-7", "25:00-07:00", "22:00-22:00", "22:00 - 07:00", "22:60-07:00"])
def test_quiet_hours_that_are_not_understood(text: str) -> None:
    with pytest.raises(ConfigError, match="quiet hours"):
        QuietHours.parse(text)


def test_a_player_that_is_not_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_player() is None
    program = tmp_path / "paplay"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_player() is not None
    assert find_player("aplay") is None


@pytest.mark.parametrize(
    ("enabled", "simulated", "speaking"),
    [("auto", True, False), ("auto", False, True), ("true", True, True), ("false", False, False)],
)
def test_a_developers_machine_is_silent_unless_asked(enabled: str, simulated: bool, speaking: bool) -> None:
    settings = load_settings(env={"LIFTGUARD_ELEVATORS__0__VOICE__ENABLED": enabled})
    assert speaks(settings.elevators[0], simulated=simulated) is speaking


def test_no_player_is_stated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    elevator = load_settings(env={"LIFTGUARD_ELEVATORS__0__VOICE__ENABLED": "true"}).elevators[0]
    controller = HoldController(
        FakeRelay(),
        HoldRules(),
        PresenceSlot(),
        read_inputs=Inputs,
        clock=lambda: 0.0,
        on_signal=lambda signal: None,
    )
    voice = build_voice(elevator, controller, simulated=True, clock=lambda: 0.0)
    assert voice is not None
    assert "apt install alsa-utils" in voice.trouble
    voice.turn(1.0)
