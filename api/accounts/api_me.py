"""``/api/v1/me`` and ``/api/v1/tokens``: who one is, and the tokens of one's programs."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.accounts import manage
from api.accounts.api_users import GrantBody, user_body
from api.accounts.doorkeeper import Known
from api.accounts.forms import OwnSession, accounts_of, known_of
from api.accounts.records import Token
from api.accounts.rights import Right
from api.accounts.who import CurrentActor, check
from api.live import OneLine
from api.problems import ProblemError, responses

router = APIRouter(prefix="/api/v1", tags=["accounts"])
TokenId = Annotated[str, Path(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description="UUIDv7")]


class MeBody(BaseModel):
    """Who is asking."""

    id: str
    name: str
    login: str | None = Field(description="null while no account has been made")
    by: Literal["session", "token", "not-set-up"]
    rights: list[Right] = Field(description="All that may be done anywhere")
    elevators: list[str] | None = Field(description="Where; null: at all of them")
    grants: list[GrantBody]
    expires_at: AwareDatetime | None = Field(description="Of the session or token")


class TokenBody(BaseModel):
    """One program's way in."""

    id: str = Field(description="UUIDv7")
    user_id: str
    name: str
    scopes: list[Right]
    created_at: AwareDatetime
    expires_at: AwareDatetime
    used_at: AwareDatetime | None = Field(description="To the minute; null: never")


class TokensBody(BaseModel):
    """Tokens that still work, the newest first."""

    tokens: list[TokenBody]


class NewTokenBody(BaseModel):
    """A token to be made."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "Prometheus", "scopes": ["see_live"], "days": 90}]},
    )

    name: OneLine = Field(min_length=1, max_length=120, description="What it is for")
    scopes: list[Right] = Field(min_length=1, max_length=20, description="A part of one's own rights")
    days: int = Field(30, ge=1, le=365)


class MadeTokenBody(BaseModel):
    """A token and its secret, which is shown this once."""

    token: TokenBody
    secret: str = Field(description="Send it as `Authorization: Bearer lg_…`")


def token_body(token: Token) -> TokenBody:
    """A token as the API shows it."""
    return TokenBody(
        id=token.id,
        user_id=token.user_id,
        name=token.name,
        scopes=sorted(token.scopes),
        created_at=token.created_at,
        expires_at=token.expires_at,
        used_at=token.used_at,
    )


def _need_known(request: Request) -> Known:
    known = known_of(request)
    if known is None:
        raise ProblemError(401, "not-set-up", "no account has been made yet; open /setup")
    return known


@router.get("/me", responses=responses(401, 503))
def me(request: Request, actor: CurrentActor) -> MeBody:
    """Who one is and what one may do."""
    known = known_of(request)
    return MeBody(
        id=actor.id,
        name=actor.name,
        login=known.user.login if known else None,
        by=known.kind if known else "not-set-up",
        rights=sorted(actor.rights),
        elevators=None if actor.elevators is None else sorted(actor.elevators),
        grants=user_body(known.user).grants if known else [],
        expires_at=known.expires_at if known else None,
    )


@router.get("/tokens", responses=responses(401, 403, 503))
def list_tokens(
    request: Request,
    actor: CurrentActor,
    user_id: Annotated[
        str | None, Query(max_length=36, description="Of somebody else, or `*` of all: needs manage_users")
    ] = None,
) -> TokensBody:
    """One's own tokens, without their secrets."""
    known = _need_known(request)
    if user_id not in {None, known.user.id}:
        check(actor, Right.MANAGE_USERS)
    accounts = accounts_of(request)
    whose = known.user.id if user_id is None else None if user_id == "*" else user_id
    return TokensBody(tokens=[token_body(t) for t in accounts.keys.tokens(whose, accounts.now())])


@router.post("/tokens", status_code=201, responses=responses(401, 403, 409, 411, 413, 415, 503))
def create_token(request: Request, known: OwnSession, body: NewTokenBody) -> MadeTokenBody:
    """Make a token for oneself. Only from a session: a token cannot make another."""
    secret, token = manage.create_token(
        accounts_of(request), known.actor, known.user, body.name, body.scopes, body.days
    )
    return MadeTokenBody(token=token_body(token), secret=secret)


@router.delete("/tokens/{token_id}", status_code=204, responses=responses(401, 403, 404, 415, 503))
def revoke_token(request: Request, actor: CurrentActor, token_id: TokenId) -> None:
    """End a token: one's own, or with manage_users anybody's. Again is harmless."""
    _need_known(request)
    manage.revoke_token(accounts_of(request), actor, token_id)
