"""``/account``: one's own password, sessions and tokens."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from api.accounts import manage
from api.accounts.doorkeeper import Known, actor_of_user
from api.accounts.forms import FormFields, OwnSession, accounts_of, browser_of, error_of, go, show, signed_in
from api.accounts.passwords import SHORTEST
from api.accounts.rights import Right
from api.problems import ProblemError

router = APIRouter(include_in_schema=False)
Lang = Annotated[str | None, Query(max_length=10)]
DAYS = (7, 30, 90, 365)


@router.get("/account", response_class=HTMLResponse)
def account_page(request: Request, known: OwnSession, lang: Lang = None, done: Lang = None) -> Response:
    """Name, roles, password, sessions, tokens."""
    return _page(request, known, lang, {"done": done})


@router.post("/account/password", response_class=HTMLResponse)
def change_password(request: Request, known: OwnSession, form: FormFields, lang: Lang = None) -> Response:
    """Change the password; every other session ends."""
    try:
        secret = accounts_of(request).change_password(
            known, form.get("current", ""), form.get("new", ""), browser_of(request)
        )
    except ProblemError as exc:
        return _page(request, known, lang, {"password_error": error_of(exc)}, exc)
    return signed_in(request, "/account?done=password", secret)


@router.post("/account/sessions/end")
def end_session(request: Request, known: OwnSession, form: FormFields) -> Response:
    """End one session, or all but this one."""
    which = form.get("session") or None
    manage.end_sessions(accounts_of(request), known.actor, known.user, which, None if which else known.digest)
    return go("/account?done=sessions")


@router.post("/account/tokens", response_class=HTMLResponse)
def create_token(request: Request, known: OwnSession, form: FormFields, lang: Lang = None) -> Response:
    """Make a token and show its secret, this once."""
    scopes = [right for right in Right if f"scope:{right}" in form]
    try:
        days = int(form.get("days", "30")) if form.get("days", "30").isdecimal() else 0
        secret, token = manage.create_token(
            accounts_of(request), known.actor, known.user, form.get("name", ""), scopes, days
        )
    except ProblemError as exc:
        return _page(request, known, lang, {"token_error": error_of(exc)}, exc)
    return _page(request, known, lang, {"secret": secret, "made": token})


@router.post("/account/tokens/revoke")
def revoke_token(request: Request, known: OwnSession, form: FormFields) -> Response:
    """End one of one's own tokens."""
    manage.revoke_token(accounts_of(request), known.actor, form.get("token", ""))
    return go("/account?done=token")


def _page(
    request: Request,
    known: Known,
    lang: str | None,
    more: dict[str, Any],
    exc: ProblemError | None = None,
) -> Response:
    accounts = accounts_of(request)
    rights = actor_of_user(known.user, accounts.rules.estates).rights
    around: dict[str, Any] = {
        "user": known.user,
        "sessions": [
            (manage.short_id(s), s, s.digest == known.digest) for s in accounts.keys.sessions(known.user.id)
        ],
        "tokens": accounts.keys.tokens(known.user.id, accounts.now()),
        "rights": [right for right in Right if right in rights],
        "elevator_names": accounts.rules.elevators,
        "days": DAYS,
        "shortest": SHORTEST,
        "password_error": None,
        "token_error": None,
        "secret": None,
        "made": None,
        "done": None,
    }
    answer = show(request, "account.html", lang, around | more, status=exc.problem.status if exc else 200)
    if exc is not None and exc.headers:
        answer.headers.update(exc.headers)
    return answer
