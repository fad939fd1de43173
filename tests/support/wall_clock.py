"""A wall clock of a test's own for the programs that it starts; that of the machine stays as it is."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


class WallClock:
    """Compiled when made. Args: folder: an empty one. Raises: OSError where there is no C compiler."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._library, self._file = folder / "wall_clock.so", folder / "moved"
        self.jump_to(0)
        command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(self._library), str(SOURCE), "-ldl"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError as exc:
            raise OSError("a wall clock of one's own needs a C compiler (cc)") from exc
        if done.returncode:
            raise OSError(f"the wall clock could not be compiled: {done.stderr}")

    @property
    def env(self) -> Mapping[str, str]:
        """For the environment of what shall go by this clock."""
        return {"LD_PRELOAD": str(self._library), "WALL_CLOCK_FILE": str(self._file)}

    def jump_to(self, seconds: int) -> None:
        """Set it to so many seconds away from the true time, for all at once."""
        with self._file.open("r+b" if self._file.exists() else "w+b") as file:
            file.write(struct.pack("=q", seconds))
