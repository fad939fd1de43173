"""Evidence goes the whole way: a camera, an event, its files, retention, an export, a training set."""

from __future__ import annotations

import hashlib
import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import av
import cv2
import httpx
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from api import cli
from api.evidence.retention import Limits
from api.evidence.sweeper import Sweeper
from api.store import Store
from api.times import WallTime
from tests.support.rtsp_server import RtspServer, repeated, why_not
from tests.support.tiny_world import tiny_manifest, visit_clip
from tests.support.waiting import eventually
from tests.support.whole import Whole

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

LATE_S = 60.0
KINDS = {"clip", "snapshot", "snapshot_boxes", "thumbnail"}
NO_ROOM = 1 << 50  # free bytes that no disk has
QUICK = {
    "LIFTGUARD_DETECTOR__THREADS": "1",
    "LIFTGUARD_ELEVATORS__0__HOLD__REJOIN_S": "2",
    "LIFTGUARD_ELEVATORS__0__HOLD__RELEASE_S": "2",
    "LIFTGUARD_ELEVATORS__0__HOLD__STALE_S": "2",  # CI machines stall
    "LIFTGUARD_ELEVATORS__0__CAMERA__LOOP": "true",
    "LIFTGUARD_ELEVATORS__0__CAMERA__TAMPER": "false",  # the tiny world is one flat colour
    "LIFTGUARD_EVIDENCE__PRE_S": "1",
    "LIFTGUARD_EVIDENCE__POST_S": "1",
    "LIFTGUARD_EVIDENCE__SWEEP_S": "1",
}


class Box:
    """A box under test, asked as a browser asks."""

    def __init__(self, whole: Whole) -> None:
        self.whole = whole
        self.web = httpx.Client(base_url=whole.url("").rstrip("/"), timeout=60.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.web.close()

    def ended(self) -> list[str]:
        return [e["id"] for e in self.web.get("/api/v1/events").json()["events"] if e["ended_at"]]

    def files(self, event_id: str) -> dict[str, dict[str, Any]]:
        found = self.web.get(f"/api/v1/events/{event_id}/files").json()["files"]
        return {file["kind"]: file for file in found}

    def wait_for_files(self, event_id: str) -> dict[str, dict[str, Any]]:
        def whole() -> bool:
            found = self.files(event_id)
            return set(found) == KINDS and all(f["state"] == "stored" for f in found.values())

        eventually(whole, LATE_S, lambda: self.files(event_id))
        return self.files(event_id)

    def review(self, event_id: str, **said: object) -> None:
        answer = self.web.patch(f"/api/v1/events/{event_id}", json=said, headers={"if-match": "*"})
        assert answer.status_code == 200, answer.text


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return QUICK | {"LIFTGUARD_DETECTOR__MANIFEST": str(tiny_manifest(tmp_path / "model"))}


@pytest.fixture
def command(tmp_path: Path, env: dict[str, str]) -> Any:
    """The command line at the same box. Gives the output; the exit code must be 0."""

    def run(*arguments: str, code: int = 0) -> str:
        own = {"LIFTGUARD_DATA_DIR": str(tmp_path / "var"), "LIFTGUARD_CONFIG": str(tmp_path / "empty.toml")}
        result = CliRunner().invoke(cli.app, list(arguments), env=env | own)
        assert result.exit_code == code, result.output
        return result.stdout

    return run


def check_shown(box: Box, event_id: str, files: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    """What a browser gets can be played and seen, a range too; it is a covered copy of what lies there."""
    clip = box.web.get(files["clip"]["url"])
    assert (clip.status_code, clip.headers["content-type"]) == (200, "video/mp4")
    (tmp_path / "shown.mp4").write_bytes(clip.content)
    with av.open(str(tmp_path / "shown.mp4")) as shown:
        levels = [float(frame.to_ndarray(format="gray").mean()) for frame in shown.decode(video=0)]
    assert min(levels) < 60, "it begins before the e-bike"
    assert max(levels) > 200, "and shows it"
    part = box.web.get(files["clip"]["url"], headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, clip.content[10:20])
    picture = box.web.get(files["snapshot"]["url"])
    found = cv2.imdecode(np.frombuffer(picture.content, np.uint8), cv2.IMREAD_COLOR)
    assert found is not None
    assert found.mean() > 200, "the frame that shows it best"
    (tmp_path / "shown.webp").write_bytes(box.web.get(files["thumbnail"]["url"]).content)
    with Image.open(tmp_path / "shown.webp") as moving:
        assert getattr(moving, "n_frames", 1) > 1
    assert box.web.get(f"{files['clip']['url']}&original=true").status_code == 403, "no account, no faces"
    kept = tmp_path / "var" / "evidence"
    for file in files.values():
        (path,) = kept.rglob(f"{event_id}-{file['kind']}-0.*")
        assert hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]


def check_taken_away(command: Any, event_id: str, head: str, tmp_path: Path) -> None:
    """The zip holds every file with its hash, both times, the chain's head and who took it."""
    out = tmp_path / "taken.zip"
    command("evidence", "export", event_id, "--out", str(out))
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        assert manifest["chain"]["head"] == head
        assert "command line" in manifest["exported_by"]["name"]
        (event,) = manifest["events"]
        assert set(event["started_at"]) == {"utc", "local", "zone"}
        assert {f["kind"] for f in event["files"]} == KINDS
        for file in event["files"]:
            assert hashlib.sha256(archive.read(file["name"])).hexdigest() == file["sha256"]
            assert file["sha256"] == file["sha256_of_original"]
        clip = next(f["name"] for f in event["files"] if f["kind"] == "clip")
        assert manifest["watermark"] in archive.read(clip.replace(".mp4", ".srt")).decode()


def check_learned_from(command: Any, event_id: str, tmp_path: Path) -> None:
    """The judged event becomes pictures with boxes of where the e-bike was."""
    command("dataset", "export-feedback", str(tmp_path / "set"), "--originals", "--gap", "0.2")
    labels = [path.read_text().split() for path in (tmp_path / "set").rglob("*.txt")]
    boxes = [tuple(map(float, label[1:])) for label in labels if label]
    assert boxes
    for x, y, w, h in boxes:  # of the tiny model: 32 x 32 px in the middle of 64 x 64
        assert (x, y) == pytest.approx((0.5, 0.5), abs=0.05)
        assert (w, h) == pytest.approx((0.5, 0.5), abs=0.1)
    assert event_id in (tmp_path / "set" / "manifest.json").read_text() or any(
        event_id in path.read_text() for path in (tmp_path / "set").rglob("*.jsonl")
    )


def verified(command: Any, *more: str, code: int = 0) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(command("evidence", "verify", "--json", *more, code=code))
    return report


def test_from_the_camera_to_the_training_set(tmp_path: Path, env: dict[str, str], command: Any) -> None:
    clip = visit_clip(tmp_path / "visit.mp4", empty_s=1.5, visit_s=2.5, after_s=4.0)
    source = {"LIFTGUARD_ELEVATORS__0__CAMERA__SOURCE": str(clip)}
    with Whole(tmp_path, env | source) as whole, Box(whole) as box:
        eventually(lambda: bool(box.ended()), LATE_S, whole.said)
        event_id = box.ended()[-1]
        files = box.wait_for_files(event_id)
        check_shown(box, event_id, files, tmp_path)
        box.review(event_id, verdict="confirmed", locked=True, note="red e-bike")
    report = verified(command)
    assert report["ok"]
    assert report["checked_files"] >= len(KINDS), "the clip goes round and round: there may be more events"
    check_taken_away(command, event_id, report["head"], tmp_path)
    check_learned_from(command, event_id, tmp_path)

    store, root, times = Store(tmp_path / "var" / "liftguard.db"), tmp_path / "var" / "evidence", WallTime()
    limits = Limits(timedelta(days=30), None, None, NO_ROOM)
    Sweeper(lambda: store, root, limits, times.clock, times.wall, sweep_s=1).turn()
    assert {f.state for f in store.files(event_id)} == {"stored"}, "locked: kept, whatever fills the disk"
    for event in store.events().events:
        states = {f.state for f in store.files(event.id)}
        assert event.id == event_id or states <= {"evicted", "failed"}
    store.close()
    assert verified(command, "--head", report["head"])["ok"]
    (path,) = root.rglob(f"{event_id}-snapshot-0.jpg")
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert [t["kind"] for t in verified(command, code=1)["troubles"]] == ["file"]


def check_gone(box: Box, gone: str, kept: str) -> None:
    """What made room says so; what is locked is there as it was; both events stay."""
    eventually(lambda: {f["state"] for f in box.files(gone).values()} == {"evicted"}, LATE_S)
    for kind in ("clip", "snapshot", "thumbnail"):
        answer = box.web.get(f"/api/v1/events/{gone}/{kind}")
        assert answer.status_code == 410
        assert answer.json()["type"] == "urn:liftguard:problem:evidence-evicted"
        assert "GiB free" in answer.json()["detail"]
        assert box.web.get(f"/api/v1/events/{kept}/{kind}").status_code == 200
    assert box.web.get(f"/api/v1/events/{gone}").json()["outcome"] == "left", "the event stays"


@pytest.mark.slow
@pytest.mark.rtsp
def test_over_a_real_camera_what_is_not_locked_makes_room_and_says_so(
    tmp_path: Path, env: dict[str, str], command: Any
) -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    visit = visit_clip(tmp_path / "visit.mp4", empty_s=2.0, visit_s=3.0, after_s=5.0)
    with RtspServer(repeated(visit, 30, tmp_path / "repeated.mp4")) as camera:
        whole = Whole(tmp_path, env | {"LIFTGUARD_ELEVATORS__0__CAMERA__SOURCE": camera.url})
        with whole, Box(whole) as box:
            eventually(lambda: len(box.ended()) >= 2, LATE_S, whole.said)
            kept, gone = box.ended()[-1], box.ended()[-2]
            for event_id in (kept, gone):
                box.wait_for_files(event_id)
            box.review(kept, locked=True, verdict="confirmed")
            head = verified(command)["head"]
        whole.set({"LIFTGUARD_EVIDENCE__MIN_FREE_GIB": "100000"})  # something else has filled the disk
        with whole, Box(whole) as box:
            check_gone(box, gone, kept)
    report = verified(command, "--head", head)
    assert report["ok"], report["troubles"]
    assert not list((tmp_path / "var" / "evidence").rglob(f"{gone}-*"))
    assert len(list((tmp_path / "var" / "evidence").rglob(f"{kept}-*"))) == len(KINDS)
