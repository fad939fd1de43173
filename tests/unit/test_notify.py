"""What systemd hears, on a real datagram socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.notify import Notifier


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(20.0)
        yield sock


def test_it_says_what_the_protocol_asks_for(systemd: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": systemd.getsockname(), "WATCHDOG_USEC": "10000000"})
    notifier.ready()
    notifier.alive()
    notifier.status("car-1\nHOLDING")
    notifier.stopping()
    heard = [systemd.recv(4096) for _ in range(4)]
    assert heard == [b"READY=1", b"WATCHDOG=1", b"STATUS=car-1 HOLDING", b"STOPPING=1"]
    assert notifier.watchdog_s == 10.0


def test_an_at_sign_is_the_abstract_namespace() -> None:
    name = f"liftguard-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + name)
        sock.settimeout(20.0)
        Notifier({"NOTIFY_SOCKET": "@" + name}).ready()
        assert sock.recv(100) == b"READY=1"


def test_without_systemd_nothing_happens() -> None:
    notifier = Notifier({})
    notifier.ready()
    assert notifier.watchdog_s is None


@pytest.mark.parametrize(
    "env", [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "5", "WATCHDOG_PID": "1"}]
)
def test_a_watchdog_for_nobody_or_another_process_is_none(env: dict[str, str]) -> None:
    assert Notifier({"NOTIFY_SOCKET": "/nowhere", **env}).watchdog_s is None


def test_a_watchdog_for_this_process_is_taken() -> None:
    env = {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "2500000", "WATCHDOG_PID": str(os.getpid())}
    assert Notifier(env).watchdog_s == 2.5


def test_a_socket_that_is_gone_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    notifier.alive()
    notifier.alive()
    assert caplog.text.count("systemd could not be told") == 1


def test_a_full_socket_does_not_block(systemd: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": systemd.getsockname()})
    for _ in range(5000):  # more than any socket's queue takes; a call that blocks would never return
        notifier.alive()
    assert systemd.recv(100) == b"WATCHDOG=1"
