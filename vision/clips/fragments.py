"""Fragmented MP4 after a crash: how much of a file is whole, and cutting off the rest.

A file is its head (``ftyp``, ``moov``) and then fragments, each a ``moof`` with its ``mdat``. Whatever was
being written when the power went is the last thing in it. Source: ISO/IEC 14496-12, 4.2 and 8.8.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

_HEADER: Final = 8
_LONG_HEADER: Final = 16


@dataclass(frozen=True, slots=True)
class Whole:
    """What of a file is whole."""

    n_bytes: int  # the file may be cut here
    fragments: int  # 0: nothing to see in it
    finished: bool = False  # all was written, the index at the end included


NOTHING: Final = Whole(0, 0)


def boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """(type, offset behind it) of each whole box within ``size`` bytes, up to the first that is not."""
    at = 0
    while at + _HEADER <= size:
        file.seek(at)
        head = file.read(_LONG_HEADER)
        (length,) = struct.unpack_from(">I", head)
        least = _HEADER
        if length == 1 and len(head) == _LONG_HEADER:
            (length,) = struct.unpack_from(">Q", head, _HEADER)
            least = _LONG_HEADER
        if length < least or at + length > size:  # 0 stands for "up to the end": nobody writes that here
            return
        at += length
        yield head[4:8], at


def whole_part(path: Path) -> Whole:
    """How much of a fragmented MP4 is whole. Raises: OSError."""
    with path.open("rb") as file:
        end, fragments, before, moov, finished = 0, 0, b"", False, False
        for kind, after in boxes(file, os.fstat(file.fileno()).st_size):
            moov = moov or kind == b"moov"
            if kind == b"mdat" and before == b"moof" and moov:
                end, fragments = after, fragments + 1
            elif kind == b"mfra" and fragments:
                end, finished = after, True
            before = kind
        return Whole(end, fragments, finished)


def cut_to_whole(path: Path) -> Whole:
    """Cut off what is not whole; the file is not synced. Raises: OSError."""
    whole = whole_part(path)
    if whole.n_bytes < path.stat().st_size:
        os.truncate(path, whole.n_bytes)
    return whole
