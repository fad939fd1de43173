"""The ring's figures for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from vision.clips.ring import PacketRing


class ClipMetrics:
    """Gauges in the registry of guard, read when somebody asks."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._bytes = Gauge(
            "liftguard_clip_ring_bytes",
            "Memory of what came before an event",
            ("elevator",),
            registry=registry,
        )
        self._dropped = Gauge(
            "liftguard_clip_packets_dropped",
            "Encoded pictures that could not be kept: too many bytes, or no key frame before them",
            ("elevator",),
            registry=registry,
        )

    def watch(self, elevator_id: str, ring: PacketRing) -> None:
        """Show this elevator's ring from now on."""
        self._bytes.labels(elevator_id).set_function(lambda: ring.n_bytes)
        self._dropped.labels(elevator_id).set_function(lambda: ring.dropped)
