"""`liftguard dataset from-recordings`: the pictures that differ, with boxes for a person to correct."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from api import cli
from api.collect import Thinned, differing
from models.sets import read_set
from tests.support.tiny_world import BLACK, WHITE, picture, tiny_manifest, visit_clip, write_picture
from vision.errors import LiftguardError
from vision.types import E_BIKE, Frame


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the tiny model in force (white is an e-bike), a clip and a folder of pictures."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("api.load.DEFAULT_CONFIG_FILES", (Path("liftguard.toml"),))
    monkeypatch.setenv("LIFTGUARD_DETECTOR__MANIFEST", str(tiny_manifest(tmp_path / "model")))
    visit_clip(tmp_path / "visit one.mp4")
    (tmp_path / "stills").mkdir()
    for number, level in enumerate((BLACK, BLACK, 90, WHITE)):
        write_picture(tmp_path / f"stills/{number}.png", level)
    return tmp_path


def call(*args: str) -> Result:
    return CliRunner().invoke(cli.app, ["dataset", "from-recordings", *args])


def test_a_recording_gives_what_differs_and_the_models_boxes(world: Path) -> None:
    result = call("out", "visit one.mp4", "stills", "--originals")
    assert result.exit_code == 0, result.output
    assert "6 pictures of 2 recording(s); boxes: 2 e_bike" in result.stdout
    names = sorted(p.name for p in (world / "out/images").iterdir())
    assert [n.rsplit("-", 1)[0] for n in names] == ["00-visit-one"] * 3 + ["01-stills"] * 3
    seen = [(one.present, one.boxed) for one, _ in read_set(world / "out")]
    nothing, e_bike = (frozenset[int](), True), (frozenset({E_BIKE}), True)
    assert seen == [nothing, e_bike, nothing, nothing, nothing, e_bike]
    told = json.loads((world / "out/manifest.json").read_text())
    assert told["pictures"] == {"visit one.mp4": 3, "stills": 3}
    assert told["faces"] == "as the camera saw them"
    assert set(told["files"]) == {
        str(p.relative_to(world / "out")) for p in (world / "out").rglob("*.*") if p.name != "manifest.json"
    }
    assert not (world / "out/data.yaml").exists(), "nothing shall learn from boxes that nobody looked at"
    for path in (world / "out").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, "pictures of people are their owner's alone"


def test_one_that_cannot_be_read_is_told_and_the_rest_is_taken(world: Path) -> None:
    Path("broken.mp4").write_text("no film")
    result = call("out", "broken.mp4", "stills", "rtsp://user:secret@192.0.2.1/x", "--originals")
    assert result.exit_code == 1
    assert "left out, broken.mp4" in result.stdout
    assert "3 pictures of 1 recording(s)" in result.stdout
    assert "secret" not in result.output + (world / "out/manifest.json").read_text()


def test_heads_are_covered_when_asked_for(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.privacy.heads.UPPER", {"e_bike": 1.0})  # the tiny model knows no people
    monkeypatch.setattr("api.privacy.heads.cover", lambda image, where: image // 2 if where else image)
    assert call("out", "stills", "--blurred").exit_code == 0
    white = cv2.imread(str(max((world / "out/images").iterdir())))
    assert white is not None
    assert 100 < white.mean() < 140
    assert json.loads((world / "out/manifest.json").read_text())["faces"] == "covered"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("out", "stills"), "say --originals"),
        (("stills", "stills", "--originals"), "exists already"),
        (("out", "gone.mp4", "--originals"), "none of 1 recording"),
        (("gone/out", "stills", "--originals"), "cannot be written"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_left_behind(
    world: Path, args: tuple[str, ...], says: str
) -> None:
    before = sorted(world.rglob("*"))
    result = call(*args)
    assert isinstance(result.exception, LiftguardError), result.output
    assert says in str(result.exception)
    assert sorted(p for p in world.rglob("*") if "__pycache__" not in p.parts) == before


def test_a_car_that_stands_still_gives_one_picture_and_noise_is_no_change() -> None:
    rng = np.random.default_rng(3)
    noisy = [np.clip(picture(90, (640, 360)) + rng.normal(0, 12, (360, 640, 3)), 0, 255) for _ in range(4)]
    frames = [Frame(image.astype(np.uint8), float(n), n) for n, image in enumerate(noisy)]
    assert [f.t_s for f in differing(frames, 0.5)] == [0.0]


def test_no_picture_comes_sooner_than_asked() -> None:
    frames = [Frame(picture(WHITE if n % 2 else BLACK), n / 10, n) for n in range(20)]
    assert [f.seq for f in differing(frames, 0.5)] == [0, 5, 10, 15]


@given(st.integers(1, 40), st.integers(0, 500))
def test_a_stream_is_thinned_evenly_and_no_further_than_to_half(most: int, count: int) -> None:
    kept: Thinned[int] = Thinned(most)
    for number in range(count):
        kept.put(lambda number=number: number)  # type: ignore[misc]
    assert min(count, (most + 1) // 2) <= len(kept.kept) <= most
    assert len(set(np.diff(kept.kept).tolist())) <= 1
    if count:
        assert kept.kept[0] == 0
