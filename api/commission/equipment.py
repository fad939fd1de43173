"""Everything of one elevator that the acceptance test tries, opened for it alone and released at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from api.link import GuardLink
from api.main import build_detector, build_perceiver, build_source
from api.outputs import build_heartbeat, no_player, open_output, speaks
from api.relays import build_inputs, build_relay
from api.run_dir import current_run_dir
from api.settings import ElevatorSettings, Settings
from api.wiring import inputs_are_simulated, relay_is_simulated
from hardware.inputs import InputReader
from hardware.output import Output
from hardware.prompts import Prompts, shipped
from hardware.relay import Relay
from hardware.voice import find_player
from hardware.watchdog import Heartbeat
from vision.errors import ConfigError, LinkError
from vision.perceive import Perceiver
from vision.types import Clock, FrameSource


@dataclass(frozen=True, slots=True)
class Equipment:
    """One elevator's parts, and the time they are tried in."""

    elevator: ElevatorSettings
    relay: Relay
    heartbeat: Heartbeat | None  # None: no watchdog output is set
    inputs: InputReader
    inputs_simulated: bool
    speak: Callable[[], str] | None  # speaks every prompt once; gives what went wrong, or "". None: none here
    beacon: Output | None
    source: FrameSource
    perceiver: Perceiver
    model: str  # its name and the first digits of its hash
    clock: Clock = time.monotonic
    pause: Callable[[float], None] = time.sleep


def choose(settings: Settings, elevator_id: str | None) -> ElevatorSettings:
    """The elevator to be walked. Raises: ConfigError if it must be named or is not there."""
    known = {elevator.id: elevator for elevator in settings.elevators}
    if elevator_id is None and len(known) == 1:
        return settings.elevators[0]
    if elevator_id in known:
        return known[elevator_id]
    said = "name one with --elevator" if elevator_id is None else f"got {elevator_id!r}"
    raise ConfigError(f"the settings have the elevators {', '.join(known)}; {said}")


@contextmanager
def equipment(settings: Settings, elevator: ElevatorSettings) -> Iterator[Equipment]:
    """Open the parts; at the end the relay is released and everything is closed.

    Raises: LinkError if guard runs: two programs must not drive one relay. Also RelayError, ModelError.
    """
    simulated = relay_is_simulated(elevator)
    with ExitStack() as undo:
        try:
            link = GuardLink(current_run_dir(settings))  # refuses while guard runs
        except LinkError as exc:
            raise LinkError(
                f"{exc}; the acceptance test needs the relay for itself: stop guard first"
            ) from exc
        undo.callback(link.close)
        relay = build_relay(elevator)
        undo.callback(relay.close)
        inputs = build_inputs(elevator, time.monotonic)
        undo.callback(inputs.close)
        heartbeat = None
        if elevator.relay.watchdog_pin is not None:
            heartbeat = build_heartbeat(elevator, simulated=simulated)
            undo.callback(heartbeat.rest)
        beacon = None
        if elevator.voice.beacon_pin is not None:
            beacon = open_output(elevator.voice.beacon_pin, "beacon", real=not simulated)
            undo.callback(beacon.close)
        source = build_source(elevator)
        undo.callback(source.close)
        detector = build_detector(settings)
        yield Equipment(
            elevator=elevator,
            relay=relay,
            heartbeat=heartbeat,
            inputs=inputs,
            inputs_simulated=inputs_are_simulated(elevator),
            speak=_speaker(elevator) if speaks(elevator, simulated=simulated) else None,
            beacon=beacon,
            source=source,
            perceiver=build_perceiver(settings, elevator, detector),
            model=f"{detector.name} ({detector.sha256[:12]})",
        )


def _speaker(elevator: ElevatorSettings) -> Callable[[], str]:
    voice = elevator.voice

    def speak() -> str:
        play = find_player(voice.player, voice.device)
        if play is None:
            return no_player(voice.player)
        prompts = Prompts(tuple(Path(file) for file in voice.files) or shipped(voice.languages))
        try:
            playable, trouble = prompts.at(voice.volume_percent)
            for prompt in playable:
                try:
                    playing = play(prompt.path)
                except OSError as exc:
                    return f"{prompt.path}: {exc}"
                until_s = time.monotonic() + prompt.length_s + 5.0  # a player that hangs is ended
                while (code := playing.poll()) is None and time.monotonic() < until_s:
                    time.sleep(0.05)
                if code is None:
                    playing.kill()
                if code != 0:
                    trouble = f"the player ended with {code} at {prompt.path.name}"
            return trouble
        finally:
            prompts.close()

    return speak
