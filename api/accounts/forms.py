"""What the pages of accounts share: reading a form, showing a page, who is signed in, where to go next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.requests import HTTPConnection

from api.accounts import csrf
from api.accounts.doorkeeper import Known
from api.accounts.gate import KNOWN_KEY
from api.accounts.service import Accounts, Browser
from api.pages.shell import render
from api.problems import ProblemError
from api.web_parts import parts_of

MOST_FIELDS: Final = 300
Form = Mapping[str, str]


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form, the last of each name. Bodies have at most 16 KiB (`api.protect`)."""
    async with request.form(max_files=0, max_fields=MOST_FIELDS) as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


FormFields = Annotated[dict[str, str], Depends(_form)]


def accounts_of(connection: HTTPConnection) -> Accounts:
    """The accounts of the application that serves this request."""
    return parts_of(connection).accounts


def known_of(connection: HTTPConnection) -> Known | None:
    """Who is signed in, None if nobody."""
    known = connection.scope.get(KNOWN_KEY)
    return known if isinstance(known, Known) else None


def own_session(connection: HTTPConnection) -> Known:
    """Somebody at a browser, for their own account; not a program with a token.

    Raises: ProblemError 401 if nobody is signed in, 403 for a token.
    """
    known = known_of(connection)
    if known is None:
        raise ProblemError(401, "not-signed-in", "sign in first")
    if known.kind != "session":
        raise ProblemError(
            403, "not-allowed", "a token cannot change an account or make tokens; sign in with a browser"
        )
    return known


OwnSession = Annotated[Known, Depends(own_session)]


def browser_of(request: Request) -> Browser:
    """Where a request comes from."""
    return Browser(
        address=request.client.host if request.client else "",
        agent="".join(c for c in request.headers.get("user-agent", "") if c.isprintable())[:200],
        secret=csrf.cookie(request.scope, csrf.SESSION),
    )


def local_path(text: str | None) -> str:
    """Where to go after signing in: a path of this page, never another site (ASVS 5.1.5)."""
    if not text or not text.startswith("/") or text[1:2] in {"/", "\\"} or not text.isprintable():
        return "/"
    parts = urlsplit(text)
    return text if not parts.scheme and not parts.netloc and "\\" not in text else "/"


def go(path: str) -> RedirectResponse:
    """Lead a browser on after a form, so that going back does not send it again."""
    return RedirectResponse(path, 303)


def signed_in(request: Request, path: str, secret: str) -> RedirectResponse:
    """Lead on with the cookie of a new session."""
    answer = go(path)
    lasts_s = int(accounts_of(request).rules.lasts.total_seconds())
    csrf.set_cookie(answer, request.scope, csrf.SESSION, secret, lasts_s)
    return answer


def show(
    request: Request, template: str, lang: str | None, more: dict[str, Any], *, status: int = 200
) -> HTMLResponse:
    """A page with everything that `base.html` needs, and its form token."""
    return render(request, template, lang, more, status=status, public=True)


def error_of(exc: ProblemError) -> dict[str, Any]:
    """For a template: the kind, in whose words the page says what is wrong, and how long to wait."""
    headers = exc.headers or {}
    return {"kind": exc.kind, "wait_s": headers.get("retry-after", ""), "detail": exc.problem.detail}
