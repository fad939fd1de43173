"""Judged events to a training set: a real store, a real evidence folder, real H.264, the command as typed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import pytest
import yaml
from typer.testing import CliRunner, Result

from api.accounts.audit_store import AuditFilter, AuditTrail
from api.cli import app, main
from api.evidence.files import EvidenceFile
from api.evidence.folder import EvidenceFolder
from api.feedback.choose import choose
from api.feedback.frames import UndecodableError, frames_at
from api.feedback.labels import yolo_line
from api.feedback.split import split_of
from api.records import EventEnd, Evidence, NewEvent
from api.store import Store
from api.times import utc_now
from models.entry import as_toml
from models.manifest import load_manifest
from models.sets import read_set
from tests.support.clips import number_of, write_clip
from tests.support.events import T0, make_event, make_file, write_file
from tests.support.tiny_onnx import cells, entry_for, make_head, write_model
from tests.support.tiny_world import BLACK, WHITE, picture, tiny_manifest
from vision.types import CLASS_NAMES, PERSON, Image

BOX = (16.0, 16.0, 48.0, 48.0)
LABEL = "0.500000 0.500000 0.500000 0.500000"
FPS = 10


def row(offset_s: float, score: float, conf: float = 0.8, xyxy: Any = BOX) -> Evidence:
    return Evidence(offset_s, score, conf, xyxy, "HOLDING")


ROWS = [row(t / 10, 0.5 + (t % 40) / 100, 0.0 if t % 7 == 3 else 0.8) for t in range(0, 80, 2)]
"""Eight seconds; frames in which the vehicle was not seen are among them."""


class World:
    """A box with a store and an evidence folder, and the command on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = root / "data"
        self.store = Store(self.data / "liftguard.db")
        self.store.migrate()
        self.folder = EvidenceFolder(self.data / "evidence")

    def event(
        self, verdict: str | None, reason: str | None = None, *, day: int = 0, **changes: Any
    ) -> NewEvent:
        """A judged event that has ended, with rows and no files."""
        event = make_event(T0 + timedelta(days=day), **changes)
        self.store.start_event(event)
        self.store.add_evidence(event.id, ROWS)
        at = event.started_at
        self.store.end_event(
            event.id, EventEnd(at + timedelta(seconds=9), at + timedelta(seconds=8), "left", 5.0, 1, 0.9)
        )
        self.judge(event, verdict, reason)
        return event

    def judge(self, event: NewEvent, verdict: Any, reason: Any = None) -> None:
        self.store.review(
            event.id, lambda r: replace(r, verdict=verdict, verdict_reason=reason), by="m", at=utc_now()
        )

    def clip(self, event: NewEvent, level: int = WHITE, **changes: Any) -> EvidenceFile:
        """Thirteen seconds of H.264 that begin five before the event."""

        def draw(_number: int, size_wh: tuple[int, int]) -> Image:
            return picture(level, size_wh)

        path = write_clip(self.root / "clip.mp4", 13 * FPS, size_wh=(64, 64), fps=FPS, draw=draw)
        return self.put(event, "clip", path.read_bytes(), started_s=-5.0, duration_s=13.0, **changes)

    def put(
        self, event: NewEvent, kind: str, content: bytes, started_s: float, **changes: Any
    ) -> EvidenceFile:
        made = make_file(
            event,
            kind,
            started_at=event.started_at + timedelta(seconds=started_s),
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            **changes,
        )
        write_file(self.folder.root, made, content)
        self.store.put_file(made)
        return made

    def export(self, out: Path, *args: str) -> Result:
        return CliRunner().invoke(app, ["dataset", "export-feedback", str(out), *args])


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("api.load.DEFAULT_CONFIG_FILES", (Path("liftguard.toml"),))
    monkeypatch.setenv("LIFTGUARD_DATA_DIR", str(made.data))
    monkeypatch.setenv("LIFTGUARD_DETECTOR__MANIFEST", str(tiny_manifest(tmp_path / "model")))
    monkeypatch.setenv("LIFTGUARD_DETECTOR__THREADS", "1")
    yield made
    made.store.close()


def a_day_in(split: str, after: int = 0, elevator: str = "car-1") -> int:
    """A day, counted from `T0`, whose events go to that side."""
    return next(d for d in range(after, 200) if split_of(elevator, T0 + timedelta(days=d)) == split)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "judged.jsonl").read_text("utf-8").splitlines()]


@dataclass(frozen=True, slots=True)
class Made:
    """An export of one event of each kind."""

    out: Path
    bike: NewEvent
    chair: NewEvent
    mirror: NewEvent

    @property
    def manifest(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.out / "manifest.json").read_text("utf-8"))
        return found


@pytest.fixture
def made(world: World, tmp_path: Path) -> Made:
    bike = world.event("confirmed", day=a_day_in("train"))
    chair = world.event("false_alarm", "wheelchair", day=a_day_in("train", 1))
    mirror = world.event("false_alarm", "reflection", day=a_day_in("val"))
    unsure = world.event("unsure", day=a_day_in("train", 2))
    world.event(None)
    for event, level in ((bike, WHITE), (chair, BLACK), (mirror, WHITE), (unsure, WHITE)):
        world.clip(event, level)
    done = world.export(tmp_path / "set", "--originals")
    assert done.exit_code == 0, done.output
    assert "3 of 3 event(s), pictures: 12 in train, 6 in val; 12 box(es)" in done.output
    return Made(tmp_path / "set", bike, chair, mirror)


def test_pictures_labels_and_lines_of_judged_events(made: Made) -> None:
    out, bike, chair, mirror = made.out, made.bike, made.chair, made.mirror
    train, val = lines(out / "train"), lines(out / "val")
    assert {one["event"] for one in train} == {bike.id, chair.id}
    assert {one["event"] for one in val} == {mirror.id}
    assert [one["event"] for one in train] == [bike.id] * 6 + [chair.id] * 6
    for name, found in (("train", train), ("val", val)):
        for one in found:
            image = out / name / one["image"]
            assert hashlib.sha256(image.read_bytes()).hexdigest() == one["sha256"]
            label = (out / name / "labels" / f"{image.stem}.txt").read_text()
            wanted = {bike.id: f"0 {LABEL}\n", chair.id: f"3 {LABEL}\n", mirror.id: ""}[one["event"]]
            assert label == wanted
            assert one["boxes"] == ("none" if one["event"] == mirror.id else "machine")
            assert one["model"] == "test"
            assert one["elevator"] == "car-1"
            assert one["conf"] == 0.8  # none of a frame in which it was not seen
    scores = [one["score"] for one in train[:6]]
    seen = [r.score for r in ROWS if r.conf > 0]
    assert max(scores) == max(seen)
    assert min(scores) == min(seen)
    times = [datetime.fromisoformat(one["time"]) for one in train[:6]]
    assert min(b - a for a, b in pairwise(times)) >= timedelta(seconds=1)
    white = cv2.imread(str(out / "train" / train[0]["image"]))
    assert white is not None
    assert white.shape == (64, 64, 3)
    assert white.mean() > 250


def test_what_is_known_of_the_whole_set(made: Made, world: World) -> None:
    out, bike, chair, mirror, manifest = made.out, made.bike, made.chair, made.mirror, made.manifest
    described = yaml.safe_load((out / "data.yaml").read_text())
    assert described["path"] == str(out)
    assert described["names"] == dict(enumerate(CLASS_NAMES))
    for side in ("train", "val"):
        assert (out / described[side][0]).is_dir()
    assert manifest["pictures"] == {"train": {"confirmed": 6, "wheelchair": 6}, "val": {"reflection": 6}}
    assert manifest["events"] == {"train": [bike.id, chair.id], "val": [mirror.id]}
    assert manifest["models"] == [{"name": "test", "sha256": "0" * 64, "events": 3}]
    assert manifest["left_out"] == []
    on_disk = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    assert set(manifest["files"]) == on_disk - {"manifest.json"}
    for path, sha256 in manifest["files"].items():
        assert hashlib.sha256((out / path).read_bytes()).hexdigest() == sha256
    for path in (out, *out.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path
    noted, _ = AuditTrail(world.store, utc_now).entries(which=AuditFilter(action="evidence.export_feedback"))
    assert {entry.target for entry in noted} == {bike.id, chair.id, mirror.id}
    assert all(entry.actor_id.startswith("cli:") and "originals" in entry.detail for entry in noted)


def test_a_model_is_evaluated_on_the_set(made: Made) -> None:
    result = CliRunner().invoke(app, ["model", "eval", str(made.out), "--json", "--no-ap"])
    assert result.exit_code == 0, result.output
    figures = {Path(one["name"]).name: one for one in json.loads(result.stdout)["sets"]}
    assert figures["train"]["image_recall"]["e_bike"]["share"] == 1.0
    assert figures["train"]["false_hold"]["wheelchair"]["hits"] == 0
    assert figures["val"]["pictures"] == 6
    assert [
        held for held in figures["val"]["false_hold"].values() if held["hits"] == 6
    ]  # white: a false alarm
    assert figures["together"]["pictures"] == 18


def test_the_same_events_give_the_same_bytes(made: Made, world: World, tmp_path: Path) -> None:
    assert world.export(tmp_path / "again", "--originals").exit_code == 0
    other = json.loads((tmp_path / "again/manifest.json").read_text("utf-8"))
    assert other["content_sha256"] == made.manifest["content_sha256"]
    assert {k: v for k, v in other["files"].items() if k != "data.yaml"} == {
        k: v for k, v in made.manifest["files"].items() if k != "data.yaml"
    }


def test_nothing_is_overwritten_and_nothing_is_left_behind(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    event = world.event("confirmed")
    out = tmp_path / "set"
    for args, wanted in (
        ((), "say --originals"),
        (("--originals", "--since", "soon"), "--since soon: not a day"),
        (("--originals", "--until", "2020-01-01"), "no event judged confirmed or false_alarm"),
        (("--originals",), "no picture came of 1 judged event(s) (1 no_files)"),
    ):
        monkeypatch.setattr("sys.argv", ["liftguard", "dataset", "export-feedback", str(out), *args])
        with pytest.raises(SystemExit) as stopped:
            main()
        assert stopped.value.code == 2
        assert wanted in capsys.readouterr().err.replace("\n", " ")
        assert not [p for p in tmp_path.iterdir() if "set" in p.name]
    world.clip(event)
    out.mkdir()
    assert world.export(out, "--originals").exit_code != 0
    assert list(out.iterdir()) == []
    assert world.export(tmp_path / "no/where", "--originals").exit_code != 0


def test_what_is_not_whole_is_reported_and_the_rest_exported(world: World, tmp_path: Path) -> None:
    good = world.event("confirmed")
    world.clip(good)
    damaged, gone = world.event("confirmed"), world.event("confirmed")
    (world.folder.root / world.clip(damaged).path).write_bytes(b"not the clip")
    (world.folder.root / world.clip(gone).path).unlink()
    evicted = world.event("false_alarm", "person")
    world.clip(evicted, state="evicted", reason="older than 30 days")
    broken = world.event("false_alarm", "object")
    world.put(broken, "clip", b"no video at all " * 20, -5.0, duration_s=13.0)
    out = tmp_path / "set"
    done = world.export(out, "--originals", "--val-share", "0")
    assert done.exit_code == 1
    assert "1 of 5 event(s)" in done.output
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert manifest["left_out_counts"] == {"damaged": 1, "evicted": 1, "missing": 1, "unreadable": 1}
    why = {one["event"]: one for one in manifest["left_out"]}
    assert why[evicted.id]["detail"] == "older than 30 days"
    assert why[damaged.id]["why"] == "damaged"
    assert why[gone.id]["what"] == "clip 0"
    assert why[broken.id]["why"] == "unreadable"
    assert {one["event"] for one in lines(out / "train")} == {good.id}


def test_a_snapshot_stands_in_where_no_clip_is_left(world: World, tmp_path: Path) -> None:
    ok, data = cv2.imencode(".jpg", picture(WHITE))
    assert ok
    near, far, nothing = (
        world.event("confirmed"),
        world.event("confirmed"),
        world.event("false_alarm", "other"),
    )
    for event, started_s in ((near, 1.05), (far, 60.0), (nothing, 60.0)):
        world.clip(event, state="evicted", reason="the disk was full")
        world.put(event, "snapshot", data.tobytes(), started_s)
    out = tmp_path / "set"
    assert world.export(out, "--originals", "--val-share", "0").exit_code == 0
    found = {one["event"]: one for one in lines(out / "train")}
    assert set(found) == {
        near.id,
        nothing.id,
    }  # without a box a confirmed one would teach that nothing is there
    assert found[near.id]["source"] == "snapshot"
    assert found[near.id]["boxes"] == "machine"
    assert json.loads((out / "manifest.json").read_text())["left_out_counts"] == {"evicted": 3, "no_box": 1}


def test_what_is_asked_for(world: World, tmp_path: Path) -> None:
    one = world.event("confirmed", day=0)
    two = world.event("false_alarm", "person", day=1, elevator_id="car-2")
    three = world.event("unsure", day=2)
    for event in (one, two, three):
        world.clip(event)

    def exported(name: str, *args: str) -> dict[str, list[str]]:
        done = world.export(tmp_path / name, "--originals", "--val-share", "0", *args)
        assert done.exit_code == 0, done.output
        found: dict[str, list[str]] = json.loads((tmp_path / name / "manifest.json").read_text())["events"]
        return found

    assert exported("a", "--elevator", "car-2") == {"train": [two.id]}
    assert exported("b", "--until", "2026-03-02T00:00+00:00") == {"train": [one.id]}
    assert exported("c", "--since", "2026-03-02T00:00Z", "--per-event", "2") == {"train": [two.id]}
    assert len(lines(tmp_path / "c/train")) == 2
    assert exported("d", "--limit", "1") == {"train": [two.id]}
    assert exported("e", "--verdict", "unsure", "--verdict", "confirmed") == {
        "train": [one.id],
        "unsure": [three.id],
    }
    assert len(list((tmp_path / "e/unsure/pictures").iterdir())) == 6
    assert not (tmp_path / "e/unsure/labels").exists()
    assert len(list(read_set(tmp_path / "e/train"))) == 6
    assert CliRunner().invoke(app, ["model", "eval", str(tmp_path / "e"), "--no-ap"]).exit_code == 0


def test_heads_are_covered_when_asked_for(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.clip(world.event("confirmed"))
    manifest = tiny_manifest(tmp_path / "two")
    runs = load_manifest(manifest).get().model_copy(update={"default": True})  # sees e-bikes only
    file = write_model(
        tmp_path, make_head([(32, 32, 32, 32, PERSON, 0.9)], len(CLASS_NAMES), cells((64, 64)))
    )
    heads = entry_for(file, name="people", file=str(file), heads=True)
    manifest.write_text(f"{as_toml(runs)}\n\n{as_toml(heads)}\n", "utf-8")
    monkeypatch.setenv("LIFTGUARD_DETECTOR__MANIFEST", str(manifest))
    monkeypatch.setattr("api.privacy.heads.cover", lambda image, where: image // 2 if where else image)
    out = tmp_path / "set"
    assert world.export(out, "--blurred", "--val-share", "0").exit_code == 0
    image = cv2.imread(str(out / "train" / lines(out / "train")[0]["image"]))
    assert image is not None
    assert 100 < image.mean() < 140
    assert json.loads((out / "manifest.json").read_text())["faces"] == "covered"
    noted, _ = AuditTrail(world.store, utc_now).entries(which=AuditFilter(action="evidence.export_feedback"))
    assert "heads covered" in noted[0].detail


def test_by_turns_the_surest_and_the_least_sure() -> None:
    rows = [row(0, 0.5), row(1, 0.9), row(1.5, 0.95), row(2, 0.2), row(2.5, 0.1), row(9, 0.6)]
    assert [r.t_offset_s for r in choose(rows, 2, 1.0)] == [1.5, 2.5]
    assert [r.t_offset_s for r in choose(rows, 3, 1.0)] == [1.5, 2.5, 9]
    assert [r.t_offset_s for r in choose(rows, 9, 1.0)] == [0, 1.5, 2.5, 9]
    same = [row(0, 1.0, 0.4), row(1, 1.0, 0.9), row(2, 1.0, 0.3)]
    assert [r.t_offset_s for r in choose(same, 2, 0.0)] == [1, 2]  # votes are equal: the detector decides
    with pytest.raises(ValueError, match="at least 1 picture"):
        choose(rows, 0)


def test_frames_are_those_of_the_moments_asked_for(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", 31, fps=10)
    with path.open("rb") as clip:
        found = {index: number_of(image) for index, image in frames_at(clip, [2.04, 0.0, 0.57, 3.05, 7.0])}
    assert found == {0: 20, 1: 0, 2: 6, 3: 30}
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(b"noise" * 100)
    with noise.open("rb") as clip, pytest.raises(UndecodableError):
        list(frames_at(clip, [0.0]))


def test_a_box_is_cut_at_the_edges_or_dropped() -> None:
    assert yolo_line(0, BOX, (64, 64)) == f"0 {LABEL}\n"
    assert yolo_line(4, (-10, 0, 30, 64), (60, 64)) == "4 0.250000 0.500000 0.500000 1.000000\n"
    assert yolo_line(0, (50, 50, 100, 100), (64, 64)) is None  # of a larger frame
    assert yolo_line(0, (70, 0, 90, 20), (64, 64)) is None
