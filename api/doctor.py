"""`liftguard doctor`: looks at everything the main job needs and says what to do about what is not well.

It never moves a relay.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import onnxruntime as ort
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.about import version
from api.doors import build_contacts
from api.link import LIVE, socket_address
from api.load import find_config, load_settings
from api.main import build_detector, build_source, share_cores
from api.outputs import no_player, speaks
from api.port import check_port
from api.relays import build_board, build_inputs, build_relay
from api.run_dir import current_run_dir
from api.settings import ElevatorSettings, Settings
from api.store import Store
from api.times import utc_now
from api.wiring import inputs_are_simulated, relay_is_simulated, relay_name
from hardware.door_contacts import LOOK_S
from hardware.prompts import Prompts, shipped
from hardware.schedule import Schedule
from hardware.voice import find_player
from vision.errors import LiftguardError, StorageError
from vision.sources import redact
from vision.turns import places_for

FREE_WARN_GB: Final = 2.0  # below this clips will soon have no room
NEVER: Final = "never closes (kind A, alarm only)"
RUNS: Final = 20  # inferences timed
LOOKS_WARN: Final = 5.0
"""Looks a second below which a box is too slow. Ours: half of the ten at which `benchmarks.end_to_end` is
played."""
Status = Literal["ok", "warn", "fail"]
Said = tuple[Status, str]
_MARK: Final = {"ok": "[green]ok[/]", "warn": "[yellow]look[/]", "fail": "[bold red]fail[/]"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    check: str
    status: Status
    said: str


def run_doctor(config: Path | None, *, overrides: Mapping[str, Any], as_json: bool) -> int:
    """Run every check. Returns 0, or 1 if one failed."""
    console = Console()
    logging.disable(logging.ERROR)  # the findings say it better
    try:
        with nullcontext() if as_json else Console(stderr=True).status("looking …"):
            findings = list(examine(config, overrides))
    finally:
        logging.disable(logging.NOTSET)
    if as_json:
        typer.echo(
            json.dumps({"version": version(), "findings": [asdict(f) for f in findings]}, ensure_ascii=False)
        )
    else:
        table = Table(show_header=False, box=None, pad_edge=False)
        for finding in findings:
            table.add_row(_MARK[finding.status], finding.check, escape(finding.said))
        console.print(table)
        bad = sum(f.status == "fail" for f in findings)
        console.print(
            "All is well." if not bad else f"{bad} check(s) failed; the lines above say what to do."
        )
    return 1 if any(f.status == "fail" for f in findings) else 0


def examine(config: Path | None, overrides: Mapping[str, Any]) -> Iterator[Finding]:
    """All checks in order. Wrong settings end it: nothing else could be looked at."""
    machine = f"Liftguard {version()}, Python {platform.python_version()}, {platform.machine()}"
    yield Finding("machine", "ok", f"{machine}, {len(os.sched_getaffinity(0))} cores")
    try:
        settings = load_settings(config, overrides=overrides)
    except LiftguardError as exc:
        yield Finding("settings", "fail", str(exc))
        return
    path = find_config(config, os.environ)
    yield Finding("settings", "ok", str(path) if path else "no file: defaults, environment and options")
    checks: list[tuple[str, Callable[[Settings], Iterator[Finding]]]] = [
        ("data folder", _data_folder),
        ("store", _store),
        ("model", _model),
        ("cameras", _cameras),
        ("relays", _relays),
        ("voices", _voices),
        ("page", _page),
    ]
    for name, check in checks:
        try:
            yield from check(settings)
        except LiftguardError as exc:
            yield Finding(name, "fail", str(exc))


def _data_folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = folder / ".doctor"
        probe.write_bytes(b"x")
        probe.unlink()
        free_gb = shutil.disk_usage(folder).free / 1e9
    except OSError as exc:
        yield Finding("data folder", "fail", f"{folder} cannot be written: {exc}; set data_dir or its owner")
        return
    socket_address(current_run_dir(settings), LIVE)
    said = f"{folder.resolve()}, {free_gb:.1f} GB free"
    yield Finding("data folder", "ok" if free_gb >= FREE_WARN_GB else "warn", said)


def _store(settings: Settings) -> Iterator[Finding]:
    store = Store(settings.store_url)
    try:
        store.migrate()
        result = store.integrity_check()
        if result != "ok":
            raise StorageError(f"{store.where} is damaged: {result[:200]}; restore a backup or move it away")
        yield Finding("store", "ok", store.where)
    finally:
        store.close()


def _model(settings: Settings) -> Iterator[Finding]:
    cameras = len(settings.elevators)
    settings = share_cores(settings)
    detector = build_detector(settings)
    picture = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    times_ms = []
    for _ in range(RUNS):
        start = time.perf_counter()
        detector.detect(picture)
        times_ms.append((time.perf_counter() - start) * 1000)
    median_ms = statistics.median(times_ms)
    threads = settings.detector.threads
    looks = looks_per_s(median_ms, places_for(os.cpu_count() or 1, threads), cameras)
    said = (
        f"{detector.name}, {detector.size_wh[0]} px, {median_ms:.0f} ms per picture (median of {RUNS}) on "
        f"{threads} thread(s): up to {looks:.0f} a second for each of {cameras} camera(s); "
        f"ONNX Runtime {ort.__version__}"
    )
    if looks < LOOKS_WARN:
        said += (
            "; too few to see an e-bike come in: set detector.model to a smaller one (liftguard model list)"
        )
    yield Finding("model", "ok" if looks >= LOOKS_WARN else "warn", said)


def looks_per_s(median_ms: float, places: int, cameras: int) -> float:
    """Pictures a second that each camera can be looked at, when something happens before all of them.

    Args: places: inferences that run beside each other. Decoding is not counted.
    """
    return places * 1000 / max(median_ms, 1e-3) / max(cameras, 1)


def _each(settings: Settings, what: str, look: Callable[[ElevatorSettings], Said]) -> Iterator[Finding]:
    """One finding per elevator: what fails at one hides nothing of the others."""
    for elevator in settings.elevators:
        try:
            status, said = look(elevator)
        except LiftguardError as exc:
            status, said = "fail", str(exc)
        yield Finding(f"{what} {elevator.id}", status, said)


def _cameras(settings: Settings) -> Iterator[Finding]:
    return _each(settings, "camera", _camera)


def _camera(elevator: ElevatorSettings) -> Said:
    address = redact(elevator.camera.source)
    source = build_source(elevator)
    try:
        limit_s = elevator.camera.open_timeout_s + elevator.camera.stall_timeout_s
        frame = source.read(limit_s)
        if frame is None:
            detail = source.status().detail
            return "fail", f"{address} gave no picture within {limit_s:.0f} s: {detail}"
        height, width = frame.image.shape[:2]
        dark = float(frame.image.mean()) < 10
        said = f"{address} gives {width} x {height} pictures" + ("; they are almost black" if dark else "")
        return "warn" if dark else "ok", said
    finally:
        source.close()


def _relays(settings: Settings) -> Iterator[Finding]:
    yield from _each(settings, "relay", _relay)
    wired = settings.model_copy(update={"elevators": tuple(e for e in settings.elevators if e.inputs.wired)})
    yield from _each(wired, "inputs", _inputs)
    shown = tuple(e for e in settings.elevators if e.inputs.door_wired)
    yield from _each(settings.model_copy(update={"elevators": shown}), "door", _door)
    timed = tuple(e for e in settings.elevators if e.schedule.off)
    yield from _each(settings.model_copy(update={"elevators": timed}), "schedule", _schedule)


def _relay(elevator: ElevatorSettings) -> Said:
    if relay_is_simulated(elevator):
        return "ok", "simulated: no pin of this machine is touched, a simulated elevator shows it"
    name, board = relay_name(elevator), build_board(elevator)
    if board is None:
        build_relay(elevator).close()
        return "ok", f"{name} {NEVER if elevator.kind == 'A' else 'found, released'}"
    try:
        energised = board.read()  # only asked, never told: a running guard may be holding the door with it
    finally:
        board.drop()
    if energised is None:
        return "warn", f"{name} opens, but cannot say what it does (read_back = false); see docs/relays.md"
    if energised:
        return "warn", f"{name} answers and is energised: a running guard holds the door, or somebody else"
    return "ok", f"{name} answers, {NEVER if elevator.kind == 'A' else 'released'}"


def _inputs(elevator: ElevatorSettings) -> Said:
    wired = ", ".join(f"{what} on GPIO {pin}" for what, pin in elevator.inputs.wired.items())
    if inputs_are_simulated(elevator):
        return "warn", f"{wired}: simulated as closed; no contact of the elevator is read"
    inputs = build_inputs(elevator, time.monotonic)
    try:
        now = inputs.read()
    finally:
        inputs.close()
    opened = [what for what in elevator.inputs.wired if getattr(now, what)]
    if opened:
        return "warn", f"{wired}; {' and '.join(opened)} open: the door is not held until closed"
    return "ok", f"{wired}; all closed, nothing inhibits"


def _door(elevator: ElevatorSettings) -> Said:
    contacts = build_contacts(elevator, time.monotonic)
    if contacts is None:
        return "warn", "simulated: no door or floor contact is read"
    until_s = time.monotonic() + 2 * elevator.inputs.settle_s + LOOK_S
    try:
        while time.monotonic() < until_s:
            now = contacts.look()
            time.sleep(LOOK_S)
    finally:
        contacts.close()
    said = f"door {now.position}, floor {'not known' if now.floor is None else now.floor}"
    return ("warn", f"{said}; {now.detail}") if now.detail else ("ok", said)


def _schedule(elevator: ElevatorSettings) -> Said:
    schedule, now = Schedule.parse(elevator.schedule.off, elevator.schedule.time_zone), utc_now()
    local = now.astimezone(schedule.zone)
    said = f"it is {local:%a %H:%M} ({local.tzname()}); not held {', '.join(elevator.schedule.off)}"
    if not schedule.credible(now):
        return "fail", f"{said}: the clock cannot be right, so no door is held until it is set"
    return "ok", f"{said}: {'off' if schedule.off(now) else 'at work'} now"


def _voices(settings: Settings) -> Iterator[Finding]:
    return _each(settings, "voice", _voice)


def _voice(elevator: ElevatorSettings) -> Said:
    voice = elevator.voice
    if not speaks(elevator, simulated=relay_is_simulated(elevator)):
        return "ok", "no prompt is spoken (voice.enabled)"
    prompts = Prompts(voice.files or shipped(voice.languages))
    try:
        _, trouble = prompts.at(voice.volume_percent)
    finally:
        prompts.close()
    if find_player(voice.player, voice.device) is None:
        trouble = "; ".join(filter(None, (no_player(voice.player), trouble)))
    quiet = f", quiet hours {', '.join(voice.quiet_hours)}" if voice.quiet_hours else ""
    said = f"every {voice.interval_s:g} s at {voice.volume_percent} %{quiet}"
    return "warn" if trouble else "ok", trouble or said


def _page(settings: Settings) -> Iterator[Finding]:
    web = settings.web
    try:
        check_port(web.host, web.port)
    except LiftguardError as exc:
        yield Finding("page", "warn", f"{exc} (a running Liftguard uses it rightly)")
    else:
        yield Finding("page", "ok", f"http://{web.host}:{web.port} is free")
