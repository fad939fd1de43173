"""Webhooks and Home Assistant, the pure parts: addresses, the times of tries, topics."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.notices.address import allowed, check_url
from api.notices.home_assistant import Topics, discovery, elevator_state
from api.notices.values import RETRY_S, next_try_s
from tests.api.live_values import make_elevator, make_state
from vision.errors import ConfigError


@pytest.mark.parametrize(
    "url", ["https://example.org", "http://192.168.1.20:8123/hook?x=1", "https://[2001:db8::1]:8443/a"]
)
def test_addresses_that_may_be_told(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://example.org", "http or https"),
        ("https://", "name a host"),
        ("https://user:secret@example.org/", "leave it out"),
        ("https://example.org/a b", "without spaces"),
        ("https://exämple.org/", "plain characters"),
        ("https://example.org/#x", "fragment"),
        ("https://example.org:99999/", "no address"),
        ("https://[1::2::3]/", "no address"),
        ("javascript:alert(1)", "http or https"),
    ],
)
def test_addresses_that_are_refused_and_say_why(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        check_url(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "far", "near"),
    [
        ("203.0.113.9", True, True),
        ("192.168.1.20", True, True),
        ("10.0.0.1", True, True),
        ("127.0.0.1", False, True),
        ("::1", False, True),
        ("::ffff:127.0.0.1", False, True),
        ("169.254.169.254", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("fe80::1%eth0", False, False),
        ("0.0.0.0", False, False),
        ("224.0.0.1", False, False),
        ("255.255.255.255", False, False),
    ],
)
def test_this_machine_and_metadata_services_are_not_told(address: str, far: bool, near: bool) -> None:
    assert allowed(address, local=False) is far
    assert allowed(address, local=True) is near


@given(attempts=st.integers(1, 50), asked=st.none() | st.floats(0, 1e9))
def test_tries_come_between_half_a_minute_and_a_day_apart_and_end(attempts: int, asked: float | None) -> None:
    wait = next_try_s(attempts, asked)
    if attempts > len(RETRY_S):
        assert wait is None
    else:
        assert wait is not None
        assert 30 <= wait <= 86400


def test_every_entity_reads_a_key_that_the_state_has() -> None:
    topics = Topics("estate/a", "homeassistant")
    state = make_state(make_elevator(), make_elevator(id="car-2", name="二号梯"))
    told = json.loads(elevator_state(state.elevators[0]))
    seen = set()
    for topic, payload in discovery(state, topics):
        config = json.loads(payload)
        key = re.fullmatch(r"\{\{ value_json\.(\w+) \}\}", config["value_template"])
        assert key is not None
        assert key[1] in told
        assert config["state_topic"] in {topics.state("car-1"), topics.state("car-2")}
        assert topic.startswith("homeassistant/")
        assert topic.count("/") == 4
        assert config["unique_id"] not in seen
        seen.add(config["unique_id"])
    assert len(seen) == 12


def test_trouble_is_a_relay_that_fails_or_a_camera_that_is_not_live() -> None:
    fine = make_elevator()
    assert json.loads(elevator_state(fine))["trouble"] == "OFF"
    assert json.loads(elevator_state(fine.model_copy(update={"relay_ok": False})))["trouble"] == "ON"
    lost = fine.camera.model_copy(update={"state": "lost"})
    assert json.loads(elevator_state(fine.model_copy(update={"camera": lost})))["trouble"] == "ON"
