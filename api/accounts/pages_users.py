"""``/users``: who may sign in, and what they may do where. For admins."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import HTMLResponse, Response

from api.accounts import manage
from api.accounts.forms import Form, FormFields, accounts_of, error_of, go, show
from api.accounts.records import Grant, User
from api.accounts.rights import Actor, Right, Role
from api.accounts.service import Accounts
from api.accounts.who import needs
from api.problems import ProblemError

router = APIRouter(include_in_schema=False)
Lang = Annotated[str | None, Query(max_length=10)]
UserId = Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$")]
Admin = Annotated[Actor, Depends(needs(Right.MANAGE_USERS))]
ROLES: Final[tuple[Role, ...]] = ("viewer", "guard", "manager", "admin")


@router.get("/users", response_class=HTMLResponse)
def users_page(request: Request, _admin: Admin, lang: Lang = None) -> Response:
    """Everybody, and a form for one more."""
    return _list(request, lang, {})


@router.post("/users", response_class=HTMLResponse)
def create_user(request: Request, admin: Admin, form: FormFields, lang: Lang = None) -> Response:
    """Make a user and show the first password, this once."""
    accounts = accounts_of(request)
    try:
        user, password = manage.create_user(
            accounts, admin, form.get("login", ""), form.get("name", ""), grants_in(accounts, form)
        )
    except ProblemError as exc:
        return _list(request, lang, {"error": error_of(exc), "form": form}, exc.problem.status)
    return _one(request, lang, user, {"password": password})


@router.get("/users/{user_id}", response_class=HTMLResponse)
def user_page(
    request: Request, _admin: Admin, user_id: UserId, lang: Lang = None, done: Lang = None
) -> Response:
    """One user: name, roles, sign-in."""
    return _one(request, lang, manage.need_user(accounts_of(request), user_id), {"done": done})


@router.post("/users/{user_id}", response_class=HTMLResponse)
def change_user(
    request: Request, admin: Admin, user_id: UserId, form: FormFields, lang: Lang = None
) -> Response:
    """Change name, roles, and whether the user may sign in."""
    accounts = accounts_of(request)
    try:
        manage.change_user(
            accounts,
            admin,
            user_id,
            name=form.get("name", ""),
            grants=grants_in(accounts, form),
            disabled="disabled" in form,
        )
    except ProblemError as exc:
        if exc.kind == "unknown-user":
            raise
        user = manage.need_user(accounts, user_id)
        return _one(request, lang, user, {"error": error_of(exc)}, exc.problem.status)
    return go(f"/users/{user_id}?done=saved")


@router.post("/users/{user_id}/reset", response_class=HTMLResponse)
def reset_password(request: Request, admin: Admin, user_id: UserId, lang: Lang = None) -> Response:
    """A new first password, shown this once; every session of the user ends."""
    user, password = manage.reset_password(accounts_of(request), admin, user_id)
    return _one(request, lang, user, {"password": password})


@router.post("/users/{user_id}/sign-out")
def end_sessions(request: Request, admin: Admin, user_id: UserId) -> Response:
    """End every session of the user."""
    accounts = accounts_of(request)
    manage.end_sessions(accounts, admin, manage.need_user(accounts, user_id), None)
    return go(f"/users/{user_id}?done=sessions")


def grants_in(accounts: Accounts, form: Form) -> list[Grant]:
    """The roles that a form gives: for the whole box, for estates, for elevators.

    Raises: ProblemError 422 for a role that is none, or admin of a part.
    """
    rules = accounts.rules
    places: list[tuple[str, str | None, str | None]] = [("role", None, None)]
    places += [(f"estate:{name}", name, None) for name in sorted(rules.estates)]
    places += [(f"elevator:{id_}", None, id_) for id_ in rules.elevators]
    grants = []
    for field, estate, elevator_id in places:
        role = form.get(field, "")
        if not role:
            continue
        if role not in ROLES:
            raise ProblemError(
                422, "bad-request", f"{field}: {role[:40]!r} is no role; use {', '.join(ROLES)}"
            )
        try:
            grants.append(Grant(role, estate, elevator_id))
        except ValueError as exc:
            raise ProblemError(422, "bad-request", str(exc)) from exc
    return grants


def _list(request: Request, lang: str | None, more: dict[str, Any], status: int = 200) -> Response:
    accounts = accounts_of(request)
    around = _places(accounts) | {
        "users": accounts.people.all(),
        "form": {},
        "error": None,
        "held": {},
    }
    return show(request, "users.html", lang, around | more, status=status)


def _one(request: Request, lang: str | None, user: User, more: dict[str, Any], status: int = 200) -> Response:
    accounts = accounts_of(request)
    held = {(g.estate, g.elevator_id): g.role for g in user.grants}
    around = _places(accounts) | {
        "user": user,
        "held": held,
        "sessions": accounts.keys.sessions(user.id),
        "tokens": accounts.keys.tokens(user.id, accounts.now()),
        "password": None,
        "error": None,
        "done": None,
    }
    return show(request, "user.html", lang, around | more, status=status)


def _places(accounts: Accounts) -> dict[str, Any]:
    return {
        "roles": ROLES,
        "estates": sorted(accounts.rules.estates),
        "elevator_names": accounts.rules.elevators,
    }
