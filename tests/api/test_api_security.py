"""The page has no sign-in yet: other web sites in the same browser must not get at it."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from api.i18n import WORDS, choose_language
from api.problems import MEDIA_TYPE
from api.store import Store
from api.view_event import curve
from hardware.hold import REASONS, Phase
from tests.api.conftest import FakeLink
from tests.api.test_api_events import T0, add, problem
from vision.types import CLASS_NAMES

pytestmark = pytest.mark.anyio
RELEASE = "/api/v1/elevators/car-1/release"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "a b", "[::1"]
)
async def test_other_host_names_are_refused(client: httpx.AsyncClient, host: str) -> None:
    for path in ("/", "/api/v1/events", "/metrics", "/static/live.js"):
        problem(await client.get(path, headers={"host": host}), 400, "forbidden-host")


@pytest.mark.parametrize("host", ["localhost:8080", "LOCALHOST", "127.0.0.1", "[::1]:8080"])
async def test_own_names_are_served(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8081"},
        {"origin": "http://127.0.0.1:8080.evil.example"},
        {"origin": "file://127.0.0.1:8080"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_posts_from_other_sites_are_refused(
    client: httpx.AsyncClient, link: FakeLink, headers: dict[str, str]
) -> None:
    problem(await client.post(RELEASE, json={"reason": "x"}, headers=headers), 403, "forbidden-origin")
    assert link.asked == []


@pytest.mark.parametrize("path", ["/api/v1/elevators/car-1/snapshot.jpg", "/api/v1/live", "/api/v1/events"])
@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://evil.example"},
    ],
)
async def test_a_foreign_page_cannot_take_up_the_places_with_an_img(
    client: httpx.AsyncClient, link: FakeLink, path: str, headers: dict[str, str]
) -> None:
    link.pictures = []  # a place would be taken for seconds
    problem(await client.get(path, headers=headers), 403, "forbidden-origin")


@pytest.mark.parametrize("site", ["same-origin", "none"])
async def test_the_page_itself_and_the_address_bar_may_read(client: httpx.AsyncClient, site: str) -> None:
    headers = {"sec-fetch-site": site}
    assert (await client.get("/api/v1/events", headers=headers)).status_code == 200


async def test_a_link_from_elsewhere_may_lead_to_the_page(client: httpx.AsyncClient) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert (await client.get("/", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
async def test_what_a_form_can_send_is_refused(client: httpx.AsyncClient, link: FakeLink, kind: str) -> None:
    answer = await client.post(RELEASE, content=b'{"reason": "x"}', headers={"content-type": kind})
    problem(answer, 415, "wrong-content-type")
    assert link.asked == []


async def test_a_proxy_that_ends_tls_may_stand_in_front(client: httpx.AsyncClient, link: FakeLink) -> None:
    answer = await client.post(RELEASE, json={"reason": "x"}, headers={"origin": "https://127.0.0.1:8080"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/events", "/nothing", "/static/live.js", "/api/v1/events?limit=0"]
)
async def test_every_answer_carries_the_protecting_headers(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"


async def test_pages_have_no_inline_code_and_no_foreign_address(
    client: httpx.AsyncClient, store: Store
) -> None:
    event_id = add(store, 0)
    for path in ("/", f"/events/{event_id}"):
        text = (await client.get(path)).text
        assert " style=" not in text
        assert "<style" not in text
        assert " onclick=" not in text
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text
        for script in text.split("<script")[1:]:
            assert 'src="/static/' in script.split(">")[0] or "application/json" in script.split(">")[0]


# --- the pages ---------------------------------------------------------------------------------------------


async def test_the_page_in_both_languages(client: httpx.AsyncClient, link: FakeLink) -> None:
    english = (await client.get("/")).text
    assert '<html lang="en">' in english
    assert "No events yet." in english
    chinese = (await client.get("/", headers={"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"})).text
    assert '<html lang="zh-CN">' in chinese
    assert "暂无事件" in chinese
    assert '<html lang="en">' in (await client.get("/?lang=en", headers={"accept-language": "zh"})).text
    link.now = None
    silent = (await client.get("/")).text
    assert 'id="guard-off">Guard is not running.' in silent


async def test_event_pages(client: httpx.AsyncClient, store: Store) -> None:
    event_id = add(store, 0)
    page = await client.get(f"/events/{event_id}")
    assert page.status_code == 200
    assert "No evidence is stored for this event." in page.text
    missing = await client.get(f"/events/{event_id[:-4]}0000?lang=zh")
    assert missing.status_code == 404
    assert "未找到该事件" in missing.text
    odd = await client.get("/events/%3Cscript%3E")
    assert odd.headers["content-type"] == MEDIA_TYPE


def test_both_languages_have_the_same_words_with_the_same_gaps() -> None:
    assert WORDS["en"].keys() == WORDS["zh"].keys()
    for key, english in WORDS["en"].items():
        gaps = [{part.split("}")[0] for part in text.split("{")[1:]} for text in (english, WORDS["zh"][key])]
        assert gaps[0] == gaps[1], key
        assert WORDS["zh"][key].strip(), key


def all_that_guard_can_say() -> set[str]:
    from typing import get_args

    from api.elevator import STAGES
    from api.live import DoorPosition
    from api.records import OUTCOMES
    from hardware.hold import Inputs
    from vision.trouble import TROUBLE_KINDS
    from vision.types import SourceState, ZoneKind

    expected = [f"phase.{p}" for p in Phase] + [f"short.{p}" for p in Phase]
    expected += [f"reason.{r}" for r in REASONS] + [f"inhibit.{name}" for name in Inputs.__dataclass_fields__]
    expected += [f"outcome.{o}" for o in (*OUTCOMES, "open")] + [f"class.{c}" for c in CLASS_NAMES]
    expected += [f"door.{p}" for p in get_args(DoorPosition)] + [f"camera.{s}" for s in get_args(SourceState)]
    expected += [f"zone.{z}" for z in get_args(ZoneKind)]
    expected += [f"stage.{s}" for s in STAGES] + [f"trouble.{k}" for k in TROUBLE_KINDS]
    expected += [f"trouble.camera_{k}" for k in TROUBLE_KINDS]
    expected += [f"dev.camera_trouble.{k}" for k in TROUBLE_KINDS]
    return set(expected)


def test_there_is_a_word_for_all_that_guard_can_say() -> None:
    assert all_that_guard_can_say() <= WORDS["en"].keys()


MADE_UP = {
    "action.release",
    "action.rearm",
    "door.unknown",
    "kind.A",
    "kind.B",
    *(f"release.preset.{i}" for i in (1, 2, 3)),
}
"""Keys that page and templates put together themselves, beside what guard says."""


def test_every_word_is_used_somewhere() -> None:
    """A word is used if its key stands in a template or script, or is one that these put together."""
    root = Path(__file__).parents[2] / "api"
    files = [
        *(root / "templates").glob("*.html"),
        *(root / "static").glob("*.js"),
        *(root / "pages").glob("*.py"),
    ]
    code = "\n".join(path.read_text(encoding="utf-8") for path in files)
    literal = set(re.findall(r"""["'`]([a-zA-Z0-9_.]+)["'`]""", code))
    of_kind = {f"{what}.{kind}.{p}" for what in ("phase", "short") for kind in "AB" for p in Phase}
    made = re.findall(
        r"""["'`]([a-z_]+(?:\.[a-z_]+)*\.)(?:["'] ~|\$\{)""", code
    )  # "nav." ~ key, `nav.${key}`
    known = literal | all_that_guard_can_say() | of_kind | MADE_UP
    assert "events.when" in literal
    assert "nav." in made
    assert {key for key in WORDS["en"].keys() - known if not key.startswith(tuple(made))} == set()


@pytest.mark.parametrize(
    ("asked", "accept", "lang"),
    [
        (None, None, "en"),
        (None, "zh", "zh"),
        (None, "zh-Hant-TW;q=0.8, en-GB;q=0.9", "en"),
        (None, "fr, zh;q=0.3", "zh"),
        (None, "en;q=x, zh;q=0.1", "zh"),
        (None, ",;;q=,", "en"),
        ("zh", "en", "zh"),
        ("fr", "zh", "zh"),
    ],
)
def test_language_choice(asked: str | None, accept: str | None, lang: str) -> None:
    assert choose_language(asked, accept) == lang


def test_no_evidence_no_curve() -> None:
    assert curve((), (), T0, T0) is None
