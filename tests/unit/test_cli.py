"""The command line as a user types it: output, exit codes, help, and errors without tracebacks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api import cli
from tests.support.tiny_world import BLACK, WHITE, tiny_manifest, visit_clip, write_picture


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the tiny model in force and nothing else configured."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("api.load.DEFAULT_CONFIG_FILES", (Path("liftguard.toml"),))
    monkeypatch.setenv("LIFTGUARD_DETECTOR__MANIFEST", str(tiny_manifest(tmp_path / "model")))
    monkeypatch.setenv("LIFTGUARD_DETECTOR__THREADS", "1")
    return tmp_path


def call(*args: str) -> Result:
    return CliRunner().invoke(cli.app, list(args), catch_exceptions=True)


def lines_of(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_help_names_every_command() -> None:
    result = call("--help")
    assert result.exit_code == 0
    for command in ("run", "guard", "web", "detect", "replay", "doctor", "config"):
        assert command in result.stdout


@pytest.mark.parametrize("command", ["run", "guard", "web", "detect", "replay", "doctor"])
def test_every_command_explains_itself(command: str) -> None:
    result = call(command, "--help")
    assert result.exit_code == 0
    assert "--config" in result.stdout


def test_version() -> None:
    assert call("--version").stdout.startswith("liftguard ")


def test_detect_a_folder(world: Path) -> None:
    folder = world / "pictures"
    folder.mkdir()
    write_picture(folder / "a.png", WHITE)
    write_picture(folder / "b.png", BLACK)
    result = call("detect", str(folder), "--json")
    assert result.exit_code == 0, result.output
    first, second = lines_of(result)
    assert list(first) == ["image", "width", "height", "infer_ms", "detections"]
    assert first["detections"] == [{"class": "e_bike", "conf": 0.9, "xyxy": [16, 16, 48, 48]}]
    assert second["detections"] == []


def test_detect_goes_on_after_a_bad_file(world: Path) -> None:
    (world / "bad.png").write_bytes(b"not a picture")
    write_picture(world / "good.png", WHITE)
    result = call("detect", "bad.png", "missing.png", "good.png", "--json")
    assert result.exit_code == 1
    bad, missing, good = lines_of(result)
    assert set(bad) == set(missing) == {"image", "error"}
    assert good["detections"]


def test_replay_a_clip(world: Path) -> None:
    clip = visit_clip(world / "visit.mp4")
    result = call("replay", str(clip), "--json")
    assert result.exit_code == 0, result.output
    lines = lines_of(result)
    assert [x["after"] for x in lines if x["type"] == "phase"] == ["IDLE", "SUSPECT", "HOLDING", "IDLE"]
    assert lines[-2]["outcome"] == "end_of_input"  # the clip ends before the event may
    assert lines[-1]["type"] == "summary"
    assert (lines[-1]["events"], lines[-1]["frames"], lines[-1]["false_pre_holds"]) == (1, 140, 0)
    assert call("replay", str(clip), "--json").stdout == result.stdout


def test_replay_for_people(world: Path) -> None:
    result = call("replay", str(visit_clip(world / "visit.mp4")))
    assert "E-BIKE confirmed, event 1" in result.stdout
    assert "1 event(s)" in result.stdout


def test_replay_says_when_pictures_were_left_out(world: Path) -> None:
    folder = world / "pictures"
    folder.mkdir()
    for number in range(5):
        write_picture(folder / f"{number}.png", BLACK)
    (folder / "3.png").write_bytes(b"torn")
    result = call("replay", str(folder), "--json")
    assert result.exit_code == 1
    assert lines_of(result)[-1]["skipped"] == 1


def test_config_check_show_and_schema(world: Path) -> None:
    assert call("config", "check").exit_code == 0
    text = call("config", "show").stdout
    assert "web.port = 8080" in text
    assert "elevators.0.hold.pulse_s = 18.0" in text
    assert json.loads(call("config", "show", "--format", "json").stdout)["web"]["port"] == 8080
    schema = json.loads(call("config", "schema").stdout)
    assert schema["$defs"]["HoldSettings"]["properties"]["pulse_s"]["maximum"] == 19


def test_config_show_hides_passwords(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFTGUARD_ELEVATORS__0__CAMERA__SOURCE", "rtsp://admin:hunter2@cam/1")
    monkeypatch.setenv("LIFTGUARD_STORE__URL", "postgresql+psycopg://guard:hunter2@db/events")
    for form in ("text", "json"):
        text = call("config", "show", "--format", form).stdout
        assert "hunter2" not in text
        assert "cam/1" in text


def test_doctor_finds_all_well(world: Path) -> None:
    folder = world / "pictures"
    folder.mkdir()
    write_picture(folder / "a.png", WHITE)
    result = call("doctor", "--source", str(folder), "--json")
    assert result.exit_code == 0, result.output
    findings = json.loads(result.stdout)["findings"]
    names = [f["check"] for f in findings]
    assert names == [
        "machine",
        "settings",
        "data folder",
        "store",
        "model",
        "camera car-1",
        "relay car-1",
        "voice car-1",
        "page",
    ]


def test_doctor_says_what_is_wrong(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (world / "model" / "weights" / "tiny.onnx").write_bytes(b"something else")
    monkeypatch.setenv("LIFTGUARD_ELEVATORS__0__CAMERA__OPEN_TIMEOUT_S", "0.5")
    monkeypatch.setenv("LIFTGUARD_ELEVATORS__0__CAMERA__STALL_TIMEOUT_S", "0.5")
    result = call("doctor", "--source", "rtsp://u:hunter2@127.0.0.1:9/x", "--json")
    assert result.exit_code == 1
    failed = {f["check"] for f in json.loads(result.stdout)["findings"] if f["status"] == "fail"}
    assert failed == {"model", "camera car-1"}
    assert "hunter2" not in result.output


def test_doctor_stops_at_wrong_settings(world: Path) -> None:
    Path("liftguard.toml").write_text("[web]\nprot = 1\n", "utf-8")
    result = call("doctor")
    assert result.exit_code == 1
    assert "web.prot" in result.stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("replay", "nowhere.mp4"), "nowhere.mp4"),
        (("replay", "rtsp://u:hunter2@cam/1"), "only files and folders can be replayed"),
        (("detect", "x.png", "--model", "nobody"), "no model 'nobody'"),
        (("config", "check", "--config", "missing.toml"), "missing.toml does not exist"),
        (("config", "check", "--config", "[[models]]"), "[[models]] does not exist"),
    ],
)
def test_errors_of_ours_end_with_code_2_and_no_traceback(
    world: Path,
    args: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["liftguard", *args])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    printed = capsys.readouterr()
    assert said in printed.err.replace("\n", "")
    assert "Traceback" not in printed.err
    assert "hunter2" not in printed.err + printed.out


def test_models_are_listed_and_verified(world: Path) -> None:
    (row,) = json.loads(call("model", "list", "--json").stdout)
    assert (row["name"], row["default"], row["operating_conf"]["e_bike"]) == ("tiny", True, 0.4)
    assert "tiny" in call("model", "list").stdout
    assert call("model", "verify").exit_code == 0
    (world / "model" / "weights" / "tiny.onnx").write_bytes(b"something else")
    result = call("model", "verify")
    assert result.exit_code == 1
    assert "sha256" in result.stdout
