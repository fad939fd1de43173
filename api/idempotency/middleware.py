"""The same write with the same key is done once: whoever sends it again gets the first answer again.

Stands behind the sign-in (`api.accounts.gate`): a key belongs to the session or token that sent it.
"""

from __future__ import annotations

import hashlib
import logging
import re
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.accounts import csrf
from api.accounts.gate import KNOWN_KEY
from api.accounts.who import SCOPE_KEY, Actor
from api.body import given_again, whole_body
from api.idempotency.memory import RecentKeys
from api.idempotency.seal import secret_of
from api.idempotency.values import Answer, Asked, Lost, Memory, Mismatch, Running
from api.problems import ProblemError
from vision.errors import StorageError

log = logging.getLogger(__name__)

HEADER: Final = "idempotency-key"
REPLAYED: Final = "idempotency-replayed"
"""Of an answer that was given before; the draft names none, others use this one."""
WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_DOOR: Final = re.compile(r"/api/v1/elevators/[^/]+/(release|rearm)")
_KEY: Final = re.compile(
    r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"|([\x21\x23-\x5b\x5d-\x7e]{1,255})'
)
"""A string of RFC 9651, as the draft has it; without quotes too, as most programs send it."""
_KEPT_HEADERS: Final = frozenset({"content-type", "etag", "location"})
_MOST: Final = 256 * 1024  # bytes of an answer kept; ours have a few KB


class Idempotency:
    """ASGI middleware. Args: stored: for all writes but those to a door; recent: for those."""

    def __init__(self, app: ASGIApp, stored: Memory, recent: RecentKeys) -> None:
        self.app = app
        self._stored, self._recent = stored, recent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what has no key."""
        path = scope.get("path", "")
        if scope["type"] != "http" or scope["method"] not in WRITES or not path.startswith("/api/v1/"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get(HEADER)
        actor = scope.get(SCOPE_KEY)
        if given is None or not isinstance(actor, Actor):
            await self.app(scope, receive, send)
            return
        try:
            key = _key(given)
            body = await whole_body(receive)
            asked, secret = _asked(scope, headers, actor, key, body)
            door = _DOOR.fullmatch(path)
            memory: Memory = self._recent if door else self._stored
            if door and door[1] == "rearm":
                self._recent.clear()
            before = await _begin(memory, asked, secret)
        except ProblemError as exc:
            await exc.response()(scope, receive, send)
        except StorageError as exc:
            await ProblemError(503, "store-failing", str(exc)).response()(scope, receive, send)
        else:
            if before is not None:
                await _send(before, send)
            else:
                await self._do(memory, asked, secret, scope, given_again(body, receive), send)

    async def _do(
        self, memory: Memory, asked: Asked, secret: bytes, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Do it, and keep its answer before it is given."""
        held: list[Message] = []
        done = False

        async def hold(message: Message) -> None:
            nonlocal done
            held.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                answer = _answer_of(held)
                done = True
                if _counts(answer, door=memory is self._recent):
                    await _keep(memory, asked, secret, answer)
                else:
                    await run_in_threadpool(_forget, memory, asked)
                for one in held:
                    await send(one)

        try:
            await self.app(scope, receive, hold)
        finally:
            if not done:
                await run_in_threadpool(_forget, memory, asked)


def _key(given: str) -> str:
    """Raises: ProblemError 400."""
    match = _KEY.fullmatch(given.strip())
    if match is None:
        raise ProblemError(
            400, "bad-request", "idempotency-key: send 1 to 255 printable ASCII characters, such as a UUID"
        )
    return match[1] or match[2]


def _asked(scope: Scope, headers: Headers, actor: Actor, key: str, body: bytes) -> tuple[Asked, bytes]:
    """What is asked, and the secret that its answer is kept under."""
    known = scope.get(KNOWN_KEY)
    credential = _credential(scope, headers) if known is not None else ""
    principal = known.digest if known is not None else hashlib.sha256(actor.id.encode()).hexdigest()
    said = (
        scope["method"],
        scope["path"],
        scope["query_string"].decode("latin-1"),
        headers.get("if-match", ""),
        hashlib.sha256(body).hexdigest(),
    )
    fingerprint = hashlib.sha256("\0".join(said).encode()).hexdigest()
    digest = hashlib.sha256(key.encode()).hexdigest()
    return Asked(principal, digest, fingerprint), secret_of(credential, key)


def _credential(scope: Scope, headers: Headers) -> str:
    """The secret that this request proved itself by: the same in every request of that session or token."""
    _, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or csrf.cookie(scope, csrf.SESSION) or ""


async def _begin(memory: Memory, asked: Asked, secret: bytes) -> Answer | None:
    """Raises: ProblemError where it must not be done."""
    try:
        return await run_in_threadpool(memory.begin, asked, secret)
    except Mismatch:
        raise ProblemError(
            422, "key-reused", "this idempotency-key was sent with another request; make a new one for each"
        ) from None
    except Running:
        raise ProblemError(
            409, "still-running", "the request with this idempotency-key is still being done; ask again"
        ) from None
    except Lost:
        raise ProblemError(
            409,
            "still-running",
            "web ended in the middle of the request with this idempotency-key; see whether it was done, then "
            "use a new one",
        ) from None


def _answer_of(held: list[Message]) -> Answer:
    start, *bodies = held
    headers = tuple(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in start["headers"]
        if name.decode("latin-1").lower() in _KEPT_HEADERS
    )
    return Answer(start["status"], headers, b"".join(m.get("body", b"") for m in bodies))


def _counts(answer: Answer, *, door: bool) -> bool:
    """What was done or refused for good. What failed may be tried again, and so may what moved no door."""
    if door:
        return answer.status < 300
    return answer.status < 500 and answer.status != 429 and len(answer.body) <= _MOST


async def _keep(memory: Memory, asked: Asked, secret: bytes, answer: Answer) -> None:
    try:
        await run_in_threadpool(memory.finish, asked, answer, secret)
    except StorageError as exc:  # it is done: say so, whatever becomes of a second one
        log.error("the answer to a write could not be kept; sent again, it is refused: %s", exc)


def _forget(memory: Memory, asked: Asked) -> None:
    try:
        memory.forget(asked)
    except StorageError as exc:
        log.error("a write that failed could not be forgotten; sent again, it is refused: %s", exc)


async def _send(answer: Answer, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    headers += [(b"content-length", str(len(answer.body)).encode())] if answer.status != 204 else []
    headers.append((REPLAYED.encode(), b"true"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})
