"""The composition root: the only file that names concrete classes and puts them together."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from api.about import version
from api.again import is_started_again
from api.book import EventBook, Identity
from api.cameras.book import CameraBook
from api.doors import build_door
from api.elevator import Elevator, Parts, whereabouts
from api.evidence.converter import Converter
from api.evidence.desk import Desk
from api.evidence.limits import limits_of
from api.evidence.salvage import NOT_FINISHED
from api.evidence.studio import Studio
from api.evidence.sweeper import Sweeper
from api.guard import Guard
from api.latency import LatencyWindow
from api.link import GuardLink
from api.logs import set_up_logging
from api.metrics import GuardMetrics
from api.notify import Notifier
from api.outputs import build_heartbeat, build_voice
from api.recorder import Recorder
from api.relays import build_inputs, build_relay, with_schedule
from api.reload import ModelReload, info_of, votes_for
from api.run_dir import current_run_dir, guard_run_dir
from api.settings import ElevatorSettings, Settings
from api.times import WallTime
from api.watch import Watch, leave_at_once
from api.wiring import relay_is_simulated
from hardware.controller import HoldController
from hardware.hold import HoldRules, Signal
from hardware.relay import Relay
from hardware.slot import PresenceSlot
from models.detector import OnnxDetector
from models.manifest import load_manifest
from vision.clips.rules import ClipRules
from vision.errors import ConfigError, LiftguardError, StorageError
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

SWITCH_S = 0.0005
"""So long may one thread of web keep the interpreter from another that waits for it."""


def build_detector(settings: Settings) -> OnnxDetector:
    """The detector that the settings name, warmed up. Raises: ModelError."""
    chosen = settings.detector
    manifest = load_manifest(chosen.manifest)
    return OnnxDetector(
        manifest.get(chosen.model),
        manifest.weights_dir,
        providers=chosen.providers,
        intra_op_threads=chosen.threads,
        spinning=chosen.spinning,
    )


def share_cores(settings: Settings, cameras: int | None = None) -> Settings:
    """The settings with threads for each of several cameras. Args: cameras: None: one for each elevator."""
    chosen = settings.detector
    threads = threads_for(os.cpu_count() or 1, cameras or len(settings.elevators), chosen.threads)
    return settings.model_copy(update={"detector": chosen.model_copy(update={"threads": threads})})


def build_perceiver(
    settings: Settings, elevator: ElevatorSettings, detector: OnnxDetector, gate: MotionGate | None = None
) -> Perceiver:
    """Gate, tracks and presence of one camera. Args: gate: another than the settings' own."""
    zones = tuple(Zone(zone.kind, zone.polygon) for zone in elevator.zones)
    own = MotionGate(zones=zones) if settings.vision.motion_gate else OpenGate()
    return Perceiver(
        detector,
        zones=zones,
        presence=PresenceParams(
            blocked_classes=settings.vision.blocked_classes,
            confirm_prob=settings.vision.confirm_prob,
            confirm_min_s=settings.vision.confirm_min_s,
            confirm_hits=settings.vision.confirm_hits,
        ),
        operating_conf=detector.operating_conf,
        votes=votes_for(detector),
        gate=gate or own,
    )


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
        for elevator, relay in zip(settings.elevators, relays, strict=True):
            detector = build_detector(shared)  # one each: it looks at one picture at a time
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
                lambda: build_detector(share_cores(read_again() if read_again else settings)),
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


def make_private(folder: Path) -> None:
    """Make the data folder, if it is not there, for this user alone. Raises: StorageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as exc:
        if exc.errno == errno.EROFS:  # a card that has worn out: no reason to leave a door unguarded
            log.error("cannot make the data folder %s: %s; events wait until it can be written", folder, exc)
            return
        raise StorageError(f"cannot make the data folder {folder}: {exc}; set data_dir to another") from exc


class StoreOpener:
    """Opens the store with its tables up to date; the first time it closes the events that a crash left open.

    Only the first time: later, an open event is this run's own.
    """

    def __init__(self, settings: Settings) -> None:
        self._url = settings.store_url
        self._first = True

    def __call__(self) -> Store:
        """Raises: StorageError."""
        from api.store import Store

        store = Store(self._url)
        store.migrate()
        if self._first:
            found = store.close_interrupted()
            store.fail_unfinished(NOT_FINISHED)
            store.close_interrupted_troubles()
            self._first = False
            if found:
                log.warning("%d event(s) were open when guard last ended: now marked as interrupted", found)
        return store


def check_port(host: str, port: int) -> None:
    """Raises: ConfigError if the page cannot listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            probe.bind((host, port))
        except OSError as exc:
            raise ConfigError(
                f"the page cannot listen on {host}:{port} ({exc.strerror or exc}); "
                "stop the program that uses it, or choose another with --port or web.port"
            ) from exc


def run_web(settings: Settings) -> int:
    """Serve the page and the API until a signal comes. Returns the exit code."""
    from api.accounts.oidc import Oidc
    from api.accounts.rules import rules_of
    from api.accounts.service import Accounts
    from api.accounts.setup_code import print_code
    from api.notices.build import build_notices
    from api.privacy.blurrer import HeadBlurrer
    from api.store import Store
    from api.web import create_app, make_server  # here, so that guard carries no web server in its memory
    from api.web_link import WebLink

    os.umask(0o077)  # as guard
    # Every send gives the interpreter away; with the usual 5 ms a busy thread would keep it from the thousand
    # messages a second of fifty live pages.
    sys.setswitchinterval(SWITCH_S)
    set_up_logging(settings.log_level, "web")
    check_port(settings.web.host, settings.web.port)
    make_private(settings.data_dir)
    store = Store(settings.store_url)
    try:
        store.migrate()
    except StorageError as exc:  # the page still shows the doors, and says that events cannot be read
        log.error("%s", exc)
    web = settings.web
    accounts = Accounts(store, rules_of(settings), oidc=Oidc(web.oidc) if web.oidc else None)
    link = WebLink(current_run_dir(settings))
    quietly = settings.detector.model_copy(update={"threads": 1})  # beside guard, which needs the cores
    one_thread = settings.model_copy(update={"detector": quietly})
    app = create_app(
        store,
        link,
        version=version(),
        allowed_hosts=web.allowed_hosts,
        settings=settings,
        evidence_dir=settings.evidence_dir,
        accounts=accounts,
        blurrer=HeadBlurrer(settings.data_dir / "blurred", lambda: build_detector(one_thread)),
        background=build_notices(settings, store, link, version()),
    )
    log.info("the page is at %s", web.address)
    if accounts.keeper.remembered_set_up() is False and not print_code(
        accounts.code, web.address, sys.stderr
    ):
        log.warning("no account has been made yet: run `liftguard user add` on this machine")
    tls = (web.tls_certificate, web.tls_key) if web.tls_certificate and web.tls_key else None
    make_server(app, web.host, web.port, tls=tls, trusted_proxies=web.trusted_proxies).run()
    store.close()
    return 0


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
    parts = Parts(
        settings=elevator,
        source=source,
        perceiver=build_perceiver(settings, elevator, detector),
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
        voice=build_voice(elevator, controller, simulated=simulated, clock=times.clock),
        studio=studio,
        turns=turns or Turns(1),
    )
    ear.append(Elevator(parts, LatencyWindow(), metrics, times))
    return ear[0]
