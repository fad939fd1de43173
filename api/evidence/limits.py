"""From the settings to the limits of retention."""

from __future__ import annotations

from datetime import timedelta

from api.evidence.retention import GIB, Limits
from api.settings import EvidenceSettings


def limits_of(settings: EvidenceSettings) -> Limits:
    """The limits that the settings ask for."""

    def size(gib: float | None) -> int | None:
        return None if gib is None else round(gib * GIB)

    return Limits(
        timedelta(days=settings.keep_days),
        size(settings.elevator_max_gib),
        size(settings.box_max_gib),
        round(settings.min_free_gib * GIB),
    )
