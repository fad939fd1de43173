"""The acceptance test: every step with a fake installer, the report, its signature."""

from __future__ import annotations

import json
import os
import string
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from api.cli import app
from api.commission import view_steps, wiring_steps
from api.commission.equipment import Equipment, choose, equipment
from api.commission.person import Terminal
from api.commission.signature import KEY_FILE, check, load_key, sign
from api.commission.values import STEPS, Finding, Picture, Site, acceptance
from api.commission.walk import report_path, site_of, walk, write_report
from api.commission.words import Words
from api.link import GuardLink
from api.run_dir import guard_run_dir
from api.settings import ElevatorSettings, Settings
from api.settings_camera import ZoneSettings
from api.settings_wiring import InputSettings
from hardware.relay import FakeRelay
from hardware.values import Inputs
from tests.support.fakes import FakeClock
from vision.errors import ConfigError, LinkError, StorageError
from vision.perceive import Perceiver
from vision.types import Detections, Frame, Image, SourceStatus
from vision.zones import Zone

CABIN = ZoneSettings(kind="cabin", polygon=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))


@dataclass
class Installer:
    """Answers yes unless a question holds a word that says otherwise; notes what the relay did meanwhile."""

    clock: FakeClock
    relay: FakeRelay
    answers: dict[str, bool | None] = field(default_factory=dict)
    asked_while_held: list[str] = field(default_factory=list)
    on_watch: Callable[[str], None] = lambda text: None
    told: list[str] = field(default_factory=list)

    def step(self, title: str, text: str) -> None:
        self.told += [title, text]

    def tell(self, text: str) -> None:
        self.told.append(text)

    def ready(self, text: str) -> bool:
        return self._answer(text) is not False

    def confirm(self, question: str) -> bool | None:
        return self._answer(question)

    def text(self, question: str) -> str:
        return question

    def watch(self, text: str, look: Callable[[], bool], timeout_s: float) -> bool:
        self.on_watch(text)
        until_s = self.clock() + timeout_s
        while not look():
            if self.clock() >= until_s:
                return False
            self.clock.advance(0.05)
        return True

    def _answer(self, question: str) -> bool | None:
        if self.relay.energised:
            self.asked_while_held.append(question)
        return next((a for part, a in self.answers.items() if part in question), True)


class Pump:
    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.beats: list[float] = []

    def beat(self) -> None:
        self.beats.append(self.clock())

    def rest(self) -> None:
        pass


class Contacts:
    """Inputs that an installer operates."""

    def __init__(self) -> None:
        self.opened: set[str] = set()

    def read(self) -> Inputs:
        return Inputs(**dict.fromkeys(self.opened, True))

    def watch(self, wake: Callable[[], None]) -> None:
        pass

    def close(self) -> None:
        pass


class Lamp:
    def __init__(self) -> None:
        self.levels: list[bool] = []

    def set(self, high: bool) -> None:
        self.levels.append(high)

    def close(self) -> None:
        self.levels.append(False)


class Camera:
    """Ten pictures a second of whatever ``image`` is."""

    def __init__(self, clock: FakeClock, image: Image | None) -> None:
        self.clock = clock
        self.image = image
        self.seq = 0

    def read(self, timeout_s: float) -> Frame | None:
        self.clock.advance(0.1)
        if self.image is None:
            return None
        self.seq += 1
        return Frame(self.image, self.clock(), self.seq)

    def status(self) -> SourceStatus:
        return SourceStatus("lost", "no route to the camera", 0.0, 0, 0, 0, None)

    def close(self) -> None:
        pass


class Eye:
    """A detector that sees an e-bike while ``there``."""

    there = False

    def detect(self, image: Image, conf: float | None = None) -> Detections:
        if not self.there:
            return Detections.empty()
        return Detections(
            np.array([[100, 60, 400, 340]], np.float32), np.array([0.9], np.float32), np.array([0], np.int64)
        )


@dataclass
class Scene:
    clock: FakeClock
    relay: FakeRelay
    pump: Pump
    contacts: Contacts
    lamp: Lamp
    camera: Camera
    eye: Eye
    equipment: Equipment
    person: Installer


def sharp_picture() -> Image:
    return np.random.default_rng(1).integers(60, 200, (360, 640, 3), np.uint8)


@pytest.fixture
def scene() -> Scene:
    clock, relay, contacts, lamp, eye = FakeClock(), FakeRelay(), Contacts(), Lamp(), Eye()
    pump, camera = Pump(clock), Camera(clock, sharp_picture())
    elevator = ElevatorSettings(zones=(CABIN,), inputs=InputSettings(fire_pin=5, inspection_pin=6))
    parts = Equipment(
        elevator=elevator,
        relay=relay,
        heartbeat=pump,
        inputs=contacts,
        inputs_simulated=False,
        speak=lambda: "",
        beacon=lamp,
        source=camera,
        perceiver=Perceiver(eye, operating_conf=lambda class_id: 0.25, zones=(Zone("cabin", CABIN.polygon),)),
        model="fake (0123)",
        clock=clock,
        pause=clock.advance,
    )
    person = Installer(clock, relay)

    def act(text: str) -> None:
        """Do what one is told to."""
        name = text.partition(":")[0]
        if "operate" in text or "pull" in text:
            contacts.opened.add(name)
        elif "back now" in text:
            contacts.opened.discard(name)
        elif "Push it in" in text:
            eye.there = True
        elif "Take it out" in text:
            eye.there = False

    person.on_watch = act
    return Scene(clock, relay, pump, contacts, lamp, camera, eye, parts, person)


WORDS = Words("en")


def by_step(findings: tuple[Finding, ...]) -> dict[str, str]:
    return {finding.step: finding.verdict for finding in findings}


def test_everything_in_order_is_accepted(scene: Scene) -> None:
    findings = walk(scene.equipment, scene.person, WORDS)
    assert [f.step for f in findings] == list(STEPS)
    assert set(by_step(findings).values()) == {"passed"}
    site = replace(site_of(scene.equipment, scene.person, WORDS), simulated=False)
    assert acceptance(site, findings) == "accepted"


def test_the_relay_is_only_energised_for_seconds_and_never_during_a_question(scene: Scene) -> None:
    walk(scene.equipment, scene.person, WORDS)
    assert scene.relay.states == [False, True, False, True, False]  # relay step, charge pump step
    assert scene.person.asked_while_held == []
    assert max(wiring_steps.RELAY_S, wiring_steps.BEATING_S + wiring_steps.SILENT_S) <= 5.0


def test_the_charge_pump_step_stops_the_watchdog_while_the_hold_is_still_asked_for(scene: Scene) -> None:
    energised_without_beat: list[bool] = []

    def pause(seconds: float) -> None:
        if seconds == wiring_steps.SILENT_S:
            energised_without_beat.append(scene.relay.energised)
        scene.clock.advance(seconds)

    finding = wiring_steps.charge_pump(replace(scene.equipment, pause=pause), scene.person, WORDS)
    assert finding.verdict == "passed"
    assert energised_without_beat == [True]
    assert len(scene.pump.beats) == round(wiring_steps.BEATING_S / wiring_steps.BEAT_S)
    assert not scene.relay.energised


@pytest.mark.parametrize(
    ("part", "answer", "step", "verdict"),
    [
        ("safety chain", False, "declarations", "failed"),
        ("agree in writing", None, "declarations", "skipped"),
        ("normally open", False, "declarations", "failed"),
        ("contact close (", False, "relay", "failed"),
        ("doorway clear", False, "relay", "skipped"),
        ("open by itself", False, "charge_pump", "failed"),
        ("heard clearly", False, "voice", "failed"),
        ("go on and off", None, "beacon", "skipped"),
        ("whole floor", False, "camera", "failed"),
        ("zones lie", False, "zones", "failed"),
        ("car empty", False, "empty_car", "skipped"),
        ("e-bike at hand", False, "e_bike", "skipped"),
        ("of that kind", False, "harmless", "skipped"),
        ("operate it", False, "inputs", "skipped"),
    ],
)
def test_a_no_fails_its_step_and_what_is_left_out_stays_open(
    scene: Scene, part: str, answer: bool | None, step: str, verdict: str
) -> None:
    scene.person.answers[part] = answer
    findings = walk(scene.equipment, scene.person, WORDS)
    assert by_step(findings)[step] == verdict
    site = replace(site_of(scene.equipment, scene.person, WORDS), simulated=False)
    assert acceptance(site, findings) == "not_accepted"


def test_a_relay_that_does_not_follow_fails_and_is_told_to_release(scene: Scene) -> None:
    class Stuck(FakeRelay):
        told: list[bool] = []  # noqa: RUF012  one test, one list

        def set(self, energised: bool) -> None:
            self.told.append(energised)

    relay = Stuck()
    finding = wiring_steps.relay(replace(scene.equipment, relay=relay), scene.person, WORDS)
    assert finding.verdict == "failed"
    assert "opposite" in finding.facts[0]
    assert relay.told[-1] is False


def test_a_relay_that_fails_fails_its_step_only(scene: Scene) -> None:
    scene.relay.fail = True
    findings = by_step(walk(scene.equipment, scene.person, WORDS))
    assert {step for step, verdict in findings.items() if verdict == "failed"} == {"relay", "charge_pump"}


def test_kind_b_without_pump_or_fire_contact_is_not_accepted(scene: Scene) -> None:
    bare = scene.equipment.elevator.model_copy(update={"inputs": InputSettings()})
    findings = walk(replace(scene.equipment, heartbeat=None, elevator=bare), scene.person, WORDS)
    assert by_step(findings)["charge_pump"] == "failed"
    assert by_step(findings)["inputs"] == "failed"


def test_kind_a_needs_no_relay_and_never_energises(scene: Scene) -> None:
    kind_a = scene.equipment.elevator.model_copy(update={"kind": "A", "inputs": InputSettings()})
    findings = walk(replace(scene.equipment, elevator=kind_a, heartbeat=None), scene.person, WORDS)
    assert by_step(findings)["relay"] == by_step(findings)["inputs"] == "not_fitted"
    assert scene.relay.states == [False]


def test_an_input_that_shows_no_change_fails(scene: Scene) -> None:
    scene.person.on_watch = lambda text: None
    finding = wiring_steps.inputs(scene.equipment, scene.person, WORDS)
    assert finding.verdict == "failed"
    assert any("no change" in fact for fact in finding.facts)


def test_an_input_that_is_open_from_the_start_fails(scene: Scene) -> None:
    scene.contacts.opened.add("fire")
    assert wiring_steps.inputs(scene.equipment, scene.person, WORDS).verdict == "failed"


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.full((360, 640, 3), 5, np.uint8), "dark"),
        (np.full((360, 640, 3), 120, np.uint8), "blurred"),
        (None, "no route"),
    ],
)
def test_a_bad_picture_fails(scene: Scene, tmp_path: Path, image: Image | None, said: str) -> None:
    scene.camera.image = image
    finding, _ = view_steps.camera(scene.equipment, scene.person, WORDS, tmp_path)
    assert finding.verdict == "failed"
    assert any(said in fact for fact in finding.facts)


def test_a_thing_in_the_empty_car_that_looks_like_an_e_bike_fails_with_the_zone_that_covers_it(
    scene: Scene,
) -> None:
    scene.eye.there = True
    finding = view_steps.empty_car(scene.equipment, scene.person, WORDS)
    assert finding.verdict == "failed"
    assert finding.pictures[0].jpeg[:2] == b"\xff\xd8"
    advised = json.loads(finding.facts[1].partition("polygon ")[2])
    corners = tuple((x, y) for x, y in advised)
    zones = (Zone("ignore", corners), Zone("cabin", CABIN.polygon))
    perceiver = Perceiver(scene.eye, operating_conf=lambda class_id: 0.25, zones=zones)
    covered = replace(scene.equipment, perceiver=perceiver)
    assert view_steps.empty_car(covered, scene.person, WORDS).verdict == "passed"


def test_an_empty_car_without_a_picture_is_not_passed(scene: Scene) -> None:
    scene.camera.image = None
    finding = view_steps.empty_car(scene.equipment, scene.person, WORDS)
    assert finding.verdict == "failed"
    assert "no route to the camera" in finding.facts[0]


def test_an_e_bike_that_is_not_seen_fails_and_so_does_one_that_is_never_gone(scene: Scene) -> None:
    act = scene.person.on_watch
    scene.person.on_watch = lambda text: None
    assert view_steps.e_bike(scene.equipment, scene.person, WORDS).verdict == "failed"
    scene.person.on_watch = lambda text: act(text) if "in now" in text else None
    stays = view_steps.e_bike(scene.equipment, scene.person, WORDS)
    assert stays.verdict == "failed"
    assert len(stays.pictures) == 1


def test_a_false_alarm_in_the_harmless_trial_fails_with_its_picture(scene: Scene) -> None:
    scene.eye.there = True
    finding = view_steps.harmless(scene.equipment, scene.person, WORDS)
    assert finding.verdict == "failed"
    assert finding.pictures[0].jpeg[:2] == b"\xff\xd8"


def site() -> Site:
    return Site(
        "car-1",
        "Elevator <1>",
        "B",
        "Building & 3",
        "Li",
        "Wang",
        datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        "Liftguard 0",
        "fake",
        "pulse_s 18 s",
        "relay on GPIO 17",
        simulated=False,
    )


def findings() -> tuple[Finding, ...]:
    return tuple(Finding(step, "passed", ("a <fact>",), (Picture("p", b"\xff\xd8x"),)) for step in STEPS)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_report_is_signed_escaped_and_never_overwritten(tmp_path: Path, language: str) -> None:
    words = Words("zh" if language == "zh" else "en")
    path = tmp_path / "r" / "report.html"
    key = write_report(path, site(), findings(), words, tmp_path)
    signed = path.read_bytes()
    assert check(signed).good
    assert check(signed).fingerprint == key
    text = signed.decode()
    assert "Elevator &lt;1&gt;" in text
    assert "<fact>" not in text
    assert words("accepted") in text
    assert key in text
    with pytest.raises(StorageError, match="exists"):
        write_report(path, site(), findings(), words, tmp_path)


def test_any_change_shows() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    signed = sign(b"<html>passed</html>\n", key)
    assert check(signed).good
    for i in range(len(signed) - 1):  # the line's end is not part of it
        changed = signed[:i] + bytes([signed[i] ^ 1]) + signed[i + 1 :]
        assert not check(changed).good, i
    assert not check(signed + b"<p>passed</p>").good
    assert not check(b"no signature").good


def test_the_key_is_kept_and_private(tmp_path: Path) -> None:
    key = load_key(tmp_path / "var")
    assert load_key(tmp_path / "var").public_key() == key.public_key()
    assert (tmp_path / "var" / KEY_FILE).stat().st_mode & 0o777 == 0o600
    (tmp_path / "var" / KEY_FILE).write_text("rubbish")
    with pytest.raises(StorageError, match="move it away"):
        load_key(tmp_path / "var")


def test_a_simulated_relay_is_a_trial_whatever_was_answered() -> None:
    assert acceptance(replace(site(), simulated=True), findings()) == "trial"
    assert acceptance(site(), findings()) == "accepted"
    assert acceptance(site(), findings()[1:]) == "not_accepted"  # a step that was not walked
    assert report_path(site()).name.startswith("commission-car-1-2026")


def test_both_languages_have_the_same_words_with_the_same_places() -> None:
    def places(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    english, chinese = Words("en").texts, Words("zh").texts
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert places(text) == places(chinese[key]), key
        assert chinese[key]


def test_the_elevator_must_be_named_where_there_are_several() -> None:
    two = Settings(elevators=(ElevatorSettings(id="a"), ElevatorSettings(id="b")))
    assert choose(two, "b").id == "b"
    for name in (None, "c"):
        with pytest.raises(ConfigError, match="a, b"):
            choose(two, name)


def test_it_refuses_while_guard_runs(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    link = GuardLink(settings.run_dir)
    try:
        with pytest.raises(LinkError, match="stop guard"), equipment(settings, settings.elevators[0]):
            pass
    finally:
        link.close()


def test_it_refuses_while_guard_runs_without_a_disk(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = tmp_path_factory.mktemp("t")  # a Unix socket's path takes 107 bytes
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    settings = Settings(data_dir=tmp_path / "var")
    with monkeypatch.context() as worn_out:
        worn_out.setattr(os, "access", lambda *_: False)
        link = GuardLink(guard_run_dir(settings))
    try:
        with pytest.raises(LinkError, match="stop guard"), equipment(settings, settings.elevators[0]):
            pass
    finally:
        link.close()


def test_the_terminal_asks_until_it_understands() -> None:
    clock = FakeClock()
    lines = iter(["", "maybe", "y", "x" * 200, "Li", "n", "s", ""])
    terminal = Terminal(
        Words("en"),
        Console(quiet=True),
        clock=clock,
        pause=clock.advance,
        read=lambda prompt: next(lines),
    )
    assert terminal.confirm("?") is True
    assert terminal.text("name") == "Li"
    assert terminal.confirm("?") is False
    assert terminal.confirm("?") is None
    assert terminal.ready("?") is True
    assert terminal.watch("…", lambda: clock() > 3, 10) is True
    assert terminal.watch("…", lambda: False, 1) is False


def test_the_command_says_whether_a_report_was_changed(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(path, site(), findings(), WORDS, tmp_path)
    assert CliRunner().invoke(app, ["commission", "--verify", str(path)]).exit_code == 0
    path.write_bytes(path.read_bytes().replace(b"a &lt;fact&gt;", b"b &lt;fact&gt;", 1))
    result = CliRunner().invoke(app, ["commission", "--verify", str(path)])
    assert result.exit_code == 1
    assert "changed" in result.output
