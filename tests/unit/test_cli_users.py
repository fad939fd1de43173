"""`liftguard user …`, as the person at the box runs it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli import app
from api.cli_users import UserError
from vision.errors import LiftguardError


@pytest.fixture(autouse=True)
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "liftguard.toml"
    config.write_text('[[elevators]]\nid = "a1"\nestate = "North"\n', "utf-8")
    monkeypatch.setenv("LIFTGUARD_CONFIG", str(config))
    monkeypatch.setenv("LIFTGUARD_DATA_DIR", str(tmp_path / "var"))


def user(*words: str, typed: str = "", fails: str = "") -> str:
    result = CliRunner().invoke(app, ["user", *words], input=typed)
    if fails:
        assert isinstance(result.exception, LiftguardError)
        assert re.search(fails, str(result.exception))
    else:
        assert result.exception is None, result.output
    return result.output


def test_from_the_first_admin_to_a_whole_trail() -> None:
    user("add", "ann", "-r", "viewer", fails="must be an admin")
    first = user("add", "ann", "--name", "Ann Lee")
    assert re.search(r"(\w{5}-){3}\w{5}", first)
    user("add", "ann", fails="there is a user")
    user("add", "bob", "--ask", typed="password1234\n", fails="guesser")
    assert "bob" not in user("list"), "a bad password makes no account"
    user(
        "add",
        "bob",
        "--ask",
        "-r",
        "guard:elevator=a1",
        "-r",
        "viewer:estate=North",
        typed="our lift is slow\n",
    )
    listed = user("list")
    assert "first password" in listed
    assert "guard:elevator=a1" in listed
    user("disable", "ann", fails="another admin")
    user("roles", "bob", "-r", "admin")
    user("disable", "ann")
    assert "disabled" in user("list")
    user("enable", "ann")
    assert user("reset-password", "bob") != first
    assert "whole" in user("check-audit")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("reset-password", "nobody"), "no user"),
        (("roles", "ann", "-r", "king"), "no role"),
        (("roles", "ann", "-r", "guard:elevator"), "no role"),
        (("roles", "ann", "-r", "guard:elevator=a9"), "a9"),
        (("roles", "ann", "-r", "admin:estate=North"), "whole box"),
        (("add", "a b"), "login name"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(words: tuple[str, ...], why: str) -> None:
    user("add", "ann")
    user(*words, fails=why)
    assert issubclass(UserError, LiftguardError)
