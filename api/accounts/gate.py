"""Nobody passes unknown: finds out who a request is from before any route runs.

One ASGI middleware, so that it covers pages, the API, WebSockets and what other files will add. It leaves the
`Actor` in the scope (`api.accounts.who.SCOPE_KEY`); what the actor may do is each route's own question.

Until the first account is made, a page that only this machine can reach is open as `NOT_SET_UP`; elsewhere
only `/setup` answers. After that everything but `PUBLIC` asks for a session or a token. While a long answer
runs (live pictures, server-sent events), whoever gets it is looked at again every few seconds.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from api.accounts import csrf
from api.accounts.audit_store import ADDRESS
from api.accounts.doorkeeper import CHECK_S, Doorkeeper, Known
from api.accounts.keys import TOKEN_PREFIX
from api.accounts.who import NOT_SET_UP, SCOPE_KEY, Actor
from api.body import given_again, whole_body
from api.problems import ProblemError
from vision.errors import StorageError

PUBLIC: Final = frozenset(
    {"/sign-in", "/sign-in/oidc", "/sign-in/oidc/return", "/setup", "/api/v1/health/live"}
)
"""What answers to anybody, beside the files under ``/static/``."""
FIRST_PASSWORD: Final = frozenset({"/account", "/account/password", "/sign-out", "/api/v1/me"})
"""What answers to somebody who still has to change the password that an admin made."""
KNOWN_KEY: Final = "liftguard.known"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
FORM: Final = "application/x-www-form-urlencoded"
FORWARDED: Final = ("x-forwarded-for", "x-forwarded-host", "x-real-ip", "forwarded", "via")
SIGNED_OUT: Final = 4401
"""Close code of a live connection whose session has ended (4000 to 4999 are free, RFC 6455)."""


class _SignedOutError(OSError):
    """What a route that is still sending meets when its receiver has lost the right to hear."""


class Gate:
    """ASGI middleware.

    Args: open_until_set_up: before the first account is made, answer as `NOT_SET_UP`: only where nobody but
    this machine can reach the page.
    """

    def __init__(
        self,
        app: ASGIApp,
        keeper: Doorkeeper,
        *,
        open_until_set_up: bool,
    ) -> None:
        self.app = app
        self._keeper = keeper
        self._open = open_until_set_up
        self._clock = keeper.clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, lead to the sign-in page, or pass on with the actor in the scope."""
        if scope["type"] not in {"http", "websocket"} or scope["path"].startswith("/static/"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        ADDRESS.set(scope["client"][0] if scope.get("client") else "")
        try:
            known = await self._known(scope, headers)
            actor = known.actor if known else await self._nobody(headers)
            scope[SCOPE_KEY], scope[KNOWN_KEY] = actor, known
            scope[csrf.FORM_KEY] = known.form_token if known else ""
            _must_be_allowed(scope, actor, known)
            if scope["type"] == "http" and scope["method"] not in SAFE and not _is_program(headers):
                receive = await _check_form(scope, headers, receive, known)
        except StorageError as exc:
            await _refuse(ProblemError(503, "store-failing", str(exc)), scope, receive, send)
        except ProblemError as exc:
            await self._refuse_or_lead(exc, scope, receive, send)
        else:
            await self._pass(scope, receive, send, headers)

    # --- who it is ---------------------------------------------------------------------------------------

    async def _known(self, scope: Scope, headers: Headers) -> Known | None:
        """Who this is by token or session. Raises: ProblemError 401 if a token is not right."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            token = given.strip()
            known = await self._look_up(token) if token.startswith(TOKEN_PREFIX) else None
            if known is None or known.kind != "token":
                raise ProblemError(
                    401,
                    "not-signed-in",
                    "this token is not known, has expired or was revoked",
                    headers={"www-authenticate": 'Bearer error="invalid_token"'},
                )
            return known
        secret = csrf.cookie(scope, csrf.SESSION)
        if secret is None or secret.startswith(TOKEN_PREFIX):
            return None
        return await self._look_up(secret)

    async def _look_up(self, secret: str) -> Known | None:
        return self._keeper.remembered(secret) or await run_in_threadpool(self._keeper.look_up, secret)

    async def _nobody(self, headers: Headers) -> Actor | None:
        """Raises: ProblemError 401 if nobody can be signed in yet and this is not the machine itself."""
        set_up = self._keeper.remembered_set_up()
        if set_up is None:
            set_up = await run_in_threadpool(self._keeper.set_up)
        if set_up:
            return None
        # A proxy in front means that others than this machine can reach the page.
        return NOT_SET_UP if self._open and not any(name in headers for name in FORWARDED) else None

    # --- answers -----------------------------------------------------------------------------------------

    async def _refuse_or_lead(
        self, problem: ProblemError, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if problem.kind == "not-signed-in" and self._keeper.remembered_set_up() is False:
            problem = ProblemError(
                401, "not-set-up", "make the first account at /setup, or with `liftguard user add`"
            )
        if not _is_page(scope):
            await _refuse(problem, scope, receive, send)
        elif problem.kind == "change-password":
            await RedirectResponse("/account", 303)(scope, receive, send)
        elif problem.kind == "not-set-up":
            await RedirectResponse("/setup", 303)(scope, receive, send)
        elif problem.kind == "not-signed-in":
            query = scope["query_string"].decode("latin-1")
            here = scope["path"] + (f"?{query}" if query else "")
            where = "" if here == "/" else f"?next={quote(here, safe='/')}"
            await RedirectResponse(f"/sign-in{where}", 303)(scope, receive, send)
        else:
            await _refuse(problem, scope, receive, send)

    async def _pass(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        """Run the route; end its answer when whoever gets it may not have it any more."""
        actor: Actor | None = scope[SCOPE_KEY]
        checked_s = self._clock()
        started = ended = False

        async def send_checked(message: Message) -> None:
            nonlocal checked_s, started, ended
            if ended:
                raise _SignedOutError("signed out")
            if message["type"] == "http.response.start" and csrf.NEW_VISITOR in scope:
                _add_visitor(scope, message)
            if started and actor is not None and self._clock() - checked_s >= CHECK_S:
                checked_s = self._clock()
                if not await self._still(scope, headers, actor):
                    ended = True
                    await send(_end_of(scope))
                    raise _SignedOutError("signed out")
            started = True
            await send(message)

        try:
            await self.app(scope, receive, send_checked)
        except (OSError, ClientDisconnect, WebSocketDisconnect, RuntimeError):
            if not ended:
                raise

    async def _still(self, scope: Scope, headers: Headers, actor: Actor) -> bool:
        try:
            known = await self._known(scope, headers)
            return (known.actor if known else await self._nobody(headers)) == actor
        except (ProblemError, StorageError):
            return False


def _must_be_allowed(scope: Scope, actor: Actor | None, known: Known | None) -> None:
    path = scope["path"]
    if path in PUBLIC:
        return
    if actor is None:
        raise ProblemError(
            401,
            "not-signed-in",
            "sign in, or send an API token",
            headers={"www-authenticate": "Bearer"},
        )
    if known is not None and known.user.must_change and path not in FIRST_PASSWORD:
        raise ProblemError(
            403, "change-password", "change the first password at /account before anything else"
        )


def _is_page(scope: Scope) -> bool:
    """Something that a person opens, and may be led away from."""
    path = scope["path"]
    return (
        scope["type"] == "http"
        and scope["method"] in {"GET", "HEAD"}
        and not path.startswith(("/api/", "/metrics", "/fragments/"))
    )


def _is_program(headers: Headers) -> bool:
    """A request with a token: no browser sends one by itself, so no other site can make it send one."""
    return headers.get("authorization", "").lower().startswith("bearer ")


async def _check_form(scope: Scope, headers: Headers, receive: Receive, known: Known | None) -> Receive:
    """Raises: ProblemError 403 if another site may have made a browser send this.

    A form shows the form token. Anything else must be JSON (`api.protect`), which a browser sends across
    sites only after asking, and which we never allow; and a browser says where it comes from.
    """
    wanted = csrf.expected(scope, known.form_token if known else "")
    if headers.get("content-type", "").partition(";")[0].strip().lower() == FORM:
        body = await whole_body(receive)
        if not csrf.same(csrf.field(body), wanted):
            raise ProblemError(
                403, "forged-form", "open the page again and send its form; are cookies switched off?"
            )
        return given_again(body, receive)
    said = "origin" in headers or "sec-fetch-site" in headers or csrf.same(headers.get(csrf.HEADER), wanted)
    if known is not None and not said:
        raise ProblemError(
            403,
            "forged-form",
            "a request with a session's cookie says where it comes from (origin); programs send a token",
        )
    return receive


def _add_visitor(scope: Scope, message: Message) -> None:
    secure = "; Secure" if csrf.is_tls(scope) else ""
    name = csrf.cookie_name(scope, csrf.VISITOR)
    value = f"{name}={scope[csrf.NEW_VISITOR]}; Path=/; HttpOnly; SameSite=Strict{secure}"
    MutableHeaders(scope=message).append("set-cookie", value)


def _end_of(scope: Scope) -> Message:
    if scope["type"] == "websocket":
        return {"type": "websocket.close", "code": SIGNED_OUT, "reason": "signed out"}
    return {"type": "http.response.body", "body": b"", "more_body": False}


async def _refuse(problem: ProblemError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": problem.problem.title})
    else:
        await problem.response()(scope, receive, send)
