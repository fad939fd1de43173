"""The store's address may hold a password: no message and no listing of the settings may show it."""

from __future__ import annotations

import traceback

import pytest

from api.settings import Settings
from api.show import shown_tree
from api.storage_engine import describe, open_engine
from vision.errors import ConfigError, StorageError

SECRETS = ("hunter2", "hun", "ter2")
RUBBISH = [
    "postgresql:/guard:hunter2@db/events",
    "postgresql://guard:hunter2@db:port/events",
    "guard:hunter2@db",
    "post gres://guard:hunter2@db",
]
READABLE = [
    "mysql+nothere://guard:hunter2@db/events",
    "nothere://guard:hun@ter2@db/events",
    "postgresql+nothere://guard:hun/ter2@db/events",
    "nothere://db/events?password=hunter2",
]


def settings_with(url: str) -> Settings:
    return Settings.model_validate({"store": {"url": url}})


def no_secret(text: str) -> bool:
    return not any(secret in text for secret in SECRETS)


@pytest.mark.parametrize("url", RUBBISH + READABLE)
def test_a_store_that_cannot_be_opened_is_said_without_its_password(url: str) -> None:
    with pytest.raises(StorageError, match=r"store\.url") as failed:
        open_engine(url, 1.0)
    assert no_secret("".join(traceback.format_exception(failed.value, chain=True)).split("StorageError:")[-1])
    assert no_secret(str(failed.value))


@pytest.mark.parametrize("url", RUBBISH)
def test_rubbish_is_an_error_of_ours_where_settings_are_shown(url: str) -> None:
    with pytest.raises(ConfigError, match=r"store\.url is not a SQLAlchemy URL") as failed:
        shown_tree(settings_with(url))
    assert no_secret(str(failed.value))


@pytest.mark.parametrize("url", READABLE)
def test_what_can_be_read_is_shown_without_its_password(url: str) -> None:
    shown = shown_tree(settings_with(url))["store"]["url"]
    assert no_secret(shown)
    assert "db/events" in shown


def test_a_path_with_an_at_sign_is_shown_whole() -> None:
    url = "sqlite:////var/lib/a%40b.db"
    assert shown_tree(settings_with(url))["store"]["url"] == url
    assert describe(open_engine(url, 1.0)) == "/var/lib/a@b.db"
