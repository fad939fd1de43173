"""The relay: a normally open dry contact across the door-open button. Energised holds, all else lets go.

`hardware.relay_gpio`, `hardware.relay_modbus` and `hardware.relay_serial` drive real ones.
"""

from __future__ import annotations

from typing import Protocol

from vision.errors import RelayError


class Relay(Protocol):
    """What the hold needs of a relay. Thread-safe. Released at start, and released for ever after `close`."""

    def set(self, energised: bool) -> None:
        """Energise or release; idempotent. `RelayError` if the relay is closed or did not follow."""
        ...

    def close(self) -> None:
        """Release and free the pin; idempotent."""
        ...

    @property
    def energised(self) -> bool:
        """Read back from the pin, not remembered; False once closed. `RelayError` if it cannot be read."""
        ...


class FakeRelay:
    """A relay in memory, for tests, replays and kind A.

    ``states`` lists every level it has had, first to last. ``fail`` makes `set` raise and keeps the level, as
    a relay does whose driver is gone.
    """

    def __init__(self) -> None:
        self.states = [False]
        self.closed = False
        self.fail = False

    def set(self, energised: bool) -> None:
        """See `Relay.set`."""
        if self.closed:
            raise RelayError("the relay is closed: open a new one")
        if self.fail:
            raise RelayError(f"cannot set the relay to {energised}: told to fail")
        self._record(energised)

    @property
    def energised(self) -> bool:
        """See `Relay.energised`."""
        return self.states[-1]

    def close(self) -> None:
        """See `Relay.close`."""
        self.closed = True
        self._record(False)

    def _record(self, energised: bool) -> None:
        if energised is not self.states[-1]:
            self.states.append(energised)
