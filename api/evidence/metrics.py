"""The sweeper's figures for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from api.evidence.sweeper import Figures


class EvidenceMetrics:
    """Gauges in the registry of guard."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, what: str, *labels: str) -> Gauge:
            return Gauge(f"liftguard_evidence_{name}", what, labels, registry=registry)

        self._used = gauge("bytes", "Room that the evidence takes up", "elevator")
        self._locked = gauge("locked_bytes", "Of that, evidence of locked events", "elevator")
        self._files = gauge("files", "Evidence files on the disk", "elevator")
        self._oldest = gauge("oldest_timestamp_seconds", "Time of the oldest evidence", "elevator")
        self._free = gauge("disk_free_bytes", "Free space on the disk of the evidence")
        self._trouble = gauge("trouble_files", "Files missing, damaged or not made", "state")
        self._evicted = gauge("evicted_files", "Files deleted since guard started", "cause")
        self._over = gauge("over_limits", "1 while the limits do not hold though nothing more may go")
        self._ok = gauge("sweep_ok", "1 while old evidence can be looked for and deleted")

    def set(self, figures: Figures) -> None:
        """Take over what the sweeper knows now. After a failed turn the last good figures stay."""
        self._ok.set(figures.ok)
        for cause in ("age", "elevator", "box", "disk"):
            self._evicted.labels(cause).set(figures.evicted.get(cause, 0))
        if figures.free_bytes is None:
            return
        self._free.set(figures.free_bytes)
        self._over.set(figures.over)
        for usage in figures.usage:
            self._used.labels(usage.elevator_id).set(usage.used_bytes)
            self._locked.labels(usage.elevator_id).set(usage.locked_bytes)
            self._files.labels(usage.elevator_id).set(usage.files)
            if usage.oldest_at is not None:
                self._oldest.labels(usage.elevator_id).set(usage.oldest_at.timestamp())
        for state, count in figures.troubles.items():
            self._trouble.labels(state).set(count)
