"""Forms that only our own pages can send, and the cookies they rest on.

Every form carries a token made from the secret in the session's cookie, which no other site can read. Before
sign-in there is no session, so pages with a form set a visitor's cookie in its place.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, cookie_parser
from starlette.responses import Response
from starlette.types import Scope

FIELD: Final = "csrf"
HEADER: Final = "x-csrf-token"
SESSION: Final = "liftguard_session"
VISITOR: Final = "liftguard_visitor"
NEW_VISITOR: Final = "liftguard.new_visitor"
FORM_KEY: Final = "liftguard.form"
"""Where the gate leaves the form token in the ASGI scope."""
MOST_FIELDS: Final = 300


def form_token(secret: str) -> str:
    """The token for the forms of whoever holds this cookie. It tells nothing about the cookie."""
    return hmac.new(secret.encode(), b"liftguard form", hashlib.sha256).hexdigest()


def same(given: str | None, wanted: str) -> bool:
    """Compare in constant time. An empty ``wanted`` is never right."""
    return bool(wanted) and given is not None and hmac.compare_digest(given.encode(), wanted.encode())


def is_tls(scope: Scope) -> bool:
    """Whether the browser came over TLS, to us or to a proxy that we trust (`web.trusted_proxies`)."""
    return scope.get("scheme") in {"https", "wss"}


def cookie_name(scope: Scope, name: str) -> str:
    """Under TLS with the prefix that binds a cookie to host, path and TLS (RFC 6265bis, 4.1.3.2)."""
    return f"__Host-{name}" if is_tls(scope) else name


def cookie(scope: Scope, name: str) -> str | None:
    """What the browser's cookie of that name holds."""
    found = cookie_parser(Headers(scope=scope).get("cookie", "")[:8192]).get(cookie_name(scope, name), "")
    return found if 20 <= len(found) <= 100 else None


def set_cookie(response: Response, scope: Scope, name: str, value: str, max_age_s: int) -> None:
    """Set a cookie that scripts cannot read and other sites cannot use."""
    response.set_cookie(
        cookie_name(scope, name),
        value,
        max_age=max_age_s,
        path="/",
        secure=is_tls(scope),
        httponly=True,
        # Lax, not Strict: a link in a notice must lead to the event, not to the sign-in page. No GET changes
        # anything, and every form has its token.
        samesite="lax",
    )


def drop_cookie(response: Response, scope: Scope, name: str) -> None:
    """Have the browser forget a cookie."""
    response.delete_cookie(
        cookie_name(scope, name), path="/", secure=is_tls(scope), httponly=True, samesite="lax"
    )


def csrf(connection: HTTPConnection) -> str:
    """The form token for this request's page; makes a visitor's cookie if there is no session."""
    scope = connection.scope
    token = scope.get(FORM_KEY)
    if not token:
        visitor = cookie(scope, VISITOR)
        if visitor is None:
            visitor = secrets.token_urlsafe(32)
            scope[NEW_VISITOR] = visitor
        token = form_token(visitor)
        scope[FORM_KEY] = token
    return str(token)


def expected(scope: Scope, session_token: str) -> str:
    """The form token that a request must carry."""
    if session_token:
        return session_token
    visitor = cookie(scope, VISITOR)
    return form_token(visitor) if visitor else ""


def field(body: bytes) -> str | None:
    """The form token in the body of a form."""
    try:
        pairs = parse_qsl(body.decode("ascii"), max_num_fields=MOST_FIELDS)
    except ValueError:
        return None
    return next((value for name, value in pairs if name == FIELD), None)
