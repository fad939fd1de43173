"""The local link between guard and web: ZeroMQ over Unix sockets in a folder of its own.

Guard publishes what is now (state, metrics, live frames) and never waits for anyone: a slow subscriber misses
messages, and no frame is wanted while nobody looks. Commands travel the other way, one reply each.
Both sides may start, stop and crash in any order.

Messages on ``guard-live.sock``, parts of one ZeroMQ message:

- ``state``, GuardState as JSON
- ``metrics``, Prometheus text
- ``frame <id>\\0``, LiveFrameInfo as JSON, JPEG

On ``guard-commands.sock``: request number, deadline (monotonic seconds here), a command as JSON.
The answer: request number, ReleaseReply as JSON.
"""

from __future__ import annotations

import fcntl
import logging
import math
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TextIO

import zmq
from pydantic import ValidationError

from api.live import COMMAND, Command, GuardState, LiveFrameInfo, ReleaseReply
from vision.errors import LinkError
from vision.types import Clock

log = logging.getLogger(__name__)

LIVE: Final = "guard-live.sock"
COMMANDS: Final = "guard-commands.sock"
STATE: Final = b"state"
METRICS: Final = b"metrics"

MAX_PATH: Final = 107
"""Bytes of a Unix socket's path on Linux: 108 with the closing NUL, see unix(7)."""
MAX_COMMAND: Final = 16 * 1024
"""Bytes of one part of a command. A ReleaseRequest has at most 740 characters, under 9 KB as escaped JSON."""
MAX_MESSAGE: Final = 8 * 1024 * 1024
"""Bytes that web takes from guard in one part; a live JPEG has a few hundred KB."""
QUEUE: Final = 4
"""Messages kept for one subscriber; what comes after is dropped, the next state follows at once."""


def frame_topic(elevator_id: str) -> bytes:
    """Subscriptions match by prefix, so the id is closed by a NUL: ``car-1`` must not match ``car-10``."""
    return b"frame " + elevator_id.encode() + b"\0"


def socket_address(run_dir: Path, name: str) -> str:
    """The ZeroMQ address of a socket. Raises: LinkError if a Unix socket cannot have such a long path."""
    path = run_dir.absolute() / name
    length = len(os.fsencode(path))
    if length > MAX_PATH:
        raise LinkError(
            f"the socket path {path} has {length} bytes, a Unix socket takes {MAX_PATH}; "
            "set data_dir to a shorter path"
        )
    return f"ipc://{path}"


class GuardLink:
    """Guard's side. Methods may be called from any thread; none of them waits, except `poll_commands`.

    Args: run_dir: folder of the sockets, made with mode 0700. clock: monotonic seconds, as web's.
    Raises: LinkError if the folder or the sockets cannot be used, or another guard uses them.
    """

    def __init__(self, run_dir: Path, *, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._mutex = threading.Lock()  # a ZeroMQ socket belongs to one thread at a time
        self._commands_mutex = threading.Lock()
        self._wanted: set[bytes] = set()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self.invalid_commands = 0
        live, commands = socket_address(run_dir, LIVE), socket_address(run_dir, COMMANDS)
        self._lock_file = _claim(run_dir)
        self._context = zmq.Context()
        try:
            self._live = self._context.socket(zmq.XPUB)
            self._live.set(zmq.SNDHWM, QUEUE)
            self._live.set(zmq.LINGER, 0)
            self._live.set(zmq.MAXMSGSIZE, 1024)  # what comes in are subscriptions
            self._live.bind(live)
            self._commands = self._context.socket(zmq.ROUTER)
            self._commands.set(zmq.RCVHWM, 16)
            self._commands.set(zmq.SNDHWM, 16)
            self._commands.set(zmq.LINGER, 0)
            self._commands.set(zmq.MAXMSGSIZE, MAX_COMMAND)
            self._commands.bind(commands)
        except zmq.ZMQError as exc:
            self._context.destroy(linger=0)
            self._lock_file.close()
            raise LinkError(f"cannot open the sockets in {run_dir}: {exc}; see data_dir") from exc

    def publish_state(self, state: GuardState) -> None:
        """Say what is now; a few times a second, and at once on a change of phase."""
        self._publish([STATE, state.model_dump_json().encode()])

    def publish_metrics(self, text: str) -> None:
        """Prometheus text of guard, every few seconds."""
        self._publish([METRICS, text.encode()])

    def publish_frame(self, info: LiveFrameInfo, jpeg: bytes) -> None:
        """A live picture. Ask `frames_wanted` before encoding one."""
        self._publish([frame_topic(info.elevator_id), info.model_dump_json().encode(), jpeg])

    def frames_wanted(self, elevator_id: str) -> bool:
        """Somebody is looking at this elevator."""
        with self._mutex:
            self._take_subscriptions()
            return frame_topic(elevator_id) in self._wanted

    def poll_commands(self, handler: Callable[[Command], ReleaseReply], timeout_s: float = 0.0) -> int:
        """Answer the commands that are waiting, at most 16, after waiting up to ``timeout_s`` for the first.

        ``handler`` runs in the calling thread. A command that is not understood, or whose sender has given up
        waiting, is answered with ``accepted=False`` and never reaches it. Returns: commands handled.
        """
        handled = 0
        with self._commands_mutex:
            if self._closed.is_set() or not self._commands.poll(round(timeout_s * 1000)):
                return 0
            for _ in range(16):
                try:
                    peer, *parts = self._commands.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                reply, valid = self._answer(parts, handler)
                handled += valid
                number = parts[0][:64] if parts else b""
                try:
                    self._commands.send_multipart(
                        [peer, number, reply.model_dump_json().encode()], zmq.NOBLOCK
                    )
                except zmq.ZMQError:  # the asker is gone or does not read; the command itself is done
                    log.debug("nobody took the answer to a command")
        return handled

    def serve_commands(self, handler: Callable[[Command], ReleaseReply]) -> None:
        """Answer commands on a daemon thread until `close`. ``handler`` runs on that thread."""

        def serve() -> None:
            while not self._closed.is_set():
                try:
                    self.poll_commands(handler, timeout_s=0.2)
                except Exception:
                    # A broken command must not end the road for the next manager who wants the door.
                    log.exception("answering a command failed; going on")
                    self._closed.wait(0.2)

        self._thread = threading.Thread(target=serve, name="link-commands", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop and free the sockets. Idempotent."""
        self._closed.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)
        with self._mutex, self._commands_mutex:
            if self._context.closed:
                return
            self._live.close(linger=0)
            self._commands.close(linger=0)
            self._context.destroy(linger=0)
            self._lock_file.close()

    def _publish(self, parts: list[bytes]) -> None:
        with self._mutex:
            if self._closed.is_set():
                return
            self._take_subscriptions()
            # XPUB drops for a subscriber whose queue is full, it does not wait (ZMQ_XPUB_NODROP is off).
            self._live.send_multipart(parts, zmq.NOBLOCK)

    def _take_subscriptions(self) -> None:
        if self._closed.is_set():
            return
        while True:
            try:
                message = self._live.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            if message[:1] == b"\1":
                self._wanted.add(message[1:])
            elif message[:1] == b"\0":
                self._wanted.discard(message[1:])

    def _answer(
        self, parts: list[bytes], handler: Callable[[Command], ReleaseReply]
    ) -> tuple[ReleaseReply, bool]:
        try:
            _number, deadline, body = parts
            deadline_s = float(deadline)
            if not math.isfinite(deadline_s):
                raise ValueError("the deadline is not a finite number")  # noqa: TRY301 - answered below
            request = COMMAND.validate_json(body)
        except (ValueError, ValidationError) as exc:
            self.invalid_commands += 1
            log.warning("a command was not understood (%d so far)", self.invalid_commands)
            return ReleaseReply(accepted=False, detail=f"not understood: {str(exc)[:300]}"), False
        if self._clock() > deadline_s:
            # Guard hung for a while: the person has been told it failed and may have acted otherwise.
            return ReleaseReply(accepted=False, detail="the command came too late"), False
        return handler(request), True


def _claim(run_dir: Path) -> TextIO:
    """Make the folder private and take its lock, so that a second guard cannot steal the sockets."""
    try:
        run_dir.mkdir(parents=True, exist_ok=True, mode=stat.S_IRWXU)
        owner = run_dir.stat().st_uid
        if owner == os.geteuid():
            run_dir.chmod(stat.S_IRWXU)
            lock_file = (run_dir / "guard.lock").open("a")
    except OSError as exc:
        raise LinkError(f"cannot use the folder {run_dir} for the sockets: {exc}; see data_dir") from exc
    if owner != os.geteuid():
        raise LinkError(
            f"the folder {run_dir} belongs to user {owner}, guard runs as {os.geteuid()}; "
            "remove it, or set data_dir"
        )
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        lock_file.close()
        raise LinkError(
            f"another guard is running with {run_dir}; stop it first, or give this one another data_dir"
        ) from exc
    return lock_file
