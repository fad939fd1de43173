"""The composition root of guard: names concrete classes and puts them together (`api.web_main`: of web)."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING

from api.about import version
from api.again import is_started_again
from api.book import EventBook, Identity
from api.cameras.book import CameraBook
from api.cameras.fixture_memory import FixtureMemory
from api.data_dir import StoreOpener, make_private
from api.doors import build_door
from api.elevator import Elevator, Parts, whereabouts
from api.evidence.converter import Converter
from api.evidence.desk import Desk
from api.evidence.limits import limits_of
from api.evidence.studio import Studio
from api.evidence.sweeper import Sweeper
from api.guard import Guard
from api.latency import LatencyWindow
from api.link import GuardLink
from api.metrics import GuardMetrics
from api.notify import Notifier
from api.outputs import build_heartbeat, build_voice
from api.recorder import Recorder
from api.relays import build_inputs, build_relay, with_schedule
from api.reload import ModelReload, info_of, votes_for
from api.run_dir import guard_run_dir
from api.settings import ElevatorSettings, Settings
from api.times import WallTime
from api.watch import Watch, leave_at_once
from api.wiring import relay_is_simulated
from hardware.controller import HoldController
from hardware.hold import HoldRules, Signal
from hardware.relay import Relay
from hardware.slot import PresenceSlot
from models.detector import OnnxDetector
from models.helper_cpus import helper_cpus
from models.manifest import Manifest, ModelEntry, load_manifest
from vision.clips.rules import ClipRules
from vision.errors import LiftguardError
from vision.fixtures import LEARN_S, FixtureParams, FixtureWatch, Thing
from vision.gate import MotionGate, OpenGate
from vision.perceive import Perceiver
from vision.presence import PresenceParams
from vision.sources import open_source, parse_address
from vision.sources.masked import MaskedSource
from vision.sources.packets import OnPacket
from vision.tamper import TamperWatch
from vision.turns import Turns, places_for, threads_for
from vision.types import FrameSource
from vision.zones import Zone

if TYPE_CHECKING:
    from api.store import Store

log = logging.getLogger(__name__)


def build_detector(settings: Settings, place: int = 0) -> OnnxDetector:
    """The detector that the settings name, warmed up. Raises: ModelError.

    Args: place: its number among those of this process, whose helper threads shall not meet.
    """
    chosen = settings.detector
    manifest = load_manifest(chosen.manifest)
    cpus = helper_cpus(chosen.threads, place) if chosen.pin_threads else ()
    return _detector(settings, manifest, manifest.get(chosen.model), chosen.threads, cpus)


def build_head_detector(settings: Settings) -> OnnxDetector:
    """The detector that finds heads to cover, on one thread: guard needs the cores. Raises: ModelError."""
    manifest = load_manifest(settings.detector.manifest)
    return _detector(settings, manifest, manifest.for_heads(settings.detector.model), 1)


def _detector(
    settings: Settings, manifest: Manifest, entry: ModelEntry, threads: int, cpus: Sequence[int] = ()
) -> OnnxDetector:
    return OnnxDetector(
        entry,
        manifest.weights_dir,
        providers=settings.detector.providers,
        intra_op_threads=threads,
        spinning=settings.detector.spinning,
        helper_cpus=cpus,
    )


def share_cores(settings: Settings, cameras: int | None = None) -> Settings:
    """The settings with threads for each of several cameras. Args: cameras: None: one for each elevator."""
    chosen = settings.detector
    threads = threads_for(os.cpu_count() or 1, cameras or len(settings.elevators), chosen.threads)
    return settings.model_copy(update={"detector": chosen.model_copy(update={"threads": threads})})


def build_perceiver(
    settings: Settings,
    elevator: ElevatorSettings,
    detector: OnnxDetector,
    gate: MotionGate | None = None,
    known: Iterable[Thing] = (),
) -> Perceiver:
    """Gate, tracks and presence of one camera.

    Args: gate: another than the settings' own; known: fixtures that another run remembered.
    """
    zones = zones_of(elevator)
    own = MotionGate(zones=zones) if settings.vision.motion_gate else OpenGate()
    presence = PresenceParams(
        blocked_classes=settings.vision.blocked_classes,
        confirm_prob=settings.vision.confirm_prob,
        confirm_min_s=settings.vision.confirm_min_s,
        confirm_hits=settings.vision.confirm_hits,
    )
    return Perceiver(
        detector,
        zones=zones,
        presence=presence,
        fixtures=build_fixtures(settings, elevator, presence, known),
        operating_conf=detector.operating_conf,
        votes=votes_for(detector),
        gate=gate or own,
    )


def zones_of(elevator: ElevatorSettings) -> tuple[Zone, ...]:
    """The zones that the installer has drawn."""
    return tuple(Zone(zone.kind, zone.polygon) for zone in elevator.zones)


def build_fixtures(
    settings: Settings,
    elevator: ElevatorSettings,
    presence: PresenceParams,
    known: Iterable[Thing] = (),
) -> FixtureWatch | None:
    """What tells the car's own things from vehicles, if that is wanted."""
    if not settings.vision.ignore_fixtures:
        return None
    zones = zones_of(elevator)
    # Whatever a house has set, a vehicle is let go of by the hold's own cap long before it is a fixture.
    params = FixtureParams(learn_s=max(LEARN_S, 2 * elevator.hold.cap_s))
    return FixtureWatch(presence.blocked_ids, frozenset(presence.holding_zones), zones, params, known)


def build_rules(elevator: ElevatorSettings) -> HoldRules:
    """The hold's limits from the settings."""
    return HoldRules(kind=elevator.kind, **elevator.hold.model_dump())


def build_source(elevator: ElevatorSettings, on_packet: OnPacket | None = None) -> FrameSource:
    """The elevator's camera. ``on_packet`` gets its encoded pictures, unless parts of them are masked."""
    camera = elevator.camera
    masked = bool(camera.masks)  # then packets show too much: clips are made of frames
    source = open_source(
        camera.source,
        loop=camera.source == "sample" if camera.loop is None else camera.loop,
        rtsp_transport=camera.rtsp_transport,
        open_timeout_s=camera.open_timeout_s,
        stall_timeout_s=camera.stall_timeout_s,
        folder_fps=camera.folder_fps,
        may_skip=camera.skip_frames == "auto",
        on_packet=None if masked else on_packet,
    )
    return MaskedSource(source, camera.masks) if masked else source


def build_studio(
    settings: Settings,
    elevator: ElevatorSettings,
    recorder: Recorder,
    converter: Converter,
    times: WallTime,
) -> Studio:
    """What makes the clips and pictures of one elevator's events."""
    chosen = settings.evidence
    rules = ClipRules(
        pre_s=chosen.pre_s,
        post_s=chosen.post_s,
        segment_s=chosen.segment_s,
        max_s=chosen.max_s,
        ring_bytes=chosen.ring_max_mb * 1024 * 1024,
    )
    desk = Desk(elevator.id, settings.evidence_dir, recorder.put, times.utc, converter.put)
    return Studio(desk, rules, times.clock, enabled=chosen.enabled)


def build_tamper(elevator: ElevatorSettings) -> TamperWatch | None:
    """What notices a covered or turned camera; a recording is none that anybody could cover."""
    camera = elevator.camera
    recording = parse_address(camera.source).kind in {"file", "folder"}
    wanted = not recording if camera.tamper == "auto" else camera.tamper
    return TamperWatch() if wanted else None


def build_guard(settings: Settings, read_again: Callable[[], Settings] | None = None) -> Guard:
    """Everything that the guard process runs, not yet started.

    Args: read_again: reads the settings anew when the model is to be loaded again; None: they stay.
    """
    times, metrics = WallTime(), GuardMetrics()
    make_private(settings.data_dir)
    with ExitStack() as undo:  # what has been opened is closed again if something after it is refused
        link = GuardLink(
            guard_run_dir(settings)
        )  # first: it refuses a second guard before a relay is touched
        undo.callback(link.close)
        relays = open_relays(settings.elevators)
        for relay in relays:
            undo.callback(relay.close)
        recorder = Recorder(StoreOpener(settings))
        converter = Converter()
        elevators = []
        shared = share_cores(settings)
        turns = Turns(places_for(os.cpu_count() or 1, shared.detector.threads))
        number = count()
        for elevator, relay in zip(settings.elevators, relays, strict=True):
            detector = build_detector(shared, next(number))  # one each: it looks at one picture at a time
            built = build_elevator(
                settings, elevator, relay, detector, recorder, converter, metrics, times, turns
            )
            undo.callback(built.stop)
            elevators.append(built)
        model = info_of(detector)
        watch = Watch({e.id: e.parts.controller for e in elevators}, Notifier(), times.clock, leave_at_once)
        guard = Guard(
            elevators,
            recorder,
            link,
            model,
            metrics,
            times,
            watch,
            converter=converter,
            can_restart=is_started_again(os.environ),
            sweeper=build_sweeper(settings, times),
            reload=ModelReload(
                lambda: build_detector(share_cores(read_again() if read_again else settings), next(number)),
                elevators,
                model,
                lambda outcome: metrics.model_reloads.labels(outcome).inc(),
            ),
        )
        link.serve_commands(guard.command)
        undo.pop_all()
    return guard


def build_sweeper(settings: Settings, times: WallTime) -> Sweeper:
    """What keeps the evidence within its limits."""

    def open_store() -> Store:
        from api.store import Store  # here and below: on the thread that opens it, while guard already looks

        store = Store(settings.store_url)
        store.migrate()
        return store

    return Sweeper(
        open_store,
        settings.evidence_dir,
        limits_of(settings.evidence),
        times.clock,
        times.wall,
        sweep_s=settings.evidence.sweep_s,
    )


def open_relays(elevators: Sequence[ElevatorSettings]) -> list[Relay]:
    """Every relay, released: before anything else that may be refused.

    A pin keeps its level when guard is killed, and opening its relay releases it. One that cannot be opened
    does not keep the others from being released: its error is raised when all have been tried.
    """
    opened: list[Relay] = []
    failed: LiftguardError | None = None
    for elevator in elevators:
        try:
            opened.append(build_relay(elevator))
        except LiftguardError as exc:
            failed = failed or exc
    if failed is not None:
        for relay in opened:
            relay.close()
        raise failed
    return opened


def build_elevator(
    settings: Settings,
    elevator: ElevatorSettings,
    relay: Relay,
    detector: OnnxDetector,
    recorder: Recorder,
    converter: Converter,
    metrics: GuardMetrics,
    times: WallTime,
    turns: Turns | None = None,
) -> Elevator:
    """One elevator and all its parts. Args: turns: shared by all elevators; None: its own."""
    rules = build_rules(elevator)
    simulated = relay_is_simulated(elevator)
    identity = Identity(
        elevator_id=elevator.id,
        camera_id=f"{elevator.id}/cabin",
        model_name=detector.name,
        model_sha256=detector.sha256,
        rules_version=hashlib.sha256(repr(rules).encode()).hexdigest()[:12],
        software_version=version(),
        simulated=simulated,
    )
    studio = build_studio(settings, elevator, recorder, converter, times)
    metrics.clips.watch(elevator.id, studio.ring)
    source = build_source(elevator, studio.on_packet)
    inputs = with_schedule(elevator, build_inputs(elevator, times.clock), times.wall)
    slot = PresenceSlot()
    ear: list[Elevator] = []  # the controller needs the listener before the elevator exists

    def hear(signal: Signal) -> None:
        for listener in ear:
            listener.hear(signal)

    controller = HoldController(
        relay,
        rules,
        slot,
        read_inputs=inputs.read,
        clock=times.clock,
        on_signal=hear,
        heartbeat=build_heartbeat(elevator, simulated=simulated),
    )
    inputs.watch(controller.wake)
    door = build_door(elevator, relay, times.clock)
    memory = None
    if settings.vision.ignore_fixtures:
        memory = FixtureMemory(settings.fixtures_dir / f"{elevator.id}.json", recorder.put)
    parts = Parts(
        settings=elevator,
        source=source,
        perceiver=build_perceiver(settings, elevator, detector, known=memory.load() if memory else ()),
        slot=slot,
        relay=relay,
        controller=controller,
        book=EventBook(identity, times.utc, recorder.put, studio, lambda: whereabouts(door)),
        door=door,
        inputs=inputs,
        tamper=build_tamper(elevator),
        camera_book=CameraBook(
            elevator.id, identity.camera_id, settings.camera_pictures_dir, times.utc, recorder.put
        ),
        fixture_memory=memory,
        voice=build_voice(elevator, controller, simulated=simulated, clock=times.clock),
        studio=studio,
        turns=turns or Turns(1),
    )
    ear.append(Elevator(parts, LatencyWindow(), metrics, times))
    return ear[0]
