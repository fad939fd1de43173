"""Clips and pictures over HTTP: who may see them, ranges, and what is said where there is nothing to show."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.accounts.who import Actor, Right
from api.evidence.files import EvidenceFile
from api.evidence.slices import Part, UnsatisfiableRangeError, parse_range
from api.records import NewEvent
from api.store import Store
from api.web import create_app
from tests.api.conftest import FakeLink
from tests.api.test_api_events import problem
from tests.support.events import content_of, make_event, make_file, write_file
from vision.errors import EvidenceError, StorageError

pytestmark = pytest.mark.anyio

SEES_ALL = Actor("manager-1", "Manager", frozenset(Right) - {Right.MANAGE_USERS})
BLURRED_ONLY = Actor("guard-1", "Guard", frozenset({Right.SEE_EVENTS, Right.SEE_EVIDENCE}))
As = Callable[[Actor], None]


@dataclass
class NotedAudit:
    notes: list[tuple[str, str, str]] = field(default_factory=list)
    broken: bool = False

    def note(self, actor: Actor, action: str, target: str, detail: str = "") -> None:
        if self.broken:
            raise StorageError("the disk is full")
        self.notes.append((actor.id, action, target))


@dataclass
class FakeBlurrer:
    copy: Path
    broken: bool = False

    def blurred(self, file: EvidenceFile, root: Path) -> Path:
        if self.broken:
            raise EvidenceError("no faces could be looked for")
        self.copy.write_bytes(b"nobody to be seen")
        return self.copy


@pytest.fixture
def be(monkeypatch: pytest.MonkeyPatch) -> As:
    return lambda actor: monkeypatch.setattr("api.accounts.who.actor_of", lambda _connection: actor)


@pytest.fixture
def audit(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> NotedAudit:
    audit = NotedAudit()
    monkeypatch.setattr(type(app.state.parts), "audit", audit, raising=False)
    return audit


@pytest.fixture
def event(store: Store) -> NewEvent:
    event = make_event()
    store.start_event(event)
    return event


@pytest.fixture
def clip(store: Store, event: NewEvent, tmp_path: Path) -> EvidenceFile:
    clip = make_file(event)
    write_file(tmp_path / "evidence", clip, content_of(event))
    store.put_file(clip)
    return clip


def url(event: NewEvent, what: str) -> str:
    return f"/api/v1/events/{event.id}/{what}"


async def test_files_are_listed_with_reasons_and_addresses(
    client: httpx.AsyncClient, store: Store, event: NewEvent, clip: EvidenceFile
) -> None:
    store.put_file(make_file(event, "snapshot", state="failed", sha256=None, reason="the camera was lost"))
    body = (await client.get(url(event, "files"))).json()
    assert body["can_blur"] is False
    assert [(f["kind"], f["state"], f["reason"]) for f in body["files"]] == [
        ("clip", "stored", None),
        ("snapshot", "failed", "the camera was lost"),
    ]
    assert body["files"][0]["url"] == url(event, "clip?segment=0")
    assert body["files"][0]["sha256"] == clip.sha256
    assert body["files"][1]["url"] is None
    assert "path" not in body["files"][0]


async def test_an_original_is_served_whole_and_in_ranges_and_noted_once(
    client: httpx.AsyncClient, event: NewEvent, clip: EvidenceFile, be: As, audit: NotedAudit
) -> None:
    be(SEES_ALL)
    content = content_of(event)
    whole = await client.get(url(event, "clip?original=true"))
    assert (whole.status_code, whole.content) == (200, content)
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["accept-ranges"] == "bytes"
    assert "no-store" in whole.headers["cache-control"]
    tag = whole.headers["etag"]

    async def ranged(asked: str, **more: str) -> httpx.Response:
        return await client.get(url(event, "clip?original=true"), headers={"range": asked, **more})

    end = len(content) - 1
    for asked, first, last in (("bytes=0-9", 0, 9), ("bytes=5-", 5, end), ("bytes=-7", end - 6, end)):
        answer = await ranged(asked)
        assert (answer.status_code, answer.content) == (206, content[first : last + 1])
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(content)}"
        assert answer.headers["content-length"] == str(last - first + 1)
    beyond = await ranged(f"bytes={len(content)}-")
    problem(beyond, 416, "unsatisfiable-range")
    assert beyond.headers["content-range"] == f"bytes */{len(content)}"
    assert (await ranged("bytes=0-9", **{"if-range": tag})).status_code == 206
    assert (await ranged("bytes=0-9", **{"if-range": '"other"'})).status_code == 200
    assert (await ranged("bytes=0-1,5-6")).content == content
    assert (
        await client.get(url(event, "clip?original=true"), headers={"if-none-match": tag})
    ).status_code == 304
    assert audit.notes == [("manager-1", "evidence.read_original", event.id)], "one playback is one read"


async def test_without_the_right_or_the_wish_no_face_is_shown(
    client: httpx.AsyncClient, event: NewEvent, clip: EvidenceFile, be: As, audit: NotedAudit
) -> None:
    for actor in (BLURRED_ONLY, SEES_ALL):
        be(actor)
        problem(await client.get(url(event, "clip")), 503, "blurring-unavailable")
    be(BLURRED_ONLY)
    problem(await client.get(url(event, "clip?original=true")), 403, "not-allowed")
    be(replace(SEES_ALL, rights=frozenset({Right.SEE_EVENTS})))
    problem(await client.get(url(event, "clip?original=true")), 403, "not-allowed")
    problem(await client.get(url(event, "files")), 403, "not-allowed")
    be(replace(SEES_ALL, elevators=frozenset({"car-2"})))
    problem(await client.get(url(event, "clip?original=true")), 404, "unknown-event")
    assert audit.notes == []


async def test_whoever_may_not_see_faces_gets_a_blurred_copy(
    store: Store, link: FakeLink, event: NewEvent, clip: EvidenceFile, tmp_path: Path, be: As
) -> None:
    be(BLURRED_ONLY)
    blurrer = FakeBlurrer(tmp_path / "copy.mp4")
    app = create_app(store, link, version="1", evidence_dir=tmp_path / "evidence", blurrer=blurrer)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        answer = await client.get(url(event, "clip"), headers={"range": "bytes=0-5"})
        assert (answer.status_code, answer.content) == (206, b"nobody")
        assert answer.headers["etag"] != f'"{str(clip.sha256)[:32]}"'
        assert (await client.get(url(event, "files"))).json()["can_blur"] is True
        blurrer.broken = True
        body = problem(await client.get(url(event, "clip")), 503, "blurring-unavailable")
        assert "no faces could be looked for" in str(body["detail"])


@pytest.mark.parametrize(
    ("state", "reason", "status", "kind"),
    [
        ("evicted", "older than 30 days", 410, "evidence-evicted"),
        ("failed", "the camera was lost", 404, "evidence-failed"),
        ("writing", None, 409, "evidence-not-ready"),
        ("missing", "taken away", 404, "evidence-missing"),
        ("damaged", "another hash", 409, "evidence-damaged"),
    ],
)
async def test_what_cannot_be_shown_is_said_with_the_reason(
    client: httpx.AsyncClient,
    store: Store,
    event: NewEvent,
    be: As,
    state: str,
    reason: str | None,
    status: int,
    kind: str,
) -> None:
    be(SEES_ALL)
    store.put_file(make_file(event, state=state, reason=reason))
    body = problem(await client.get(url(event, "clip?original=true")), status, kind)
    assert (reason or "") in str(body["detail"])
    problem(await client.get(url(event, "clip?original=true&segment=1")), 404, "no-evidence")
    problem(await client.get(url(event, "thumbnail?original=true")), 404, "no-evidence")


async def test_a_damaged_file_is_reported_and_never_served(
    client: httpx.AsyncClient, store: Store, event: NewEvent, clip: EvidenceFile, tmp_path: Path, be: As
) -> None:
    be(SEES_ALL)
    path = tmp_path / "evidence" / clip.path
    assert (await client.get(url(event, "clip?original=true"))).status_code == 200
    content = bytearray(path.read_bytes())
    content[7] ^= 1  # same size, one bit
    path.write_bytes(content)
    body = problem(await client.get(url(event, "clip?original=true")), 409, "evidence-damaged")
    assert "hash" in str(body["detail"])
    assert [f.state for f in store.files(event.id)] == ["damaged"]
    path.write_bytes(content_of(event))
    problem(await client.get(url(event, "clip?original=true")), 409, "evidence-damaged")


async def test_a_deleted_file_and_a_link_in_its_place_are_reported(
    client: httpx.AsyncClient, store: Store, event: NewEvent, clip: EvidenceFile, tmp_path: Path, be: As
) -> None:
    be(SEES_ALL)
    snapshot = make_file(event, "snapshot")
    store.put_file(snapshot)
    problem(await client.get(url(event, "snapshot?original=true")), 404, "evidence-missing")
    path = tmp_path / "evidence" / clip.path
    other = path.rename(tmp_path / "elsewhere.mp4")
    path.symlink_to(other)
    problem(await client.get(url(event, "clip?original=true")), 409, "evidence-damaged")
    assert [f.state for f in store.files(event.id)] == ["damaged", "missing"]


async def test_what_cannot_be_noted_is_not_shown(
    client: httpx.AsyncClient, event: NewEvent, clip: EvidenceFile, be: As, audit: NotedAudit
) -> None:
    be(SEES_ALL)
    audit.broken = True
    problem(await client.get(url(event, "clip?original=true")), 503, "store-failing")


async def test_pictures_with_and_without_boxes(
    client: httpx.AsyncClient, store: Store, event: NewEvent, tmp_path: Path, be: As
) -> None:
    be(SEES_ALL)
    for kind, what in (
        ("snapshot", "snapshot?"),
        ("snapshot_boxes", "snapshot?boxes=true&"),
        ("thumbnail", "thumbnail?"),
    ):
        file = make_file(event, kind)
        write_file(tmp_path / "evidence", file, content_of(event, kind))
        store.put_file(file)
        answer = await client.get(url(event, f"{what}original=true"))
        assert answer.content == content_of(event, kind)
        assert answer.headers["content-type"] == file.media_type


@pytest.mark.parametrize(
    ("header", "size", "part"),
    [
        (None, 10, None),
        ("bytes=0-", 10, Part(0, 9)),
        ("bytes=3-3", 10, Part(3, 3)),
        ("Bytes = 3-99", 10, Part(3, 9)),
        ("bytes=-99", 10, Part(0, 9)),
        ("bytes=5-3", 10, None),
        ("bytes=-", 10, None),
        ("bytes=a-b", 10, None),
        ("lines=0-1", 10, None),
        ("bytes=0-1,3-4", 10, None),
        ("bytes=" + "9" * 19 + "-", 10, None),
    ],
)
def test_ranges(header: str | None, size: int, part: Part | None) -> None:
    assert parse_range(header, size) == part


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-1", 0)]
)
def test_ranges_behind_the_end(header: str, size: int) -> None:
    with pytest.raises(UnsatisfiableRangeError):
        parse_range(header, size)


# --- export and storage ------------------------------------------------------------------------------------


async def test_an_export_is_a_zip_for_those_who_may(
    client: httpx.AsyncClient, event: NewEvent, clip: EvidenceFile, be: As, audit: NotedAudit
) -> None:
    be(SEES_ALL)
    problem(await client.get(url(event, "export")), 503, "blurring-unavailable")
    answer = await client.get(url(event, "export?original=true"))
    assert answer.headers["content-type"] == "application/zip"
    assert f'filename="liftguard-{event.id}.zip"' in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert archive.read(manifest["events"][0]["files"][0]["name"]) == content_of(event)
    assert manifest["exported_by"]["id"] == "manager-1"
    assert ("manager-1", "evidence.export", event.id) in audit.notes
    be(BLURRED_ONLY)
    problem(await client.get(url(event, "export?original=true")), 403, "not-allowed")


async def test_a_damaged_file_is_said_before_the_download_begins(
    client: httpx.AsyncClient, event: NewEvent, clip: EvidenceFile, tmp_path: Path, be: As
) -> None:
    be(SEES_ALL)
    (tmp_path / "evidence" / clip.path).write_bytes(b"x")
    problem(await client.get(url(event, "export?original=true")), 409, "evidence-damaged")


async def test_storage_figures(client: httpx.AsyncClient, store: Store, clip: EvidenceFile, be: As) -> None:
    other = make_file(make_event(elevator_id="car-2"))
    store.put_file(other)
    body = (await client.get("/api/v1/storage")).json()
    assert body["used_bytes"] == clip.size_bytes + other.size_bytes
    assert body["free_bytes"] > 0
    assert [e["elevator_id"] for e in body["elevators"]] == ["car-1", "car-2"]
    be(replace(SEES_ALL, elevators=frozenset({"car-2"})))
    body = (await client.get("/api/v1/storage")).json()
    assert [e["elevator_id"] for e in body["elevators"]] == ["car-2"]
