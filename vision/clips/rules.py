"""How long clips are, and how much memory their pre-roll may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClipRules:
    """Seconds and bytes; the settings `[evidence]` give them. Their ranges are checked there."""

    pre_s: float = 5.0  # before the event, back to the key frame before
    post_s: float = 10.0  # after the vehicle was last seen
    segment_s: float = 60.0  # a longer clip goes on in a further file, from a key frame on
    max_s: float = 600.0  # of one event, all its files together
    ring_bytes: int = 32 * 1024 * 1024
