"""What comes before sign-in: host names, origins, sizes, headers.

Another web site in the manager's own browser may point its own name at 127.0.0.1 (DNS rebinding: refused by
host name), or send a form, open a WebSocket or embed a picture from its page (refused by origin and content
type; forms of our own pages carry a token besides, `api.accounts.csrf`). It is one ASGI middleware, so that
it covers WebSockets and errors too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import ProblemError

_HOST: Final = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+)(?::\d{1,5})?")
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_FORM: Final = "application/x-www-form-urlencoded"

HEADERS: Final = {
    # Scripts, styles and connections from here only; no frames, plug-ins, inline code or other sites.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self'; "
        "connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Other sites learn nothing; with no-referrer a browser would not say where our own forms come from.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
HSTS: Final = "max-age=31536000"
"""Under TLS: a year without plain HTTP for this host, not for hosts below it (RFC 6797)."""


_RAW: Final = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
_RAW_TLS: Final = [*_RAW, (b"strict-transport-security", HSTS.encode())]
_OURS: Final = frozenset(name for name, _ in _RAW_TLS)


class Protect:
    """ASGI middleware. ``allowed_hosts``: names without port, ``"*"`` allows any. ``max_body``: bytes."""

    def __init__(self, app: ASGIApp, allowed_hosts: Sequence[str], max_body: int) -> None:
        self.app = app
        self._max_body = max_body
        self._hosts = frozenset(name.lower() for name in allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on and add the headers to the answer."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = self._refuse(scope, headers)
        if scope["type"] == "websocket":
            if refused is None:
                await self.app(scope, receive, send)
            else:
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": refused.problem.title})
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _with_ours(message.get("headers", ()), tls=scope["scheme"] == "https")
            await send(message)

        if refused is None:
            await self.app(scope, receive, send_with_headers)
        else:
            await refused.response()(scope, receive, send_with_headers)

    def _refuse(self, scope: Scope, headers: Headers) -> ProblemError | None:
        host = headers.get("host", "")
        match = _HOST.fullmatch(host)
        if match is None or not ("*" in self._hosts or match["name"].lower() in self._hosts):
            return ProblemError(
                400, "forbidden-host", f"the host {host[:100]!r} is not among web.allowed_hosts"
            )
        if scope["type"] == "websocket":
            if "origin" not in headers:
                return ProblemError(403, "forbidden-origin", "a live connection needs an Origin header")
            return _refuse_origin(scope, headers, host)
        if scope["method"] in _SAFE_METHODS:
            # A foreign page cannot read the answer, but its <img> could take up the places for live pictures.
            return _refuse_origin(scope, headers, host) if scope["path"].startswith("/api/") else None
        return _refuse_origin(scope, headers, host) or self._refuse_body(scope, headers)

    def _refuse_body(self, scope: Scope, headers: Headers) -> ProblemError | None:
        """The server holds a body to its stated length, so the headers are all that needs a look."""
        kind = headers.get("content-type", "").partition(";")[0].strip()
        is_form = kind == _FORM and scope["method"] == "POST" and not scope["path"].startswith("/api/")
        if kind != "application/json" and not is_form:
            return ProblemError(415, "wrong-content-type", "send content-type: application/json")
        if scope["method"] not in _WITH_BODY:
            return None
        length = headers.get("content-length", "")
        if not re.fullmatch(r"\d{1,18}", length):
            return ProblemError(411, "length-required", "send a content-length header")
        if int(length) > self._max_body:
            return ProblemError(413, "too-large", f"a body may have {self._max_body} bytes; got {length}")
        return None


def _with_ours(headers: Iterable[tuple[bytes, bytes]], *, tls: bool) -> list[tuple[bytes, bytes]]:
    """The headers of an answer with `HEADERS` in place of any of that name, under TLS with `HSTS`.

    Whoever made the answer may have said how long it may be kept; else it may not be.
    """
    kept = [(name, value) for name, value in headers if name.lower() not in _OURS]
    if not any(name.lower() == b"cache-control" for name, _ in kept):
        kept.append((b"cache-control", b"no-store"))
    return kept + (_RAW_TLS if tls else _RAW)


def _refuse_origin(scope: Scope, headers: Headers, host: str) -> ProblemError | None:
    """Programs send neither header; a browser sends at least one of them with what could do harm."""
    origin = headers.get("origin")
    site = headers.get("sec-fetch-site", "same-origin")
    if site not in {"same-origin", "none"} or (origin is not None and not _same(origin, scope, host)):
        return ProblemError(403, "forbidden-origin", f"the origin {str(origin)[:100]!r} is not this page")
    return None


def _same(origin: str, scope: Scope, host: str) -> bool:
    """Same name and port. The scheme may be https when a proxy in front ends TLS."""
    scheme, _, rest = origin.partition("://")
    own = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
    return rest.lower() == host.lower() and scheme in {own, "https"}
