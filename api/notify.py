"""Tells systemd how guard is: the datagrams of sd_notify(3), nothing else.

The protocol is one datagram of ``NAME=value`` lines to the Unix socket named in ``$NOTIFY_SOCKET``; a leading
``@`` stands for the abstract namespace. ``$WATCHDOG_USEC`` is how long systemd waits for the next
``WATCHDOG=1``, and is meant for the process in ``$WATCHDOG_PID``.
Sources: https://www.freedesktop.org/software/systemd/man/sd_notify.html and sd_watchdog_enabled.html
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

log = logging.getLogger(__name__)


class Notifier:
    """Sends to systemd, or to nobody where no systemd started this process. Never raises, never blocks."""

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        env = os.environ if env is None else env
        address = env.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_s = _watchdog_s(env) if address else None
        """Longest time between two `alive`; None where nobody waits for them."""
        self._failed = False

    def ready(self) -> None:
        """Everything is started."""
        self._send("READY=1")

    def alive(self) -> None:
        """All is well at this moment. systemd ends and restarts a process that stops saying so."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send("STATUS=" + " ".join(text.split()))

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.setblocking(False)
                sock.sendto(message.encode(), self._address)
        except OSError as exc:
            if not self._failed:
                log.warning("systemd could not be told %r: %s; NotifyAccess= may be missing", message, exc)
            self._failed = True
        else:
            self._failed = False


def _watchdog_s(env: Mapping[str, str]) -> float | None:
    for_us, pid = env.get("WATCHDOG_USEC", ""), env.get("WATCHDOG_PID", "")
    if not for_us.isdecimal() or int(for_us) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(for_us) / 1e6
