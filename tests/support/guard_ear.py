"""What guard itself says on the local link: heard without web, which may take its time on a busy machine."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Mapping
from datetime import datetime

import zmq

from api.link import LIVE, STATE, socket_address
from api.live import Command, GuardState, ReleaseReply
from api.load import load_settings
from api.run_dir import current_run_dir, spare_run_dir
from api.web_link import WebLink
from tests.support.waiting import GENEROUS_S

RECONNECT_MS = 20
FRESH_S = 1.0
"""Guard speaks five times a second; what it said longer ago is not the present."""


class GuardEar:
    """Listens on a thread of its own from `start` to `stop`, whatever becomes of guard meanwhile.

    Args: env: the environment with guard's settings.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._settings = load_settings(env=env)
        self._heard: tuple[float, GuardState] | None = None  # monotonic seconds, what was said
        self.phases: set[str] = set()
        """Every phase of any elevator that guard has said; may be cleared."""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="guard-ear", daemon=True)

    def start(self) -> None:
        """Begin to listen; guard need not be there yet."""
        self._thread.start()

    def stop(self) -> None:
        """End. Idempotent."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(GENEROUS_S)

    @property
    def silent_s(self) -> float:
        """Seconds since guard said anything; endless before its first word."""
        return float("inf") if self._heard is None else time.monotonic() - self._heard[0]

    def last(self) -> GuardState | None:
        """What guard said last, however long ago."""
        return None if self._heard is None else self._heard[1]

    def at(self) -> datetime:
        """The wall time at which guard said it. Raises: AssertionError before its first word."""
        state = self.last()
        assert state is not None, "guard has not said anything yet"
        return state.at

    def phase(self, number: int = 0) -> str:
        """The phase of an elevator now; empty while guard is silent."""
        state = self.last()
        return str(state.elevators[number].phase) if state and self.silent_s < FRESH_S else ""

    def tell(self, command: Command) -> ReleaseReply:
        """Give guard a command, as web does. Raises: LinkError if it does not answer."""

        async def told() -> ReleaseReply:
            link = WebLink(current_run_dir(self._settings))
            async with link.running():
                return await link.command(command, GENEROUS_S)

        return asyncio.run(told())

    def _listen(self) -> None:
        with zmq.Context() as context, context.socket(zmq.SUB) as socket:
            socket.set(zmq.LINGER, 0)
            socket.set(zmq.RECONNECT_IVL, RECONNECT_MS)
            socket.subscribe(STATE)
            for folder in (self._settings.run_dir, spare_run_dir(self._settings)):
                socket.connect(socket_address(folder, LIVE))
            while not self._over.is_set():
                if socket.poll(100):
                    with contextlib.suppress(ValueError):
                        _topic, body = socket.recv_multipart()
                        state = GuardState.model_validate_json(body)
                        self._heard = (time.monotonic(), state)
                        self.phases |= {str(elevator.phase) for elevator in state.elevators}
