"""A disk of a few megabytes that tests can fill and make read-only."""

from __future__ import annotations

import subprocess
from pathlib import Path


class SmallDisk:
    """A file system of its own in memory, which can be filled and made read-only."""

    def __init__(self, at: Path, size: str = "8m") -> None:
        self.at = at
        at.mkdir()
        self._mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(at))

    def _mount(self, *options: str) -> None:
        done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(f"no file system can be mounted here (are you root?): {done.stderr.strip()}")

    def read_only(self, yes: bool) -> None:
        self._mount("-o", f"remount,{'ro' if yes else 'rw'}", str(self.at))

    def fill(self) -> None:
        try:
            with (self.at / "filler").open("wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 4096)
        except OSError:
            pass

    def empty(self) -> None:
        (self.at / "filler").unlink()

    def gone(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.at)], check=False)
