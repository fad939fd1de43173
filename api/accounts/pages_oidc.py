"""``/sign-in/oidc``: to the provider and back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool

from api.accounts import csrf
from api.accounts.foreign import sign_in_foreign
from api.accounts.forms import accounts_of, browser_of, go, local_path, signed_in
from api.accounts.oidc import COOKIE, LASTS_S, Oidc
from api.accounts.pages_sign_in import sign_in_failed
from api.problems import ProblemError

router = APIRouter(include_in_schema=False)
Next = Annotated[str | None, Query(max_length=1000)]


def _provider(request: Request) -> Oidc:
    oidc = accounts_of(request).oidc
    if oidc is None:
        raise ProblemError(404, "not-found", "no sign-in elsewhere is set up (web.oidc)")
    return oidc


def _return_to(request: Request) -> str:
    """Our own address. The host is one of `web.allowed_hosts`; `api.protect` has seen to that."""
    return str(request.url_for("come_back"))


@router.get("/sign-in/oidc", response_class=HTMLResponse)
async def leave(request: Request, next: Next = None) -> Response:
    """Lead the browser to the provider."""
    oidc = _provider(request)
    accounts = accounts_of(request)
    if not await run_in_threadpool(accounts.keeper.set_up):
        return go("/setup")
    try:
        url, kept = await oidc.begin(_return_to(request), local_path(next))
    except ProblemError as exc:
        return await run_in_threadpool(sign_in_failed, request, exc)
    answer = go(url)
    answer.set_cookie(
        csrf.cookie_name(request.scope, COOKIE),
        kept,
        max_age=LASTS_S,
        secure=csrf.is_tls(request.scope),
        httponly=True,
        samesite="lax",
    )
    return answer


@router.get("/sign-in/oidc/return", response_class=HTMLResponse)
async def come_back(request: Request) -> Response:
    """The browser comes back from the provider."""
    oidc = _provider(request)
    cookie = request.cookies.get(csrf.cookie_name(request.scope, COOKIE))
    try:
        identity, where = await oidc.finish(cookie, dict(request.query_params), _return_to(request))
        secret = await run_in_threadpool(
            sign_in_foreign, accounts_of(request), oidc.settings, identity, browser_of(request)
        )
    except ProblemError as exc:
        answer = await run_in_threadpool(sign_in_failed, request, exc)
    else:
        answer = signed_in(request, local_path(where), secret)
    csrf.drop_cookie(answer, request.scope, COOKIE)
    return answer
