"""Errors of the API as ``application/problem+json`` (RFC 9457): every error, also 404 and validation."""

from __future__ import annotations

import logging
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from vision.errors import LinkError, StorageError

log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"

TITLES: Final = {
    "guard-silent": "Guard is not running or does not answer",
    "unhealthy": "Something needs attention",
    "unknown-elevator": "There is no such elevator",
    "unknown-event": "There is no such event",
    "no-evidence": "There is no such file of this event",
    "evidence-not-ready": "It is still being made",
    "evidence-failed": "It could not be made",
    "evidence-evicted": "It was deleted",
    "evidence-missing": "It is gone",
    "evidence-damaged": "It is not what was stored",
    "evidence-unreadable": "The evidence cannot be read now",
    "blurring-unavailable": "It cannot be shown without faces",
    "unsatisfiable-range": "The range lies behind the end",
    "changed-meanwhile": "Somebody else changed it meanwhile",
    "version-required": "Say which version you have read",
    "unknown-trouble": "There is no such camera trouble",
    "no-picture": "There is no picture now",
    "release-refused": "Guard did not let the door go",
    "restart-refused": "Guard does not start again now",
    "store-failing": "The store of events cannot be used",
    "too-many-viewers": "Too many people are looking",
    "not-signed-in": "Nobody is signed in",
    "not-allowed": "This account may not do that",
    "not-set-up": "No account has been made yet",
    "wrong-sign-in": "The name or the password is not right",
    "wrong-code": "The set-up code is not right",
    "too-many-attempts": "Too many attempts",
    "change-password": "The first password must be changed",
    "no-role": "This account has no role here",
    "provider-failing": "The sign-in service does not answer",
    "weak-password": "This password is too easy to guess",
    "forged-form": "This form was not sent from a page of this box",
    "unknown-user": "There is no such user",
    "unknown-token": "There is no such token",
    "user-exists": "There is a user of that name",
    "too-many-tokens": "This account has too many tokens",
    "last-admin": "At least one admin must stay",
    "unknown-webhook": "There is no such webhook",
    "unknown-message": "There is no such message",
    "message-delivered": "The message was delivered",
    "too-many-webhooks": "There are too many webhooks",
    "bad-request": "The request is not valid",
    "forbidden-host": "This host name is not allowed",
    "forbidden-origin": "This request came from another site",
    "wrong-content-type": "The body must be JSON",
    "not-found": "There is nothing at this address",
    "method-not-allowed": "This address does not take that method",
    "length-required": "The request must say how large it is",
    "too-large": "The request is too large",
    "key-reused": "This key was used for another request",
    "still-running": "This request is being done already",
    "internal": "Something went wrong here",
}
"""Every kind of problem; docs/api.md lists them too."""

_BY_STATUS: Final = {404: "not-found", 405: "method-not-allowed", 413: "too-large", 422: "bad-request"}


class Invalid(BaseModel):
    """One value that was refused."""

    where: str = Field(description="Such as `query.limit`")
    message: str


class Reason(BaseModel):
    """One thing that needs attention."""

    code: str = Field(
        description="guard_silent, camera_<state or trouble>, blind, relay_failing, store_failing, "
        "guard_store_failing or model_refused"
    )
    detail: str
    elevator_id: str | None = None


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(
        description="`urn:liftguard:problem:` and the kind", examples=["urn:liftguard:problem:not-found"]
    )
    title: str
    status: int
    detail: str
    errors: list[Invalid] | None = Field(None, description="With bad-request: what was refused")
    reasons: list[Reason] | None = Field(None, description="With unhealthy: what needs attention")


class ProblemError(Exception):
    """Raised inside a route to answer with a problem."""

    def __init__(
        self, status: int, kind: str, detail: str, *, headers: dict[str, str] | None = None, **extra: Any
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.headers = headers
        self.problem = Problem(
            type=f"urn:liftguard:problem:{kind}", title=TITLES[kind], status=status, detail=detail, **extra
        )

    def response(self, headers: dict[str, str] | None = None) -> JSONResponse:
        """The answer."""
        return JSONResponse(
            self.problem.model_dump(exclude_none=True),
            status_code=self.problem.status,
            media_type=MEDIA_TYPE,
            headers=headers or self.headers,
        )


SSE_ITEM: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "event": {"type": "string"},
        "id": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "data"],
}
"""One server-sent event (OpenAPI 3.2, `itemSchema`, as FastAPI writes it too)."""


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: these statuses answer with a problem."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": "Problem", "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted({*statuses, 400, 422})
    }


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` with a problem."""

    @app.exception_handler(ProblemError)
    async def _problem(request: Request, exc: ProblemError) -> Response:
        from api.pages.shell import problem_page, wants_page  # late: pages are made of these problems

        return problem_page(request, exc) if wants_page(request) else exc.response()

    @app.exception_handler(StorageError)
    async def _storage(_request: Request, exc: StorageError) -> JSONResponse:
        log.error("the store failed: %s", exc)
        return ProblemError(503, "store-failing", str(exc)).response()

    @app.exception_handler(LinkError)
    async def _link(_request: Request, exc: LinkError) -> JSONResponse:
        return ProblemError(503, "guard-silent", str(exc)).response()

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, exc: RequestValidationError) -> JSONResponse:
        errors = [
            Invalid(where=".".join(str(p) for p in e["loc"])[:200], message=str(e["msg"])[:300])
            for e in exc.errors()[:20]
        ]
        what = "; ".join(f"{e.where}: {e.message}" for e in errors)
        return ProblemError(422, "bad-request", what, errors=errors).response()

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, exc: HTTPException) -> JSONResponse:
        kind = _BY_STATUS.get(exc.status_code, "bad-request" if exc.status_code < 500 else "internal")
        headers = dict(exc.headers) if exc.headers else None
        return ProblemError(exc.status_code, kind, str(exc.detail)).response(headers)

    @app.exception_handler(Exception)
    async def _unexpected(_request: Request, exc: Exception) -> JSONResponse:
        log.error("a request failed", exc_info=exc)
        return ProblemError(500, "internal", "The cause is in the log of web; please report it.").response()
