"""What the headers of an H.264 picture say, as far as clips need it. Source: ITU-T H.264, 7.3, 7.4, B."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_SPS: Final = 7
_SLICES: Final = frozenset({1, 2, 5})
_PLAYABLE: Final = frozenset({66, 77, 100})  # profile_idc: Baseline, Main, High at 8 bit 4:2:0
"""What every browser plays. High 10, 4:2:2 and 4:4:4 play in some only."""


def headers(annex_b: bytes) -> Iterator[bytes]:
    """The units in front of the first slice, without start codes."""
    start = annex_b.find(b"\0\0\1")
    while start >= 0:
        begin = start + 3
        if begin >= len(annex_b) or annex_b[begin] & 31 in _SLICES:
            return
        start = annex_b.find(b"\0\0\1", begin)
        yield annex_b[begin : start if start >= 0 else len(annex_b)].rstrip(b"\0")


def browsers_play(annex_b: bytes) -> bool:
    """Whether the key frame ``annex_b`` begins a stream that every browser plays."""
    sets = [unit for unit in headers(annex_b) if unit and unit[0] & 31 == _SPS]
    return bool(sets) and all(len(unit) > 1 and unit[1] in _PLAYABLE for unit in sets)
