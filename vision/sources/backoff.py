"""How long to wait before the next attempt to connect."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential back-off with full jitter.

    The wait before retry ``n`` (from 0) is drawn evenly from ``[0, min(cap_s, base_s * 2**n)]``, so that a
    building full of boxes does not knock on a rebooted recorder in step. Source: M. Brooker, "Exponential
    Backoff And Jitter", AWS Architecture Blog, 2015. The cap is short because an elevator without a camera is
    unguarded, and a local camera bears one attempt every few seconds.
    """

    base_s: float = 0.5
    cap_s: float = 10.0

    def __post_init__(self) -> None:
        if not (0 < self.base_s <= self.cap_s and math.isfinite(self.cap_s)):
            raise ValueError(
                f"back-off needs 0 < base_s <= cap_s, finite; got {self.base_s} and {self.cap_s}"
            )

    def ceiling_s(self, attempt: int) -> float:
        """The longest wait before retry ``attempt`` (from 0), in seconds."""
        if attempt < 0:
            raise ValueError(f"attempts count from 0; got {attempt}")
        doublings_to_cap = math.log2(self.cap_s / self.base_s)
        return self.cap_s if attempt >= doublings_to_cap else self.base_s * 2.0**attempt

    def delay_s(self, attempt: int, rng: Random) -> float:
        """The wait before retry ``attempt`` (from 0), in seconds, drawn from ``rng``."""
        return rng.uniform(0.0, self.ceiling_s(attempt))
