"""A real MQTT broker on loopback, with a user and a password, for as long as a test needs it."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.waiting import eventually
from tests.support.whole import free_port

USER, PASSWORD = "liftguard", "p a$s=wörd"


class Mosquitto:
    """Starts and stops; the port stays the same."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        secrets = shutil.which("mosquitto_passwd")
        if program is None or secrets is None:
            pytest.skip("Mosquitto is not installed (on Debian: apt install mosquitto)")
        self.port = free_port()
        passwords = folder / "passwords"
        subprocess.run([secrets, "-b", "-c", str(passwords), USER, PASSWORD], check=True, capture_output=True)
        passwords.chmod(0o644)  # it gives up root and must still read it
        folder.chmod(0o755)
        config = folder / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\nuser root\n"
        )
        self._command = [program, "-c", str(config)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it listens."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(self._listens, what="mosquitto to listen")

    def stop(self) -> None:
        """Kill it: its clients notice nothing but a closed connection. Idempotent."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
