"""``/api/v1/users``: accounts, for whoever may manage users."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from api.accounts import manage
from api.accounts.forms import accounts_of
from api.accounts.records import Grant, User
from api.accounts.rights import Actor, Right, Role
from api.accounts.who import needs
from api.live import OneLine
from api.problems import responses

router = APIRouter(prefix="/api/v1", tags=["accounts"])
UserId = Annotated[str, Path(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description="UUIDv7")]
Admin = Annotated[Actor, Depends(needs(Right.MANAGE_USERS))]


class GrantBody(BaseModel):
    """A role: everywhere if neither is given, in one estate, or at one elevator."""

    model_config = ConfigDict(extra="forbid")

    role: Role
    estate: str | None = Field(None, max_length=80, description="As in the settings of elevators")
    elevator_id: str | None = Field(None, max_length=64)

    @model_validator(mode="after")
    def _fits(self) -> GrantBody:
        self.grant()  # its ValueError says what is wrong
        return self

    def grant(self) -> Grant:
        """As accounts keep it."""
        return Grant(self.role, self.estate, self.elevator_id)


Grants = Annotated[list[GrantBody], Field(max_length=100, description="Empty: may sign in and see nothing")]


class UserBody(BaseModel):
    """Somebody who may sign in."""

    id: str = Field(description="UUIDv7")
    login: str
    name: str
    grants: list[GrantBody]
    disabled: bool
    must_change: bool = Field(description="Still has the first password, which an admin made")
    signs_in: str = Field(description="`password`, or the issuer of an OpenID provider")
    created_at: AwareDatetime
    signed_in_at: AwareDatetime | None


class UsersBody(BaseModel):
    """Everybody, by login name."""

    users: list[UserBody]


class NewUserBody(BaseModel):
    """A user to be made."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"login": "wang.li", "name": "Wang Li", "grants": [{"role": "guard", "elevator_id": "car-1"}]}
            ]
        },
    )

    login: OneLine = Field(min_length=1, max_length=64, description="Letters, digits and . _ @ + -")
    name: OneLine = Field("", max_length=120, description="Empty: the login name")
    grants: Grants = []


class ChangedUserBody(BaseModel):
    """All that can be changed of a user. Saying it twice is as good as once."""

    model_config = ConfigDict(extra="forbid")

    name: OneLine = Field(min_length=1, max_length=120)
    grants: Grants
    disabled: bool = Field(False, description="Ends every session and token at once")


class FirstPasswordBody(BaseModel):
    """A user and a first password, which is shown this once and must be changed within a week."""

    user: UserBody
    first_password: str


def user_body(user: User) -> UserBody:
    """A user as the API shows them."""
    return UserBody(
        id=user.id,
        login=user.login,
        name=user.name,
        grants=[GrantBody(role=g.role, estate=g.estate, elevator_id=g.elevator_id) for g in user.grants],
        disabled=user.disabled,
        must_change=user.must_change,
        signs_in=user.issuer or "password",
        created_at=user.created_at,
        signed_in_at=user.signed_in_at,
    )


@router.get("/users", responses=responses(401, 403, 503))
def list_users(request: Request, _admin: Admin) -> UsersBody:
    """Everybody who may sign in, and what they may do where."""
    return UsersBody(users=[user_body(user) for user in accounts_of(request).people.all()])


@router.post("/users", status_code=201, responses=responses(401, 403, 409, 411, 413, 415, 429, 503))
def create_user(request: Request, response: Response, admin: Admin, body: NewUserBody) -> FirstPasswordBody:
    """Make a user. Said again it is a 409, and no second user."""
    grants = [g.grant() for g in body.grants]
    user, password = manage.create_user(accounts_of(request), admin, body.login, body.name, grants)
    response.headers["location"] = f"/api/v1/users/{user.id}"
    return FirstPasswordBody(user=user_body(user), first_password=password)


@router.get("/users/{user_id}", responses=responses(401, 403, 404, 503))
def get_user(request: Request, _admin: Admin, user_id: UserId) -> UserBody:
    """One user."""
    return user_body(manage.need_user(accounts_of(request), user_id))


@router.put("/users/{user_id}", responses=responses(401, 403, 404, 409, 411, 413, 415, 503))
def change_user(request: Request, admin: Admin, user_id: UserId, body: ChangedUserBody) -> UserBody:
    """Change name, roles, and whether the user may sign in."""
    changed = manage.change_user(
        accounts_of(request),
        admin,
        user_id,
        name=body.name,
        grants=[g.grant() for g in body.grants],
        disabled=body.disabled,
    )
    return user_body(changed)


@router.post("/users/{user_id}/reset-password", responses=responses(401, 403, 404, 409, 411, 415, 429, 503))
def reset_password(request: Request, admin: Admin, user_id: UserId) -> FirstPasswordBody:
    """A new first password; every session of the user ends."""
    user, password = manage.reset_password(accounts_of(request), admin, user_id)
    return FirstPasswordBody(user=user_body(user), first_password=password)


@router.delete("/users/{user_id}/sessions", status_code=204, responses=responses(401, 403, 404, 415, 503))
def end_sessions(request: Request, admin: Admin, user_id: UserId) -> None:
    """Sign the user out everywhere."""
    accounts = accounts_of(request)
    manage.end_sessions(accounts, admin, manage.need_user(accounts, user_id), None)
