"""Relays at the far end of a wire: a worker thread talks, so that the hold loop never waits for the board.

A board on a network or a serial port can be slow, silent or gone. `RemoteRelay.set` only says what is wanted;
the worker tells the board, reads it back, and repeats both until told otherwise.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from typing import Final, Protocol

from vision.errors import RelayError
from vision.types import Clock

log = logging.getLogger(__name__)

TIMEOUT_S: Final = 0.2  # longest wait for one answer; 9600 baud boards answer within about 0.03 s
REFRESH_S: Final = 0.25  # the wanted state is written again this often; boards with a fail-safe timer need it
RETRY_S: Final = 0.1  # pause after an exchange that failed
LAPSE_S: Final = 1.0  # energised lapses if the hold loop (20 Hz) has not said it again for this long
SET_WAIT_S: Final = 0.02  # longest that `set` waits for the board; a tick has 0.05 s


class Board(Protocol):
    """One output of a relay board. Used by one thread at a time. Every call ends in bounded time.

    Both `write` and `read` connect by themselves. After a `RelayError` the next call starts with a new
    connection, so that a late answer is never taken for the answer to a later question.
    """

    @property
    def name(self) -> str:
        """What a person calls it, for messages."""
        ...

    def write(self, energised: bool) -> None:
        """Switch the output. RelayError if the board does not say that it did."""
        ...

    def read(self) -> bool | None:
        """The output as the board reports it; None from a board that cannot report. RelayError if silent."""
        ...

    def drop(self) -> None:
        """Forget the connection. Never raises; idempotent."""
        ...


class RemoteRelay:
    """A `hardware.relay.Relay` on a `Board`, kept by a worker thread.

    The relay is *confirmed* when the board has taken the wanted state and reads it back. `set` and
    `energised` raise RelayError when nothing was confirmed for ``stale_s``, and at once when the board reads
    back the opposite of what it was told; they never wait for the board longer than ``wait_s``. The worker
    goes on trying meanwhile, so a release reaches the board as soon as it answers again.

    If nobody has called ``set(True)`` for ``lapse_s``, the worker releases: a hold loop that hangs lets go.

    A board that is silent at the start is no reason to refuse it (box and board may have got power together):
    the relay is made all the same, unconfirmed, and says so through its errors.

    Args:
        board: taken over; dropped by `close`.
        stale_s: see above; at least a few exchanges with the board.
        first_s: how long the constructor waits for the first confirmed release.
        wait_s: see above. Within it, a healthy board has usually followed when `set` returns.
    """

    def __init__(
        self,
        board: Board,
        *,
        stale_s: float,
        first_s: float = 1.0,
        wait_s: float = SET_WAIT_S,
        refresh_s: float = REFRESH_S,
        lapse_s: float = LAPSE_S,
        clock: Clock = time.monotonic,
    ) -> None:
        self.board = board
        self._stale_s = stale_s
        self._wait_s = wait_s
        self._refresh_s = refresh_s
        self._lapse_s = lapse_s
        self._clock = clock
        self._changed = threading.Condition()  # guards every field below it
        self._wanted = False
        self._said_s = clock()  # when `set(True)` was called last
        self._confirmed: bool | None = None  # what the latest good exchange found
        self._confirmed_s = clock()
        self._trouble = "it has not answered yet"
        self._told = False  # its trouble is in the log
        self._lying = False
        self._closed = False
        self._hurry = False  # the worker shall not wait out its pause
        self._thread = threading.Thread(target=self._loop, name="relay", daemon=True)
        self._thread.start()
        atexit.register(self._at_exit)
        self._wait_confirmed(first_s)

    def set(self, energised: bool) -> None:
        """See `Relay.set`."""
        with self._changed:
            if self._closed:
                raise RelayError(f"{self.board.name} is closed: open a new one")
            if energised:
                self._said_s = self._clock()
            self._want(energised)
            late = self._late()
        if not late:  # a board in trouble is not waited for
            self._wait_confirmed(self._wait_s)
        with self._changed:
            self._check(f"is told to be {'energised' if energised else 'released'}")

    @property
    def energised(self) -> bool:
        """See `Relay.energised`: what the board said when it was asked last, at most ``stale_s`` ago."""
        with self._changed:
            if self._closed:
                return False
            self._check("was asked for its state")
            if self._confirmed is None:
                raise RelayError(f"the state of {self.board.name} is not known yet: {self._trouble}")
            return self._confirmed

    def close(self) -> None:
        """See `Relay.close`. RelayError if the board did not confirm its release in ``stale_s``."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._want(False)
            self._hurry = True
            self._changed.notify_all()
        atexit.unregister(self._at_exit)
        self._thread.join(2 * self._stale_s)
        with self._changed:
            released = self._confirmed is False
        if not released:
            raise RelayError(f"{self.board.name} could not be released at the end: {self._trouble}")

    def _at_exit(self) -> None:
        try:
            self.close()
        except RelayError as exc:
            log.error("%s", exc)

    def _want(self, energised: bool) -> None:
        if energised is not self._wanted:
            self._wanted = energised
            self._hurry = True
            self._changed.notify_all()

    def _late(self) -> bool:
        return self._lying or self._clock() - self._confirmed_s > self._stale_s

    def _check(self, doing: str) -> None:
        if self._late():
            age_s = self._clock() - self._confirmed_s
            raise RelayError(
                f"{self.board.name} {doing}: {self._trouble}; nothing confirmed for {age_s:.1f} s. "
                "Check its power, its wiring and the elevator's relay settings"
            )

    def _wait_confirmed(self, timeout_s: float) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or self._lying or self._confirmed is self._wanted, timeout_s
            )

    def _loop(self) -> None:
        deadline_s: float | None = None  # of the release at the end
        while True:
            with self._changed:
                self._hurry = False
                if self._wanted and self._clock() - self._said_s > self._lapse_s:
                    log.warning("%s: the hold loop is silent; released", self.board.name)
                    self._wanted = False
                wanted = self._wanted
                if self._closed:
                    deadline_s = self._clock() + self._stale_s if deadline_s is None else deadline_s
            good = self._exchange(wanted)
            with self._changed:
                done = self._closed and good and not wanted
                if done or (deadline_s is not None and self._clock() > deadline_s):
                    break
                if not self._hurry:
                    self._changed.wait_for(lambda: self._hurry, self._refresh_s if good else RETRY_S)
        self.board.drop()

    def _exchange(self, wanted: bool) -> bool:
        """Tell the board and read it back. Returns whether it did as told, and that is still wanted."""
        trouble, lying = "", False
        with self._changed:
            if self._confirmed is not wanted:
                self._confirmed = None  # from here on nobody knows
        try:
            self.board.write(wanted)
            with self._changed:
                if self._wanted is not wanted:  # no time to look back: there is something newer to say
                    return False
            read = self.board.read()
        except Exception as exc:  # noqa: BLE001  the worker must go on, or nothing could ever be released
            trouble = str(exc) if isinstance(exc, RelayError) else f"{type(exc).__name__}: {exc}"
        else:
            lying = read is not None and read is not wanted
            if lying:
                trouble = f"it was told {wanted} and reads back {read}"
        if trouble:
            self.board.drop()
        with self._changed:
            if bool(trouble) is not self._told:
                self._told = bool(trouble)
                how = f"does not follow: {trouble}" if trouble else "follows again"
                log.warning("%s %s", self.board.name, how)
            self._trouble, self._lying = trouble, lying
            if trouble:
                self._confirmed = None
            else:
                self._confirmed, self._confirmed_s = wanted, self._clock()
            self._changed.notify_all()
        return not trouble


def stale_after(timeout_s: float) -> float:
    """How long a board may confirm nothing before that is an error.

    One lost exchange is forgiven: a refresh, a timeout, a pause, and a timeout's time to do better.
    """
    return REFRESH_S + RETRY_S + 2 * timeout_s
