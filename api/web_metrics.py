"""What web counts of itself for Prometheus. Guard's own metrics come over the link as text."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus text format 0.0.4, the one that every scraper understands."""


class WebMetrics:
    """Counters of one application, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "liftguard_web_requests", "Answered requests", ["method", "route", "code"], registry=self.registry
        )
        self.seconds = Histogram(
            "liftguard_web_request_seconds",
            "Time to answer, without streams",
            ["route"],
            buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
            registry=self.registry,
        )
        self.viewers = Gauge(
            "liftguard_web_viewers", "Open live connections", ["kind"], registry=self.registry
        )
        self.guard_up = Gauge(
            "liftguard_web_guard_up", "1: guard is heard, 0: it is silent", registry=self.registry
        )

        # Finding a counter by its labels takes longer than to count; there are as many as there are routes.
        self._answered: dict[tuple[str, str, int], Counter] = {}
        self._took: dict[str, Histogram] = {}

    def answered(self, method: str, route: str, code: int) -> None:
        """Count a request."""
        key = (method, route, code)
        one = self._answered.get(key)
        if one is None:
            one = self._answered[key] = self.requests.labels(method, route, str(code))
        one.inc()

    def took(self, route: str, seconds: float) -> None:
        """Count how long it took."""
        one = self._took.get(route)
        if one is None:
            one = self._took[route] = self.seconds.labels(route)
        one.observe(seconds)

    def text(self) -> str:
        """All of it, in Prometheus text format."""
        return generate_latest(self.registry).decode()


class CountRequests:
    """ASGI middleware that counts each request under its route, so addresses cannot fill the memory."""

    def __init__(self, app: ASGIApp, metrics: WebMetrics) -> None:
        self.app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on and count."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start_s = time.perf_counter()
        code = 500

        async def note(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
                self._metrics.took(_route(scope), time.perf_counter() - start_s)
            await send(message)

        try:
            await self.app(scope, receive, note)
        finally:
            method = scope["method"] if scope["method"] in {"GET", "HEAD", "POST"} else "other"
            self._metrics.answered(method, _route(scope), code)


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", None) or "other"
