"""Cameras that misbehave below the level of any protocol: they say nothing, or rubbish."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self


class FakeCamera:
    """Accepts TCP connections on loopback and keeps them open.

    Args:
        answer: sent over and over on every connection; empty: never a byte.
        greeting: sent once, before that.
    """

    def __init__(self, answer: bytes = b"", greeting: bytes = b"") -> None:
        self._answer = answer
        self._greeting = greeting
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"rtsp://127.0.0.1:{self.port}/cam"
        self.accepted = 0
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._open.append(connection)
            if self._answer:
                thread = threading.Thread(target=self._babble, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _babble(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.sendall(self._greeting)
            while True:
                connection.sendall(self._answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in self._threads:
            thread.join(5)
