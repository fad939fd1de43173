"""The hold loop: its own thread and timer ask `step` what to do and do it, whatever the camera does."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from hardware.hold import Decision, HoldRules, Inputs, OpenEvent, Phase, Signal, initial, step
from hardware.relay import Relay
from hardware.slot import PresenceSlot
from hardware.watchdog import Heartbeat, NoHeartbeat
from vision.types import Clock

log = logging.getLogger(__name__)

LATE_S: Final = 0.5  # a tick this long after the last is a missed one; ten periods at 20 Hz
RECOVER_S: Final = 1.0  # good ticks needed after a failure before the door may be held again
RELEASE_S: Final = (1.0, 24 * 3600.0)  # range of a remote release


@dataclass(frozen=True, slots=True)
class ControllerState:
    """One consistent look at the controller, for pages and health checks."""

    decision: Decision
    phase_since_s: float
    healthy: bool
    detail: str  # why not healthy; empty if healthy
    inhibit_reason: str | None
    open_event: OpenEvent | None
    seen_s: float  # capture time of the newest presence that was acted on; -inf before the first
    missed_ticks: int
    failures: int
    released_for_s: float | None = None  # what is left of a remote release


class HoldController:
    """Turns presence and inputs into relay positions, 20 times a second.

    Args:
        relay: released at start; the controller releases it in `stop` but does not close it.
        rules: how long a hold may last.
        slot: where vision puts the latest presence.
        read_inputs: the inhibiting inputs at this moment; must not block.
        clock: the clock that stamps `Presence.t_s`.
        on_signal: told every `Signal`, in order, on the hold thread, after the relay is set. It must neither
            block nor raise: put the signal into a queue and return.
        tick_hz: ticks per second.
        heartbeat: told of every tick that went well, and of every other one; see `hardware.watchdog`.
    """

    def __init__(
        self,
        relay: Relay,
        rules: HoldRules,
        slot: PresenceSlot,
        *,
        read_inputs: Callable[[], Inputs],
        clock: Clock,
        on_signal: Callable[[Signal], None],
        tick_hz: float = 20.0,
        heartbeat: Heartbeat | None = None,
    ) -> None:
        if not 5.0 <= tick_hz <= 200.0:
            raise ValueError(f"tick_hz is {tick_hz!r}: use 5 to 200 ticks a second")
        self._relay = relay
        self._rules = rules
        self._slot = slot
        self._read_inputs = read_inputs
        self._clock = clock
        self._on_signal = on_signal
        self._heartbeat = heartbeat or NoHeartbeat()
        self._period_s = 1.0 / tick_hz
        self._lock = threading.Lock()  # guards what other threads read and write: the fields below it
        now_s = clock()
        self._hold = initial(now_s)
        self._decision = Decision(False, False, Phase.BLIND, now_s)
        self._inhibit_reason: str | None = None
        self._release_until_s: float | None = None
        self._last_s: float | None = None  # latest attempt at a tick
        self._started_s = now_s
        self._recovering = 0  # good ticks still needed after the latest failure
        self._recover_ticks = math.ceil(RECOVER_S * tick_hz)
        self._detail = ""
        self._missed = 0
        self._failures = 0
        self._stop = threading.Event()
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None

    def tick(self, now_s: float) -> Decision:
        """One tick: inputs, presence, step, relay, then everything else. Lets every error through.

        Inputs that cannot be read inhibit. State and signals go on even if the relay fails, so that an event
        does not stay open behind a dead relay.
        """
        inputs = Inputs(fault=True)
        try:
            inputs = self._read_inputs()
        finally:
            decision = self._act(inputs, now_s)
        return decision

    def _act(self, inputs: Inputs, now_s: float) -> Decision:
        with self._lock:
            if self._release_until_s is not None and now_s >= self._release_until_s:
                self._release_until_s = None
            inputs = replace(
                inputs,
                remote_release=inputs.remote_release or self._release_until_s is not None,
                fault=inputs.fault or self._recovering > 0,
            )
        hold, decision = step(self._hold, self._slot.get(), inputs, now_s, self._rules)
        try:
            self._relay.set(decision.energise and not self._stop.is_set())
        finally:
            with self._lock:
                self._hold, self._decision, self._inhibit_reason = hold, decision, inputs.inhibit_reason
            self._tell(decision.signals)
        return decision

    def _tell(self, signals: tuple[Signal, ...]) -> None:
        """Give every signal to the listener, also after one that it failed on; then let its error through."""
        failed: Exception | None = None
        for signal in signals:
            try:
                self._on_signal(signal)
            except Exception as exc:  # noqa: BLE001  raised below: the event must not be lost for another signal
                failed = failed or exc
        if failed is not None:
            raise failed

    def run_once(self, now_s: float) -> None:
        """One turn of the loop: a tick, and what must happen when it fails or comes late."""
        with self._lock:
            late_s = 0.0 if self._last_s is None else now_s - self._last_s
            self._last_s = now_s
            self._missed += late_s > LATE_S
        if late_s > LATE_S:
            log.warning("the hold loop came %.2f s after its last tick", late_s)
        try:
            self.tick(now_s)
            self._beat()
        except Exception as exc:  # noqa: BLE001  the loop must go on, or the door could stay held
            self._failed(exc)
        else:
            self._recover()

    def _beat(self) -> None:
        if self._recovering or self._stop.is_set():
            self._heartbeat.rest()
        else:
            self._heartbeat.beat()

    def _failed(self, exc: Exception) -> None:
        with self._lock:
            first = self._recovering == 0
            self._recovering = self._recover_ticks
            self._detail = f"{type(exc).__name__}: {exc}"
            self._failures += 1
        if first:  # log changes, not ticks
            log.error("the hold loop failed; the door is let go until it works again", exc_info=exc)
        self._let_go()

    def _recover(self) -> None:
        if self._recovering == 0:
            return
        with self._lock:
            self._recovering -= 1
            recovered = self._recovering == 0
            if recovered:
                self._detail = ""
        if recovered:
            log.warning("the hold loop works again")

    def _let_go(self) -> None:
        try:
            self._relay.set(False)
        except Exception as exc:  # noqa: BLE001  the loop must go on; counted by whoever called, tried again
            log.debug("the relay did not let go: %s", exc)
        try:
            self._heartbeat.rest()
        except Exception as exc:  # noqa: BLE001  a level that stays is no edge: the charge pump lets go
            log.debug("the watchdog output did not go low: %s", exc)

    def release(self, reason: str, for_s: float = 30.0) -> None:
        """Let the door go now and hold nothing for ``for_s`` seconds. Thread-safe, from any thread.

        The vehicle that is there when it ends is not held either while it stays.
        """
        low_s, high_s = RELEASE_S
        if not low_s <= for_s <= high_s:
            raise ValueError(f"release for {for_s!r} s: use {low_s:g} to {high_s:g} s")
        with self._lock:
            self._release_until_s = self._clock() + for_s
        self.wake()
        log.info("the door is released for %.0f s: %s", for_s, reason)

    def wake(self) -> None:
        """Tick now, besides the timer: an input has changed. Thread-safe, never blocks."""
        self._woken.set()

    def rearm(self) -> None:
        """End a remote release early. Thread-safe."""
        with self._lock:
            self._release_until_s = None
        self.wake()

    @property
    def silent_s(self) -> float | None:
        """Seconds since the loop last began a tick; None before `start` and once it was asked to stop.

        Takes no lock, so that it tells of a loop that hangs with the lock in its hand.
        """
        if self._thread is None or self._stop.is_set():
            return None
        last_s = self._last_s
        return self._clock() - (self._started_s if last_s is None else last_s)

    @property
    def healthy(self) -> bool:
        """No failure in the last second, and (once started) the loop ticks."""
        return self.state.healthy

    @property
    def state(self) -> ControllerState:
        """A consistent snapshot. Thread-safe; never touches the relay."""
        now_s = self._clock()
        with self._lock:
            detail = self._detail
            started = self._thread is not None and not self._stop.is_set()
            if not detail and started and self._last_s is not None and now_s - self._last_s > LATE_S:
                detail = f"the hold loop has not ticked for {now_s - self._last_s:.1f} s"
            return ControllerState(
                self._decision,
                self._hold.since_s,
                not detail,
                detail,
                self._inhibit_reason,
                self._hold.event,
                self._hold.newest_s,
                self._missed,
                self._failures,
                None if self._release_until_s is None else max(0.0, self._release_until_s - now_s),
            )

    def start(self) -> None:
        """Start the loop on its own thread."""
        if self._thread is not None:
            raise RuntimeError("the hold controller was started before: make a new one")
        self._started_s = self._clock()
        self._thread = threading.Thread(target=self._loop, name="hold", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """End the loop and release the relay; idempotent. An open event stays open: its owner closes it.

        Raises: RelayError if the relay did not let go.
        """
        if self._stop.is_set():
            return
        self._stop.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
        self._relay.set(False)

    def _loop(self) -> None:
        due_s = self._clock()
        try:
            while not self._stop.is_set():
                now_s = self._clock()
                self._woken.clear()  # before the tick: what changes during it is looked at again
                self.run_once(now_s)
                if now_s >= due_s:  # not woken early
                    due_s = max(due_s + self._period_s, now_s)  # late: go on from here, do not catch up
                self._woken.wait(max(0.0, due_s - self._clock()))
        finally:
            self._let_go()
