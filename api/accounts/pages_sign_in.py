"""``/setup``, ``/sign-in`` and ``/sign-out``. Plain forms: they work without script."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from api.accounts import csrf
from api.accounts.forms import (
    FormFields,
    accounts_of,
    browser_of,
    error_of,
    go,
    known_of,
    local_path,
    show,
    signed_in,
)
from api.accounts.passwords import SHORTEST
from api.problems import ProblemError

router = APIRouter(include_in_schema=False)
Lang = Annotated[str | None, Query(max_length=10)]
Next = Annotated[str | None, Query(max_length=1000)]


@router.get("/setup", response_class=HTMLResponse)
def set_up_page(request: Request, lang: Lang = None) -> Response:
    """Where the first account is made, as long as there is none."""
    return go("/sign-in") if accounts_of(request).keeper.set_up() else _set_up(request, lang, {}, None)


@router.post("/setup", response_class=HTMLResponse)
def set_up(request: Request, form: FormFields, lang: Lang = None) -> Response:
    """Make the first account: an admin, who is signed in at once."""
    accounts = accounts_of(request)
    if accounts.keeper.set_up():
        return go("/sign-in")
    try:
        secret = accounts.set_up(
            form.get("code", ""),
            form.get("login", ""),
            form.get("name", ""),
            form.get("password", ""),
            browser_of(request),
        )
    except ProblemError as exc:
        return _set_up(request, lang, form, exc)
    return signed_in(request, "/", secret)


def _set_up(request: Request, lang: str | None, form: dict[str, str], exc: ProblemError | None) -> Response:
    kept = {name: form.get(name, "") for name in ("code", "login", "name")}
    return _page(request, "setup.html", lang, {"form": kept, "shortest": SHORTEST}, exc)


@router.get("/sign-in", response_class=HTMLResponse)
def sign_in_page(request: Request, lang: Lang = None, next: Next = None) -> Response:
    """Name and password, or a button for the provider that the settings name."""
    if known_of(request) is not None:
        return go(local_path(next))
    if not accounts_of(request).keeper.set_up():
        return go("/setup")
    return _sign_in(request, lang, next, "", None)


@router.post("/sign-in", response_class=HTMLResponse)
def sign_in(request: Request, form: FormFields, lang: Lang = None, next: Next = None) -> Response:
    """Check them and open a session."""
    login = form.get("login", "")[:200]
    try:
        secret = accounts_of(request).sign_in(login, form.get("password", ""), browser_of(request))
    except ProblemError as exc:
        return _sign_in(request, lang, next, login, exc)
    return signed_in(request, local_path(next), secret)


def _sign_in(
    request: Request, lang: str | None, wanted: str | None, login: str, exc: ProblemError | None
) -> Response:
    where = local_path(wanted)
    oidc = accounts_of(request).oidc
    more = {
        "login": login,
        "next": "" if where == "/" else quote(where, safe="/"),
        "oidc": oidc.settings.name if oidc else None,
    }
    return _page(request, "sign_in.html", lang, more, exc)


def sign_in_failed(request: Request, exc: ProblemError) -> Response:
    """The page again, with what went wrong elsewhere."""
    return _sign_in(request, request.query_params.get("lang"), None, "", exc)


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """End the session, here and in the store."""
    known = known_of(request)
    answer = go("/sign-in")
    csrf.drop_cookie(answer, request.scope, csrf.SESSION)
    if known is not None:
        accounts_of(request).sign_out(known)
    return answer


def _page(
    request: Request, template: str, lang: str | None, more: dict[str, Any], exc: ProblemError | None
) -> Response:
    error = None if exc is None else error_of(exc)
    status = 200 if exc is None else exc.problem.status
    answer = show(request, template, lang, more | {"error": error}, status=status)
    if exc is not None and exc.headers:
        answer.headers.update(exc.headers)
    return answer
