"""`liftguard evidence verify` and `export`: what was changed is found; what is taken away says by whom."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from api.accounts.audit_store import AuditFilter, AuditTrail
from api.accounts.who import Actor, Right
from api.cli import app
from api.evidence.export import Order, export
from api.evidence.files import EvidenceFile
from api.evidence.folder import EvidenceFolder
from api.evidence.verify import verify
from api.records import Evidence, NewEvent
from api.store import Store
from api.times import utc_now
from tests.support.events import T0, content_of, make_event, make_file, write_file


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def store(data_dir: Path) -> Iterator[Store]:
    store = Store(data_dir / "liftguard.db")
    store.migrate()
    yield store
    store.close()


@pytest.fixture
def folder(data_dir: Path) -> EvidenceFolder:
    return EvidenceFolder(data_dir / "evidence")


@pytest.fixture
def event(store: Store) -> NewEvent:
    event = make_event()
    store.start_event(event)
    return event


@pytest.fixture
def clips(store: Store, folder: EvidenceFolder, event: NewEvent) -> list[EvidenceFile]:
    found = []
    for segment in range(3):
        clip = make_file(event, segment=segment)
        write_file(folder.root, clip, content_of(event, segment=segment))
        store.put_file(clip)
        found.append(clip)
    return found


def troubles(store: Store, folder: EvidenceFolder, head: str | None = None) -> list[tuple[str, str]]:
    return [(t.kind, t.what) for t in verify(store, folder, head=head).troubles]


def change(store: Store, sql: str) -> None:
    with store.writing("meddle") as session:
        session.execute(text(sql))


def test_untouched_evidence_is_as_it_was(
    store: Store, folder: EvidenceFolder, clips: list[EvidenceFile]
) -> None:
    store.put_file(replace(clips[0], state="evicted", reason="old"))
    (folder.root / clips[0].path).unlink()
    heard: list[tuple[int, int]] = []
    report = verify(store, folder, progress=lambda done, total: heard.append((done, total)))
    assert report.troubles == ()
    assert (report.links, report.files, report.checked_files) == (4, 3, 2)
    assert report.head == store.chain_head()[1]
    assert heard[-1] == (report.checked_bytes, report.checked_bytes)
    first = store.chain()[0].chain
    assert troubles(store, folder, first) == []


@pytest.mark.parametrize(
    ("sql", "kind", "what"),
    [
        ("UPDATE evidence_files SET sha256 = '00' WHERE segment = 1", "row", "sha256 differ from link 2"),
        ("UPDATE evidence_files SET state = 'evicted' WHERE segment = 1", "row", "state differ from link 2"),
        (
            "DELETE FROM evidence_files WHERE segment = 1",
            "row",
            "link 2 speaks of it, and its row was removed",
        ),
        ("DELETE FROM evidence_chain WHERE seq = 2", "chain", "link 2 is missing"),
        (
            "UPDATE evidence_chain SET facts = replace(facts, 'car-1', 'car-2') WHERE seq = 2",
            "chain",
            "changed",
        ),
        ("DELETE FROM evidence_chain WHERE seq = 3", "row", "no link of the chain speaks of it"),
    ],
)
def test_meddling_with_the_store_shows(
    store: Store, folder: EvidenceFolder, clips: list[EvidenceFile], sql: str, kind: str, what: str
) -> None:
    change(store, sql)
    found = troubles(store, folder)
    assert any(k == kind and what in w for k, w in found), found


def test_meddling_with_a_file_shows(store: Store, folder: EvidenceFolder, clips: list[EvidenceFile]) -> None:
    path = folder.root / clips[0].path
    path.write_bytes(path.read_bytes().replace(b"clip", b"film"))
    (folder.root / clips[1].path).unlink()
    found = troubles(store, folder)
    assert [kind for kind, _ in found] == ["file", "file"]
    assert {"hash" in w or "not in the evidence folder" in w for _, w in found} == {True}
    assert verify(store, folder, contents=False).troubles == ()


def test_a_chain_made_anew_lacks_the_head_that_was_noted(
    store: Store, folder: EvidenceFolder, clips: list[EvidenceFile]
) -> None:
    _, head = store.chain_head()
    change(store, "DELETE FROM evidence_chain")
    change(store, "DELETE FROM evidence_files")
    for clip in clips[:2]:
        store.put_file(clip)
    assert troubles(store, folder) == []
    assert [kind for kind, _ in troubles(store, folder, head)] == ["chain"]


# --- export ------------------------------------------------------------------------------------------------

WHO = Actor("manager-1", "Frau Müller", frozenset(Right))


def test_an_export_says_what_it_is_and_who_took_it(
    store: Store, folder: EvidenceFolder, event: NewEvent, clips: list[EvidenceFile]
) -> None:
    store.add_evidence(event.id, [Evidence(0.1, 0.9, 0.8, (1, 2, 3, 4), "HOLDING")])
    store.put_file(replace(clips[2], state="evicted", reason="older than 30 days"))
    stored = store.event(event.id)
    assert stored is not None
    order = Order([stored], WHO, T0, originals=True, zone=ZoneInfo("Asia/Shanghai"))
    data = b"".join(export(store, order, folder.open))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        told = manifest["events"][0]
        assert told["started_at"] == {
            "utc": "2026-03-01T08:00:00.000Z",
            "local": "2026-03-01T16:00:00.000+08:00",
            "zone": "CST",
        }
        assert manifest["exported_by"] == {"id": "manager-1", "name": "Frau Müller"}
        assert manifest["chain"]["head"] == store.chain_head()[1]
        assert told["evidence"][0]["score"] == 0.9
        assert [f["state"] for f in told["files"]] == ["stored", "stored", "evicted"]
        assert told["files"][2]["reason"] == "older than 30 days"
        for segment, file in enumerate(told["files"][:2]):
            content = archive.read(file["name"])
            assert content == content_of(event, segment=segment)
            assert file["sha256"] == file["sha256_of_original"] == hashlib.sha256(content).hexdigest()
            subtitles = archive.read(file["name"].replace(".mp4", ".srt")).decode()
            assert "00:00:00,000 --> 00:00:15,000\nExported by Frau Müller (manager-1)" in subtitles
        assert "2026-03-01 16:00:00 +0800" in archive.read("WATERMARK.txt").decode()


def test_before_anything_was_stored_nothing_is_missing(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFTGUARD_DATA_DIR", str(data_dir))
    runner = CliRunner()
    done = runner.invoke(app, ["evidence", "verify"])
    assert done.exit_code == 0, done.output
    assert "nothing has been stored yet" in done.output
    assert not data_dir.exists(), "looking makes nothing"
    noted_earlier = runner.invoke(app, ["evidence", "verify", "--head", "3f" * 32])
    assert noted_earlier.exit_code == 1, "there was a store once"
    (data_dir / "evidence").mkdir(parents=True)
    (data_dir / "evidence" / "a.mp4").write_bytes(b"x")
    left_over = runner.invoke(app, ["evidence", "verify"])
    assert left_over.exit_code == 1
    assert "no store that speaks of them" in left_over.output


def test_the_commands(
    data_dir: Path,
    store: Store,
    folder: EvidenceFolder,
    event: NewEvent,
    clips: list[EvidenceFile],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LIFTGUARD_DATA_DIR", str(data_dir))
    runner = CliRunner()
    done = runner.invoke(app, ["evidence", "verify"])
    assert done.exit_code == 0, done.output
    assert "3 links, 3 files, 3 of them read" in done.output
    assert store.chain_head()[1] in done.output

    out = tmp_path / "out.zip"
    done = runner.invoke(app, ["evidence", "export", event.id, "-o", str(out)])
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(out) as archive:
        assert len([n for n in archive.namelist() if n.endswith(".mp4")]) == 3
    assert out.stat().st_mode & 0o777 == 0o600
    noted, _ = AuditTrail(store, utc_now).entries(which=AuditFilter(action="evidence.export"))
    assert [entry.target for entry in noted] == [event.id]
    again = runner.invoke(app, ["evidence", "export", event.id, "-o", str(out)])
    assert again.exit_code != 0

    (folder.root / clips[1].path).write_bytes(b"x")
    done = runner.invoke(app, ["evidence", "verify", "--json"])
    assert done.exit_code == 1
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["ok"] is False
    assert report["troubles"][0]["where"] == f"event {event.id}, clip 1"
    other = tmp_path / "other.zip"
    done = runner.invoke(app, ["evidence", "export", event.id, "-o", str(other)])
    assert done.exit_code == 1
    assert not other.exists()
    assert list(tmp_path.glob(".*.part")) == []
