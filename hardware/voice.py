"""Voice and light: asks to take the vehicle out, for as long as the hold wants it.

On a thread of its own that asks the hold and is never asked by it: a player that hangs, a sound card that is
gone or a missing file cannot delay a relay.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Final, Literal, Protocol

from hardware.output import Output
from hardware.prompts import Prompt, Prompts, QuietHours
from vision.errors import RelayError
from vision.types import Clock

log = logging.getLogger(__name__)

TURN_S: Final = 0.1  # a prompt begins and ends, and the light goes on and off, within this time
HANG_S: Final = 5.0  # a player this much longer at work than its prompt lasts hangs, and is killed
_DEVICE: Final = {"aplay": "-D{}", "paplay": "--device={}", "pw-play": "--target={}"}  # by their manual pages
_QUIET: Final = {"aplay": ("-q",), "paplay": (), "pw-play": ()}

PlayerName = Literal["auto", "aplay", "paplay", "pw-play"]


class Playing(Protocol):
    """A player at work, as `subprocess.Popen` is one."""

    def poll(self) -> int | None: ...  # noqa: D102
    def kill(self) -> None: ...  # noqa: D102


Play = Callable[[Path], Playing]
"""Begins to play a WAV file and comes back at once. OSError if the player cannot be started."""


@dataclass(frozen=True, slots=True)
class VoiceRules:
    """How often and how loud."""

    interval_s: float = 15.0  # from the begin of a round to the begin of the next
    volume_percent: int = 100
    quiet_hours: tuple[QuietHours, ...] = ()
    quiet_volume_percent: int = 30  # 0: no prompt in quiet hours
    beacon_in_quiet_hours: bool = True


def find_player(name: PlayerName = "auto", device: str | None = None) -> Play | None:
    """The named player, or with ``auto`` the first there is; None if there is none.

    ALSA's aplay comes first: it needs no user session, which a service does not have.
    """
    for known in _DEVICE if name == "auto" else (name,):
        program = shutil.which(known)
        if program is not None:
            aim = [_DEVICE[known].format(device)] if device else []
            return _player([program, *_QUIET[known], *aim])
    return None


def _player(command: list[str]) -> Play:
    def play(path: Path) -> Playing:
        return subprocess.Popen(
            [*command, str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal is for guard alone
        )

    return play


class Voice:
    """Repeats the prompts and keeps the beacon on while ``wanted`` says so.

    Args:
        wanted: whether the hold wants the prompt; must not block.
        play: a player, see `find_player`. None: there is none, or the voice is switched off.
        beacon: a lamp or a buzzer; None if there is none. Closed by `stop`.
        local_time: the local time of day, for the quiet hours.
        lacking: why nothing can be played, to be told to people; empty if all is well or nothing is meant to.
    """

    def __init__(
        self,
        wanted: Callable[[], bool],
        prompts: Prompts,
        rules: VoiceRules,
        *,
        play: Play | None,
        beacon: Output | None,
        clock: Clock,
        local_time: Callable[[], time],
        lacking: str = "",
    ) -> None:
        self._wanted = wanted
        self._prompts = prompts
        self._rules = rules
        self._play = play
        self._beacon = beacon
        self._clock = clock
        self._local_time = local_time
        self._waiting: deque[Prompt] = deque()
        self._playing: Playing | None = None
        self._until_s = 0.0  # when the player should be done
        self._killed = False
        self._due_s = 0.0
        self._spoken = 0
        self._troubles: dict[str, str] = {"player": lacking} if lacking else {}
        self._stop = threading.Event()
        self._pause = threading.Event()  # never set: waiting for it is a pause
        self._thread: threading.Thread | None = None

    @property
    def trouble(self) -> str:
        """Why the prompt or the light fails, or empty. Thread-safe."""
        return "; ".join(dict(self._troubles).values())

    @property
    def spoken(self) -> int:
        """Prompts played to their end."""
        return self._spoken

    def start(self) -> None:
        """Start the thread."""
        if lacking := self.trouble:
            log.warning("%s", lacking)
        self._thread = threading.Thread(target=self._loop, name="voice", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Silence, light off; idempotent. Waits for a moment only: a sound is not worth a late end."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2.0)
        else:
            self._end()

    def turn(self, now_s: float) -> None:
        """Look once what is wanted, and see to it."""
        wanted = self._wanted()
        at = self._local_time()
        quiet = any(at in hours for hours in self._rules.quiet_hours)
        self._light(wanted and (not quiet or self._rules.beacon_in_quiet_hours))
        self._watch(now_s, wanted)
        if not wanted:
            self._due_s = now_s  # the next one is told at once
            self._waiting.clear()
        elif self._play is not None and self._playing is None:
            self._speak(now_s, self._rules.quiet_volume_percent if quiet else self._rules.volume_percent)

    def _speak(self, now_s: float, percent: int) -> None:
        if not self._waiting and now_s >= self._due_s and percent > 0:
            self._due_s = now_s + self._rules.interval_s
            prompts, trouble = self._prompts.at(percent)
            self._waiting.extend(prompts)
            self._say("prompts", trouble)
        if self._waiting and self._play is not None:
            prompt = self._waiting.popleft()
            try:
                self._playing = self._play(prompt.path)
            except OSError as exc:
                self._fail(f"the player cannot be started: {exc}")
            self._killed, self._until_s = False, now_s + prompt.length_s + HANG_S

    def _watch(self, now_s: float, wanted: bool) -> None:
        """See to the player at work: done, crashed, hanging, or no longer wanted."""
        if self._playing is None:
            return
        code = self._playing.poll()
        if code is None:
            if not wanted:
                self._kill()
            elif now_s > self._until_s:
                self._fail("the player hangs and is killed; see whether the sound card is taken or gone")
                self._kill()
            return
        self._playing = None
        if self._killed:
            return
        if code == 0:
            self._spoken += 1
            self._say("player", "")
        else:
            self._fail(f"the player ended with code {code}; try it by hand, as the user that runs guard")

    def _kill(self) -> None:
        """One that does not even die of this is waited for: never two players at once."""
        if self._playing is not None and not self._killed:
            self._killed = True
            self._playing.kill()

    def _fail(self, trouble: str) -> None:
        self._waiting.clear()  # try again with the next round
        self._say("player", trouble)

    def _light(self, on: bool) -> None:
        if self._beacon is None:
            return
        try:
            self._beacon.set(on)
        except RelayError as exc:
            self._say("beacon", str(exc))
        else:
            self._say("beacon", "")

    def _say(self, part: str, trouble: str) -> None:
        """Log changes, not turns."""
        before = self._troubles.get(part, "")
        if trouble == before:
            return
        if trouble:
            self._troubles[part] = trouble
            log.warning("voice: %s", trouble)
        else:
            del self._troubles[part]
            log.info("voice: works again; before: %s", before)

    def _loop(self) -> None:
        try:
            while not self._stop.wait(TURN_S):
                try:
                    self.turn(self._clock())
                except Exception as exc:  # noqa: BLE001  the loop must go on; the relay is not affected
                    self._say("voice", f"{type(exc).__name__}: {exc}")
                else:
                    self._say("voice", "")
        finally:
            self._end()

    def _end(self) -> None:
        self._kill()
        for _ in range(50):  # a second; not for ever, because a player may not even die
            if self._playing is None or self._playing.poll() is not None:
                break
            self._pause.wait(TURN_S / 5)
        if self._beacon is not None:
            try:
                self._beacon.close()
            except RelayError as exc:
                log.warning("voice: %s", exc)
        self._prompts.close()
