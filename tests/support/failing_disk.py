"""A disk that fails while it is in use: the kernel makes it read-only under open files, as it does with a
memory card that has worn out (ext4's ``errors=remount-ro``).
"""

from __future__ import annotations

import filecmp
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.waiting import eventually

ERRORS = Path("/sys/fs/ext4")
SIZE = "32M"
TRIES = 20


class FailingDisk:
    """An ext4 file system in a file. Needs root and loop devices. Raises: OSError where there are none."""

    def __init__(self, at: Path) -> None:
        self.at = at
        self._image = at.with_name(f"{at.name}.img")
        at.mkdir()
        _run("truncate", "--size", SIZE, str(self._image))
        _run("mkfs.ext4", "-q", "-F", str(self._image))
        self._mount()

    def fail(self) -> None:
        """From here on nothing can be written, by whoever has a file open too."""
        device = Path(_run("findmnt", "--noheadings", "--output", "SOURCE", str(self.at)).strip()).name
        (ERRORS / device / "trigger_fs_error").write_text("played by a test", "utf-8")

    def after_restart(self) -> None:
        """As the box finds it after a restart: checked, and writable again. Nothing may use it now."""
        # Busy until the last process that was killed is gone for good.
        eventually(lambda: _tried("umount", str(self.at)).returncode == 0, what=f"{self.at} to be left alone")
        done = _tried("fsck.ext4", "-p", str(self._image))
        if done.returncode > 1:  # 1: errors were corrected (fsck(8))
            raise OSError(f"the disk could not be mended: {done.stdout}{done.stderr}")
        self._mount()

    @contextmanager
    def after_power_cut(self, at: Path) -> Iterator[Path]:
        """What a power cut at this moment leaves, at ``at``: what had reached the disk and not what waited in
        memory for it. The disk itself goes on. Nobody may write meanwhile (stop who does).
        """
        copy = at.with_name(f"{at.name}.img")
        for _ in range(TRIES):  # what the kernel writes by itself must not fall into the middle of it
            shutil.copyfile(self._image, copy)
            if filecmp.cmp(self._image, copy, shallow=False):
                break
        else:
            raise OSError(f"{self._image} does not come to rest")
        at.mkdir()
        _run("mount", "-o", "loop", str(copy), str(at))
        try:
            yield at
        finally:
            _tried("umount", "--lazy", str(at))
            copy.unlink()

    def gone(self) -> None:
        """Take it away. Idempotent."""
        _tried("umount", "--lazy", str(self.at))
        self._image.unlink(missing_ok=True)

    def _mount(self) -> None:
        _run("mount", "-o", "loop,errors=remount-ro", str(self._image), str(self.at))


def _tried(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as exc:
        raise OSError(f"{command[0]} is missing here") from exc


def _run(*command: str) -> str:
    done = _tried(*command)
    if done.returncode:
        raise OSError(f"{command[0]}: {done.stderr.strip()} (are you root?)")
    return done.stdout
