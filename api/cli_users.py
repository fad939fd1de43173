"""`liftguard user …`: accounts, for the person at the box: whoever may write the store may do this.

It works on the store alone: web may run or not, and notices within seconds.
"""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from vision.errors import LiftguardError

if TYPE_CHECKING:
    from api.accounts.records import Grant, User
    from api.accounts.rights import Actor
    from api.accounts.service import Accounts

app = typer.Typer(help="Accounts: who may sign in, and what they may do.", no_args_is_help=True)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="Settings file (TOML); see `liftguard run --help`.")
]
LoginArgument = Annotated[str, typer.Argument(help="Login name.")]
RoleOption = Annotated[
    list[str] | None,
    typer.Option(
        "--role",
        "-r",
        help="admin, manager, guard, viewer; manager:estate=NAME or guard:elevator=ID for a part; repeat it.",
    ),
]


class UserError(LiftguardError, ValueError):
    """An account cannot be made or changed like that."""


@app.command("add")
def add(
    login: LoginArgument,
    name: Annotated[str, typer.Option(help="Name for people. Default: the login name.")] = "",
    role: RoleOption = None,
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask for the password here instead of making a first one.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Make an account. The first one is an admin. Prints a first password, or asks for one with --ask."""
    from api.accounts import manage

    accounts, by = _open(config)
    first = not accounts.people.any()
    grants = _grants(role or (["admin"] if first else []))
    if first and not any(g.role == "admin" for g in grants):
        raise UserError("the first account must be an admin; leave --role out or say --role admin")
    with _refused():
        chosen = _ask() if ask else ""
        if ask:
            accounts.check_password(chosen, *accounts.clean(login, name))
        user, password = manage.create_user(accounts, by, login, name, grants)
        if ask:
            accounts.people.set_password(user.id, accounts.passwords.hash(chosen), accounts.now(), None)
    if ask:
        typer.echo(f"{user.login} may sign in.")
    else:
        _say_first(user, password)


@app.command("list")
def list_users(config: ConfigOption = None) -> None:
    """Everybody, with roles and last sign-in."""
    accounts, _ = _open(config)
    table = Table("login", "name", "roles", "last sign-in", "", box=None)
    for user in accounts.people.all():
        roles = ", ".join(_role_text(g) for g in user.grants) or "none"
        last = f"{user.signed_in_at:%Y-%m-%d %H:%M} UTC" if user.signed_in_at else "never"
        state = "disabled" if user.disabled else "first password" if user.must_change else ""
        table.add_row(user.login, user.name, roles, last, state)
    Console().print(table)


@app.command("roles")
def set_roles(login: LoginArgument, role: RoleOption = None, config: ConfigOption = None) -> None:
    """Give an account these roles and no others."""
    from api.accounts import manage

    accounts, by = _open(config)
    with _refused():
        user = manage.change_user(accounts, by, _find(accounts, login).id, grants=_grants(role or []))
    typer.echo(f"{user.login}: {', '.join(_role_text(g) for g in user.grants) or 'no role'}")


@app.command("reset-password")
def reset_password(login: LoginArgument, config: ConfigOption = None) -> None:
    """Make a new first password; every session of the account ends."""
    from api.accounts import manage

    accounts, by = _open(config)
    with _refused():
        user, password = manage.reset_password(accounts, by, _find(accounts, login).id)
    _say_first(user, password)


@app.command("disable")
def disable(login: LoginArgument, config: ConfigOption = None) -> None:
    """Nobody signs in with this account any more; its sessions and tokens end."""
    _set_disabled(login, config, disabled=True)


@app.command("enable")
def enable(login: LoginArgument, config: ConfigOption = None) -> None:
    """Let a disabled account sign in again. Its tokens stay revoked."""
    _set_disabled(login, config, disabled=False)


@app.command("check-audit")
def check_audit(config: ConfigOption = None) -> None:
    """Compute the chain of the audit trail again. Exit code 1 if an entry was changed or taken out."""
    accounts, _ = _open(config)
    broken = accounts.trail.broken()
    if broken is not None:
        typer.echo(f"Entry {broken.id} of {broken.at:%Y-%m-%d %H:%M} UTC does not fit the one before it.")
        raise typer.Exit(1)
    typer.echo("The audit trail is whole.")


def _ask() -> str:
    """The password: typed unseen at a terminal, else one line of standard input."""
    return getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def _set_disabled(login: str, config: Path | None, *, disabled: bool) -> None:
    from api.accounts import manage

    accounts, by = _open(config)
    with _refused():
        user = manage.change_user(accounts, by, _find(accounts, login).id, disabled=disabled)
    typer.echo(f"{user.login} may {'no longer' if disabled else 'again'} sign in.")


def _open(config: Path | None) -> tuple[Accounts, Actor]:
    from api.accounts.rights import Actor, Right
    from api.accounts.rules import rules_of
    from api.accounts.service import Accounts
    from api.data_dir import make_private
    from api.load import load_settings
    from api.store import Store

    settings = load_settings(config)
    make_private(settings.data_dir)
    store = Store(settings.store_url)
    store.migrate()
    by = Actor("command-line", f"{getpass.getuser()} at the box", frozenset(Right))
    return Accounts(store, rules_of(settings)), by


class _refused:  # noqa: N801 - reads as a statement
    """What the API would answer with a problem becomes an error of the command."""

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, exc: BaseException | None, _trace: object) -> None:
        from api.problems import ProblemError

        if isinstance(exc, ProblemError):
            raise UserError(exc.problem.detail) from exc


def _find(accounts: Accounts, login: str) -> User:
    from api.accounts.records import clean_login

    try:
        user = accounts.people.find(clean_login(login))
    except ValueError as exc:
        raise UserError(str(exc)) from exc
    if user is None:
        raise UserError(f"there is no user {login!r}; `liftguard user list` shows all")
    return user


def _grants(roles: list[str]) -> list[Grant]:
    from api.accounts.records import Grant
    from api.accounts.rights import RIGHTS

    grants = []
    for text in roles:
        role, _, place = text.partition(":")
        kind, _, where = place.partition("=")
        if role not in RIGHTS or (place and (kind not in {"estate", "elevator"} or not where)):
            raise UserError(f"{text!r} is no role; use guard, viewer:estate=NAME or manager:elevator=ID")
        try:
            grants.append(
                Grant(role, where if kind == "estate" else None, where if kind == "elevator" else None)
            )
        except ValueError as exc:
            raise UserError(str(exc)) from exc
    return grants


def _role_text(grant: Grant) -> str:
    if grant.estate:
        return f"{grant.role}:estate={grant.estate}"
    return f"{grant.role}:elevator={grant.elevator_id}" if grant.elevator_id else grant.role


def _say_first(user: User, password: str) -> None:
    typer.echo(f"First password of {user.login}, to be changed at the first sign-in, valid for a week:")
    typer.echo(f"  {password}")
