"""Puts together what an elevator has besides its relay: the watchdog output and the voice with its beacon."""

from __future__ import annotations

import logging
from datetime import datetime

from api.settings import ElevatorSettings
from hardware.controller import HoldController
from hardware.output import OutputPin
from hardware.prompts import Prompts, QuietHours, shipped
from hardware.relay_gpio import on_raspberry_pi, pin_factory
from hardware.voice import Voice, VoiceRules, find_player
from hardware.watchdog import Heartbeat, NoHeartbeat, WatchdogPin
from vision.types import Clock

log = logging.getLogger(__name__)


def open_output(pin: int, name: str, *, real: bool) -> OutputPin:
    """An output pin: of this machine, or in memory where the relay is, too. Raises: RelayError."""
    return OutputPin(pin, name, pin_factory=pin_factory("lgpio" if real else "mock"))


def build_heartbeat(elevator: ElevatorSettings, *, simulated: bool) -> Heartbeat:
    """The watchdog output, if one is wired. Raises: RelayError."""
    pin = elevator.relay.watchdog_pin
    if pin is None:
        if not simulated and elevator.kind == "B":
            log.warning(
                "%s: relay.watchdog_pin is not set: if this machine freezes, the relay stays as it is",
                elevator.id,
            )
        return NoHeartbeat()
    return WatchdogPin(open_output(pin, "watchdog", real=not simulated))


def speaks(elevator: ElevatorSettings, *, simulated: bool) -> bool:
    """Whether prompts are spoken: never on a developer's machine unless asked to."""
    enabled = elevator.voice.enabled
    return not simulated if enabled == "auto" else enabled


def build_voice(
    elevator: ElevatorSettings, controller: HoldController, *, simulated: bool, clock: Clock
) -> Voice | None:
    """Voice and beacon, or None where neither is wanted. Raises: RelayError if the beacon's pin is taken."""
    settings = elevator.voice
    speaking = speaks(elevator, simulated=simulated)
    if not speaking and settings.beacon_pin is None:
        return None
    play = find_player(settings.player, settings.device) if speaking else None
    beacon = None
    if settings.beacon_pin is not None:
        here = elevator.relay.driver == "auto" and on_raspberry_pi()  # kind A may have a lamp and no relay
        beacon = open_output(settings.beacon_pin, "beacon", real=here or not simulated)

    def wanted() -> bool:
        now = controller.state
        return now.healthy and now.decision.voice

    return Voice(
        wanted,
        Prompts(settings.files or shipped(settings.languages)),
        VoiceRules(
            interval_s=settings.interval_s,
            volume_percent=settings.volume_percent,
            quiet_hours=tuple(QuietHours.parse(text) for text in settings.quiet_hours),
            quiet_volume_percent=settings.quiet_volume_percent,
            beacon_in_quiet_hours=settings.beacon_in_quiet_hours,
        ),
        play=play,
        beacon=beacon,
        clock=clock,
        local_time=lambda: datetime.now().time(),  # the people's own clock
        lacking="" if play or not speaking else no_player(settings.player),
    )


def no_player(name: str) -> str:
    """What to tell people where a prompt is wanted and nothing can play it."""
    wanted = "none of aplay, paplay and pw-play is" if name == "auto" else f"{name} is not"
    return f"no prompt can be heard: {wanted} installed (on Debian: apt install alsa-utils)"
