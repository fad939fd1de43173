"""From the picture in which the e-bike is fully in view to the relay, over random clips through real RTSP.

Clips are those of `benchmarks.e2e_clips`: rendered ones, and composites where there is a local data folder.
Each is played by a real RTSP server, decoded, looked at and held as in guard, with a relay in memory. Times
run from the moment the decoder gives the first picture with the whole vehicle (seen, pre-hold,
confirmation) and the last one that shows any of it (release). *Inside* times run from the first picture in
which the whole vehicle is in view and stands in the doorway or the car: what stands on the landing is
reported but is no reason to hold the door. A negative time means before that. The pre-hold that counts is the
one under way then, or the next: one that was let go again before is a false start and is counted as such.

Where the time goes: *seen* is the first picture after the vehicle begins to show in which the model calls
an e-bike at its operating confidence; from seen to pre-hold it is the track's vote, from pre-hold to
confirmation the rules of `vision.presence`; *looked* is from the decoder to the end of the look, waiting
included.

Outcomes are kept in OUT/end_to_end/ by model, commit and seed, so a run goes on where it ended; so are the
clips, which --prepare makes beforehand, and with them no encoder runs beside what is timed.

    python -m benchmarks.end_to_end [--clips N] [--at-once N] [--seed N] [--minutes M] [--pieces FOLDER]
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rich.console import Console
from rich.progress import Progress, track

from api.load import load_settings
from api.main import build_detector, build_perceiver, build_rules
from api.settings import Settings
from benchmarks.day_pieces import Material, gather
from benchmarks.e2e_clips import Scene, load_scene, make_clip
from benchmarks.machine import Usage, where_measured
from benchmarks.report import Target, emit, parser, run, spread
from benchmarks.rtsp import RtspServer, encode, need_server, number_of
from hardware.controller import HoldController
from hardware.hold import EventStarted, Inputs, Signal
from hardware.relay import FakeRelay
from hardware.slot import PresenceSlot
from models.detector import OnnxDetector
from vision.errors import ConfigError
from vision.sources import open_source
from vision.types import E_BIKE, Observation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FPS: Final = 10
GRACE_S: Final = 15.0  # for a stream to begin
TARGETS: Final = (
    Target("pre_hold_ms.p95", "fully in view, on the landing or inside, to relay closed", most=300.0),
    Target("confirm_ms.p95", "... to confirmed", most=700.0),
    Target("pre_hold_inside_ms.p95", "fully in view in the doorway or the car to relay closed", most=300.0),
    Target("confirm_inside_ms.p95", "... to confirmed", most=700.0),
    Target("release_ms.most", "last in view to relay open", most=3000.0),
    Target("confirmed_share", "of the clips", least=0.95),
)
TIMES: Final = (
    "seen_ms",
    "pre_hold_ms",
    "confirm_ms",
    "pre_hold_inside_ms",
    "confirm_inside_ms",
    "release_ms",
    "looked_ms",
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a clip shows when; numbers of pictures, as in `benchmarks.e2e_clips.Clip`."""

    number: int
    origin: str
    frames: int
    first: int
    full: int
    inside: int
    last: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the pipeline made of one clip; milliseconds, None: it never came."""

    number: int
    origin: str
    seen_ms: float | None
    pre_hold_ms: float | None
    confirm_ms: float | None
    pre_hold_inside_ms: float | None
    confirm_inside_ms: float | None
    release_ms: float | None
    false_starts: int  # pre-holds let go before the whole vehicle was in view
    looked_ms: float  # decoder to the end of the look, 95th percentile of the clip
    jitter_ms: float  # how unevenly the stream gave its pictures, 95th percentile
    dropped: int  # pictures replaced by newer ones
    others_share: float  # of the machine, used by others meanwhile


class TimedRelay(FakeRelay):
    """A relay in memory that notes when it changed."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self.changes: list[tuple[bool, float]] = []

    def set(self, energised: bool) -> None:
        """See `FakeRelay.set`."""
        before = self.energised
        super().set(energised)
        if energised is not before:
            self.changes.append((energised, self._clock()))


@dataclass(frozen=True, slots=True)
class Heard:
    """The clock times of one clip."""

    shown_s: dict[int, float]  # number of a picture -> when the decoder gave it
    looked_s: dict[int, float]  # ... and when it had been looked at
    called: list[int]  # numbers of pictures in which the model called an e-bike
    changes: list[tuple[bool, float]]  # of the relay
    confirmed: list[float]
    dropped: int


def main() -> None:
    """Measure and print."""
    made = parser(__doc__)
    made.add_argument("--clips", type=int, default=200)
    made.add_argument("--at-once", type=int, default=2, help="clips played at a time (default: 2)")
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--minutes", type=float, default=math.inf, help="stop then; figures of what was played")
    made.add_argument("--prepare", action="store_true", help="only make the clips")
    made.add_argument("--pieces", type=Path, help="people chosen by eye (default: OUT/day_pieces)")
    made.add_argument("--model", help="model of the manifest (default: as in the settings)")
    options = made.parse_args()
    need_server()
    settings = load_settings(overrides={"detector.model": options.model} if options.model else {})
    try:
        material = gather(settings.data, options.pieces or options.out / "day_pieces")
    except ConfigError as exc:
        material = None
        Console(stderr=True).print(f"[yellow]Rendered clips alone:[/] {exc}")
    clips = Clips(options.out / "end_to_end" / f"clips-{options.seed}", material, options.seed)
    if options.prepare:
        for number in track(range(options.clips), "clips", console=Console(stderr=True), transient=True):
            clips.get(number)
        return
    detectors = [build_detector(settings, place) for place in range(options.at_once)]
    name = f"{detectors[0].sha256[:8]}-{where_measured()['commit']}-{options.seed}-{options.at_once}.jsonl"
    found = play_all(settings, detectors, clips, options, options.out / "end_to_end" / name)
    figures: dict[str, Any] = {
        "clips": len(found),
        "clips_wanted": options.clips,
        "at_once": options.at_once,
        "seed": options.seed,
        **summary(found),
        "by_origin": {
            origin: summary([o for o in found if o.origin == origin])
            for origin in sorted({o.origin for o in found})
        },
        "same_clips": beside(found, options.out / "end_to_end", name),
        "others_share": round(float(np.mean([o.others_share for o in found])), 3),
        "model": detectors[0].name,
        "model_sha256": detectors[0].sha256,
        "threads": settings.detector.threads,
    }

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for key, label in (
            ("seen_ms", "seen by the model"),
            ("pre_hold_ms", "pre-hold"),
            ("confirm_ms", "confirmed"),
            ("pre_hold_inside_ms", "pre-hold, from the doorway"),
            ("confirm_inside_ms", "confirmed, from the doorway"),
            ("release_ms", "released after leaving"),
        ):
            for origin, style in (("rendered", "-"), ("composited", "--")):
                if origin == "composited" and "inside" in key:
                    continue  # no landing is in their view
                values = times([o for o in found if o.origin == origin], key)
                if len(values):
                    share = np.linspace(0, 1, len(values))
                    colour = f"C{TIMES.index(key)}"
                    axes.plot(np.sort(values), share, style, color=colour, label=f"{label}, {origin}")
        for limit in (300, 700, 3000):
            axes.axvline(limit, linestyle=":", linewidth=1)
        axes.set(xlabel="milliseconds", ylabel="share of clips", title=f"{len(found)} clips through RTSP")
        axes.legend(fontsize=7)

    emit("end_to_end", figures, options, targets=TARGETS, draw=draw)


def times(found: list[Outcome], key: str) -> np.ndarray[Any, Any]:
    """That time of all clips in which it came."""
    return np.array([value for o in found if (value := getattr(o, key)) is not None])


def summary(found: list[Outcome]) -> dict[str, Any]:
    """Shares, percentiles and extremes over some clips."""
    figures: dict[str, Any] = {
        "n": len(found),
        "seen_share": share(found, "seen_ms"),
        "pre_hold_share": share(found, "pre_hold_ms"),
        "confirmed_share": share(found, "confirm_ms"),
        "released_share": share(found, "release_ms"),
        "false_starts": sum(o.false_starts for o in found),
        "dropped": sum(o.dropped for o in found),
    }
    for key in (*TIMES, "jitter_ms"):
        values = times(found, key)
        if len(values):
            figures[key] = spread(values) | {"most": round(float(values.max()), 1)}
    for key, (since, to) in {
        "seen_to_pre_hold_ms": ("seen_ms", "pre_hold_ms"),
        "pre_hold_to_confirm_ms": ("pre_hold_ms", "confirm_ms"),
    }.items():
        pairs = [(getattr(o, since), getattr(o, to)) for o in found]
        gaps = [b - a for a, b in pairs if a is not None and b is not None]
        if gaps:
            figures[key] = spread(gaps)
    return figures


def beside(found: list[Outcome], folder: Path, name: str) -> dict[str, Any]:
    """The clips that were also played with another number at once, by the same model and commit.

    Returns: per other number how many clips they share and the times of both, so that it can be seen whether
    streams that play at the same time make each other late.
    """
    told: dict[str, Any] = {}
    stem = name.rpartition("-")[0]
    for path in sorted(folder.glob(f"{stem}-*.jsonl")):
        if path.name == name:
            continue
        there = {
            one["number"]: Outcome(**one) for one in map(json.loads, path.read_text("utf-8").splitlines())
        }
        both = [(here, there[here.number]) for here in found if here.number in there]
        pairs: dict[str, Any] = {"n": len(both)}
        for key in ("pre_hold_ms", "confirm_ms", "looked_ms"):
            known = [(getattr(a, key), getattr(b, key)) for a, b in both]
            known = [(a, b) for a, b in known if a is not None and b is not None]
            if known:
                here_ms, there_ms = np.array(known).T
                pairs[key] = {
                    "here": spread(here_ms),
                    "there": spread(there_ms),
                    "later_here": spread(here_ms - there_ms),
                }
        told[f"{path.stem.rpartition('-')[2]} at once"] = pairs
    return told


def share(found: list[Outcome], key: str) -> float:
    """Of the clips, in which it came at all."""
    return round(len(times(found, key)) / max(len(found), 1), 4)


class Clips:
    """The clips as files, each with what it shows when, made once."""

    def __init__(self, folder: Path, material: Material | None, seed: int) -> None:
        self._folder = folder
        self._material = material
        self._seed = seed
        self._scene: Scene | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, number: int) -> tuple[Facts, Path]:
        """Clip ``number``, made now if it was not before."""
        path, facts = self._folder / f"{number}.mp4", self._folder / f"{number}.json"
        if not facts.exists():
            self._scene = self._scene or load_scene()
            clip = make_clip(self._scene, self._material, self._seed, number)
            encode(path, clip.images, FPS)
            told = Facts(number, clip.origin, len(clip.images), clip.first, clip.full, clip.inside, clip.last)
            facts.write_text(json.dumps(asdict(told)), "utf-8")
        return Facts(**json.loads(facts.read_text("utf-8"))), path


def play_all(
    settings: Settings, detectors: list[OnnxDetector], clips: Clips, options: Any, journal: Path
) -> list[Outcome]:
    """Every clip, but those that were played before, until the time is up."""
    lines = journal.read_text("utf-8").splitlines() if journal.exists() else []
    known = {one["number"]: Outcome(**one) for one in map(json.loads, lines)}
    todo = [n for n in range(options.clips) if n not in known]
    until_s = time.monotonic() + options.minutes * 60
    free, lock = list(detectors), threading.Lock()

    def one(number: int) -> Outcome | None:
        if time.monotonic() > until_s:
            return None
        with lock:
            detector = free.pop()
        try:
            return play(*clips.get(number), settings, detector)
        finally:
            with lock:
                free.append(detector)

    with (
        ThreadPoolExecutor(len(detectors)) as pool,
        Progress(console=Console(stderr=True), transient=True) as progress,
        journal.open("a", encoding="utf-8") as file,
    ):
        for outcome in progress.track(pool.map(one, todo), len(todo), description="clips"):
            if outcome is not None:
                known[outcome.number] = outcome
                file.write(json.dumps(asdict(outcome)) + "\n")
                file.flush()
    return [known[n] for n in range(options.clips) if n in known]


def play(clip: Facts, path: Path, settings: Settings, detector: OnnxDetector) -> Outcome:
    """Serve the clip, watch it as guard does, and take the times."""
    elevator = settings.elevators[0]
    perceiver = build_perceiver(settings, elevator, detector)
    slot, relay = PresenceSlot(), TimedRelay(time.monotonic)
    heard = Heard({}, {}, [], relay.changes, [], 0)

    def hear(signal: Signal) -> None:
        if isinstance(signal, EventStarted):
            heard.confirmed.append(time.monotonic())

    controller = HoldController(
        relay, build_rules(elevator), slot, read_inputs=Inputs, clock=time.monotonic, on_signal=hear
    )
    usage = Usage.now()
    with RtspServer(path) as server:
        source = open_source(server.url)
        controller.start()
        try:
            until_s = time.monotonic() + clip.frames / FPS + GRACE_S
            while time.monotonic() < until_s and not _over(clip, heard):
                frame = source.read(0.5)
                if frame is None:
                    continue
                number = number_of(frame.image)
                heard.shown_s.setdefault(number, frame.t_s)
                seen = perceiver.look(frame)
                slot.put(seen.presence)
                heard.looked_s.setdefault(number, time.monotonic())
                if _calls(seen, detector.operating_conf(E_BIKE)):
                    heard.called.append(number)
            dropped = source.status().dropped
            heard = replace(heard, changes=list(relay.changes))  # before the end lets go
        finally:
            controller.stop()
            source.close()
    others = Usage.now().others_share(usage)
    return outcome(clip, heard, dropped=dropped, others=others)


def _over(clip: Facts, heard: Heard) -> bool:
    """Nothing more can come: the end was shown, or the relay opened after the vehicle had gone."""
    if not heard.shown_s:
        return False
    newest = max(heard.shown_s)
    gone = newest > clip.last and bool(heard.confirmed) and not heard.changes[-1][0]
    return gone or newest >= clip.frames - 3


def _calls(seen: Observation, conf: float) -> bool:
    found = seen.detections
    return found is not None and bool(((found.class_id == E_BIKE) & (found.conf >= conf)).any())


def outcome(clip: Facts, heard: Heard, *, dropped: int = 0, others: float = 0.0) -> Outcome:
    """Times in milliseconds; of a picture that was dropped the next one that was not counts."""

    def when(number: int, times_s: dict[int, float]) -> float | None:
        return next((times_s[n] for n in sorted(times_s) if n >= number), None)

    def ms(to: float | None, since: float | None) -> float | None:
        return None if to is None or since is None else round((to - since) * 1000, 1)

    full_s, inside_s, last_s = (when(n, heard.shown_s) for n in (clip.full, clip.inside, clip.last))
    called = next((n for n in sorted(heard.called) if n >= clip.first), None)
    seen_s = None if called is None else when(called, heard.looked_s)
    holds = [
        (on_s, next((t for up, t in heard.changes[i + 1 :] if not up), math.inf))
        for i, (on, on_s) in enumerate(heard.changes)
        if on
    ]
    closed = next((on for on, off in holds if full_s is not None and off > full_s), None)
    closed_inside = next((on for on, off in holds if inside_s is not None and off > inside_s), None)
    opened = [off for _, off in holds if off < math.inf]
    sure = heard.confirmed[0] if heard.confirmed else None
    looked = [heard.looked_s[n] - t for n, t in heard.shown_s.items() if n in heard.looked_s]
    ideal = [t - n / FPS for n, t in heard.shown_s.items()]
    return Outcome(
        clip.number,
        clip.origin,
        seen_ms=ms(seen_s, full_s),
        pre_hold_ms=ms(closed, full_s),
        confirm_ms=ms(sure, full_s),
        pre_hold_inside_ms=ms(closed_inside, inside_s),
        confirm_inside_ms=ms(sure, inside_s),
        release_ms=ms(opened[-1], last_s) if opened and sure is not None else None,
        false_starts=sum(off <= full_s for _, off in holds) if full_s is not None else 0,
        looked_ms=spread(np.array(looked or [0.0]) * 1000)["p95"],
        jitter_ms=spread((np.array(ideal or [0.0]) - min(ideal, default=0.0)) * 1000)["p95"],
        dropped=dropped,
        others_share=others,
    )


if __name__ == "__main__":
    run(main)
