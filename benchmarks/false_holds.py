"""False holds per elevator-day: a synthetic day without an e-bike through the whole pipeline.

Entries of people, carts and suitcases, strollers, wheelchairs and bicycles (`benchmarks.day_entries`) go
through gate, detector, tracks, presence and hold on a simulated clock (`benchmarks.day_car`).
Counted are entries with a false pre-hold (the door was held for a moment, then let go) and with a false
confirmed hold, with 95 % intervals, scaled to a day of 2,000 entries; and single looks that call an e-bike at
the operating confidence, by kind of entry, without intervals, as the looks of one entry are much alike. A
control of e-bikes, not part of the day, shows that the same replay does hold when it should.

Each entry's outcome is kept in OUT/false_holds/ by model, input size, seed and rules, so a run that was cut
short goes on where it ended; the figures always say of how many entries they are. What the detector said is
kept too: after a change to tracks, presence or hold the same day is judged again in minutes. Pictures of the
false ones lie there: real people, so never commit them.

With --frames the car also rests, empty and still, between bursts of entries until so many frames are played,
in one go from the beginning, with event book, recorder and store: that is the day and the endurance run in
one, and a second JSON line tells what resident memory did (as `benchmarks.endurance`).

    python -m benchmarks.false_holds [--entries N] [--seed N] [--minutes M] [--control N] [--frames 300000]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from rich.console import Console
from rich.progress import Progress

from api.load import load_settings
from api.main import build_detector, build_perceiver, build_rules
from api.reload import votes_for
from api.settings import Settings
from benchmarks.day_car import Car
from benchmarks.day_entries import SHARES, Entry, entry, kind_of
from benchmarks.day_pieces import Material, gather
from benchmarks.day_recorded import Recorded, Recording, Recordings, rules_version
from benchmarks.memory import TARGETS as MEMORY_TARGETS
from benchmarks.memory import Readings, draw_memory, memory_figures
from benchmarks.report import Target, emit, parser, run
from benchmarks.still_car import stills
from datasets.tiles import sheet, tile
from hardware.hold import Phase
from models.detector import OnnxDetector
from models.evaluate import Rate
from vision.errors import LiftguardError
from vision.types import CLASS_NAMES, E_BIKE, Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DAY: Final = 2000  # entries of a busy elevator in a day
DAY_NAME: Final = "day"
CONTROL: Final = "e_bike"
BURST: Final = 10  # entries one after another, then a rest
MOST_FRAMES: Final = 1500  # of one entry: a hold ends after 120 s at most
TARGETS: Final = (
    Target("false_confirmed.per_day", "a day of 2,000 entries", most=0),
    Target("control.pre_held.share", "e-bikes that the same replay holds", least=0.5),
)


def main() -> None:
    """Measure and print."""
    made = parser(__doc__)
    made.add_argument("--entries", type=int, default=DAY, help=f"entries of the day (default: {DAY})")
    made.add_argument("--control", type=int, default=40, help="e-bike entries of the control (default: 40)")
    made.add_argument("--pieces", type=Path, help="cut-outs chosen by eye (default: OUT/day_pieces)")
    made.add_argument("--seed", type=int, default=1, help="which day (default: 1)")
    made.add_argument("--minutes", type=float, default=math.inf, help="stop then; figures of what was played")
    made.add_argument("--frames", type=int, default=0, help="with rests, so many frames in all (endurance)")
    made.add_argument("--part", default="0/1", help="I/N: every Nth entry, from I on; beside other parts")
    made.add_argument("--recorded", action="store_true", help="only judge again what the detector has seen")
    made.add_argument("--threads", type=int, help="of one inference (default: as in the settings)")
    options = made.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        own: dict[str, Any] = {"data_dir": str(Path(folder) / "var")}
        if options.threads:
            own["detector.threads"] = options.threads
        settings = load_settings(overrides=own)
        settings.data_dir.mkdir(parents=True)
        material = gather(settings.data, options.pieces or options.out / "day_pieces")
        detector = build_detector(settings)
        player = Player(settings, detector, material, options, options.out / "false_holds")
        begun_s = time.monotonic()
        try:
            player.play(options.entries, options.control)
        finally:
            player.car.close()
        took_s = time.monotonic() - begun_s
    found, control = player.outcomes(DAY_NAME, options.entries), player.outcomes(CONTROL, options.control)
    require_played(len(found), options, player.folder)
    looks = player.false_looks(options.entries)
    figures: dict[str, Any] = {
        "entries": len(found),
        "entries_wanted": options.entries,
        "seed": options.seed,
        "frames": sum(o["frames"] for o in found),
        "inferred": sum(o["inferred"] for o in found),
        "false_pre_holds": per_day([o["pre_held"] and not o["held"] for o in found]),
        "false_confirmed": per_day([o["held"] for o in found]),
        "by_kind": {
            kind: {
                "pre_held": rate([o["pre_held"] for o in found if o["kind"] == kind]),
                "held": rate([o["held"] for o in found if o["kind"] == kind]),
                "looks": looks.get(kind),
            }
            for kind in SHARES
        },
        "control": {
            "pre_held": rate([o["pre_held"] for o in control]),
            "held": rate([o["held"] for o in control]),
        },
        "material": {
            **{kind: len(pieces) for kind, pieces in material.pieces.items()},
            "cabins": len(material.cabins),
        },
        "model": detector.name,
        "model_sha256": detector.sha256,
        "rules": player.rules,
    }

    emit("false_holds", figures, options, targets=TARGETS, draw=lambda figure: draw(figure, figures))
    if options.frames:
        options.compare = None  # was of the day
        memory = memory_figures(player.readings.taken, took_s) | {
            "inferred": player.car.inferred,
            "events": player.car.events,
            "writes_lost": player.car.writes_lost,
        }
        told = {
            "detector": "real",
            "what": "the day of false_holds with its rests",
            "frames_wanted": options.frames,
            "memory": memory,
            "load_average": round(os.getloadavg()[0], 1),
            "model": detector.name,
            "model_sha256": detector.sha256,
        }
        emit(
            "endurance",
            told,
            options,
            targets=MEMORY_TARGETS,
            draw=lambda figure: draw_memory(figure, player.readings.taken, "the whole day, real detector"),
        )
    sheet = player.sheet()
    if sheet:
        Console(stderr=True).print(f"Pictures of the false ones: {sheet}")


def draw(figure: Figure, figures: Mapping[str, Any]) -> None:
    """Shares of entries that were held, by kind, with their intervals."""
    axes = figure.subplots()
    kinds = list(SHARES)
    for shift, what in ((-0.2, "pre_held"), (0.2, "held")):
        rates = [figures["by_kind"][kind][what] for kind in kinds]
        at = np.arange(len(kinds)) + shift
        share = np.array([r["share"] for r in rates]) * 100
        error = np.array([[r["share"] - r["low"], r["high"] - r["share"]] for r in rates]).T * 100
        axes.bar(at, share, 0.4, yerr=np.clip(error, 0, None), label=what, capsize=3)
    axes.set_xticks(range(len(kinds)), [f"{k}\n{figures['by_kind'][k]['held']['tries']}" for k in kinds])
    axes.set(ylabel="% of entries, 95 % interval", title=f"False holds of {figures['entries']} entries")
    axes.legend()


def rules_of(settings: Settings, detector: OnnxDetector) -> str:
    """`rules_version` of the first elevator, with this detector's confidences."""
    confs = [detector.operating_conf(class_id) for class_id in range(len(CLASS_NAMES))]
    return rules_version(build_rules(settings.elevators[0]), confs)


class Player:
    """Plays entries and remembers what came of each.

    Args: folder: of this benchmark. ``frames``: of the whole day with the rests in between; 0: no rests.
    """

    def __init__(
        self,
        settings: Settings,
        detector: OnnxDetector,
        material: Material,
        options: argparse.Namespace,
        folder: Path,
    ) -> None:
        self._settings = settings
        self._detector = detector
        self._material = material
        self._seed: int = options.seed
        self._frames: int = options.frames
        part, parts = (int(v) for v in options.part.split("/"))
        self._parts = (part, parts)
        self._only_recorded: bool = options.recorded
        self._until_s = time.monotonic() + options.minutes * 60
        # "m": every second look at the mirror image, as `vision.perceive` has it now
        which = f"{detector.sha256[:8]}-{detector.size_wh[0]}-{detector.looks_digest}-m"
        made = folder / f"{which}-{options.seed}"
        self.rules = rules_of(settings, detector)
        self.folder = made / self.rules
        self.folder.mkdir(parents=True, exist_ok=True)
        self._kept = {kind: Recordings(made / f"{kind}-seen.jsonl") for kind in (DAY_NAME, CONTROL)}
        self._still: Image | None = None  # the car of the latest composite, empty
        self.car = Car.of(settings, detector, store=bool(self._frames))
        self.readings = Readings()

    def play(self, entries: int, control: int) -> None:
        """Play the day and a control of e-bikes among it, but what was played before, until the time is up.

        With rests the whole day is played from its beginning: memory is that of one run.
        """
        bursts = max(math.ceil(entries / BURST), 1)
        left = [(DAY_NAME, n) for n in range(entries)]
        every = max(bursts // max(control, 1), 1)
        todo: list[list[tuple[str, int]]] = []
        for burst in range(bursts):
            todo.append(left[burst * BURST : (burst + 1) * BURST])
            if burst % every == 0 and burst // every < control:
                todo[-1].append((CONTROL, burst // every))
        todo[-1] += [(CONTROL, n) for n in range(math.ceil(bursts / every), control)]
        known = {name: set(self._known(name)) for name in (DAY_NAME, CONTROL)}
        bar = Progress(console=Console(stderr=True), transient=True)
        with bar:
            for number, burst_of in enumerate(bar.track(todo, description="bursts of entries")):
                for name, one in burst_of:
                    if time.monotonic() > self._until_s:
                        return
                    if self._skipped(name, one, known[name]):
                        continue
                    outcome = self._one(name, one)
                    if one not in known[name]:
                        with (self.folder / f"{name}.jsonl").open("a", encoding="utf-8") as file:
                            file.write(json.dumps(outcome) + "\n")
                self._rest(self._frames * (number + 1) // bursts)

    def _skipped(self, name: str, number: int, known: set[int]) -> bool:
        """An entry of another part, or one that need not or must not be played now."""
        if number % self._parts[1] != self._parts[0] or (
            self._only_recorded and number not in self._kept[name]
        ):
            return True
        return not self._frames and number in known

    def outcomes(self, name: str, wanted: int) -> list[dict[str, Any]]:
        """What was played of the first so many."""
        known = self._known(name)
        return [known[n] for n in range(wanted) if n in known]

    def false_looks(self, wanted: int) -> dict[str, dict[str, float]]:
        """By kind of the day's first entries: looks at which the detector called an e-bike, of how many."""
        conf, kept = self._detector.operating_conf(E_BIKE), self._kept[DAY_NAME]
        counts: dict[str, tuple[int, int]] = {}
        for number in (n for n in range(wanted) if n in kept):
            called, looks = kept.get(number).called(E_BIKE, conf)
            kind = kind_of(number, self._seed)
            hits, tries = counts.get(kind, (0, 0))
            counts[kind] = (hits + called, tries + looks)
        return {
            kind: {"hits": hits, "tries": tries, "share": round(hits / max(tries, 1), 5)}
            for kind, (hits, tries) in counts.items()
        }

    def _known(self, name: str) -> dict[int, dict[str, Any]]:
        journal = self.folder / f"{name}.jsonl"
        lines = journal.read_text("utf-8").splitlines() if journal.exists() else []
        return {one["number"]: one for one in map(json.loads, lines)}

    def _one(self, name: str, number: int) -> dict[str, Any]:
        again = not self._frames and number in self._kept[name]
        recording = self._kept[name].get(number) if again else None
        kind = CONTROL if name == CONTROL else kind_of(number, self._seed)
        played: Entry | None = None
        if recording is not None:
            recorded = Recorded(recording)
            car = self._judging(recorded)
            image = np.zeros((recording.size_wh[1], recording.size_wh[0], 3), np.uint8)
            images = [image] * len(recording.seen)
        else:
            played = self._entry(name, number)
            car = self.car
            images = [frame.image for frame in played.frames]
        car.arrive()
        begun = car.frames
        shown = [car.show(image) for image in images]
        while not car.idle and car.frames - begun < MOST_FRAMES:  # until the door is let go
            shown.append(car.show(images[-1]))
        if recording is None:
            self.readings.read(self.car.frames)
            if number not in self._kept[name]:
                self._kept[name].put(number, Recording.of(shown))
            if played is not None and played.origin == "composite":
                self._still = images[-1]
        phases: dict[Phase, int] = {}  # the frame after which each first began
        for heard in car.heard:
            phases.setdefault(heard.phase, heard.frame)
        worst = next((phase for phase in (Phase.HOLDING, Phase.SUSPECT) if phase in phases), None)
        picture = None if worst is None else f"{worst.value.lower()}-{number:05d}-{kind}.jpg"
        if worst is not None and name == DAY_NAME and picture and not (self.folder / picture).exists():
            frames = (played or self._entry(name, number)).frames
            at = min(phases[worst] - begun, len(frames) - 1)
            cv2.imwrite(str(self.folder / picture), self._shown(frames[at].image))
        return {
            "number": number,
            "kind": kind,
            "origin": played.origin if played else "recorded",
            "pre_held": worst is not None,
            "held": worst is Phase.HOLDING,
            "frames": len(shown),
            "inferred": sum(one.detections is not None for one in shown),
        }

    def _entry(self, name: str, number: int) -> Entry:
        return entry(self._material, number, self._seed, kind=CONTROL if name == CONTROL else None)

    def _judging(self, recorded: Recorded) -> Car:
        """A car in which the detector says again what it said."""
        found = self._detector
        perceiver = build_perceiver(self._settings, self._settings.elevators[0], found, recorded.gate)
        perceiver.renew(recorded, operating_conf=found.operating_conf, votes=votes_for(found))
        return Car(self._settings, perceiver, store=False)

    def _rest(self, until: int) -> None:
        """An empty, still car until so many frames of the day were shown."""
        if self._still is None or self.car.frames >= until:
            return
        self.car.arrive()
        empties = stills(self._still)
        while self.car.frames < until:
            self.car.show(next(empties))
            self.readings.read(self.car.frames)

    def _shown(self, image: Image) -> Image:
        """The picture with what the detector took for an e-bike."""
        found = self._detector.detect(image)
        out = image.copy()
        for xyxy, conf, class_id in zip(found.xyxy, found.conf, found.class_id, strict=True):
            if class_id == E_BIKE:
                x1, y1, x2, y2 = (round(float(v)) for v in xyxy)
                cv2.rectangle(out, (x1, y1), (x2, y2), (0, 0, 255), 2)
                cv2.putText(
                    out, f"{conf:.2f}", (x1 + 3, y1 + 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 255), 1
                )
        return out

    def sheet(self, columns: int = 6) -> Path | None:
        """All pictures of false ones on one; confirmed ones first. None if there are none."""
        tiles = []
        for path in sorted(self.folder.glob("*-*.jpg"))[: columns * 10]:
            image = cv2.imread(str(path))
            if image is not None:
                tiles.append(tile(image.astype(np.uint8), (284, 234), path.stem))
        if not tiles:
            return None
        path = self.folder / "sheet.png"
        cv2.imwrite(str(path), sheet(tiles, columns))
        return path


def require_played(count: int, options: argparse.Namespace, folder: Path) -> None:
    """Raises: LiftguardError without an entry: no hold in none would be told as a target that is met."""
    if count:
        return
    cause = (
        "no recording of this detector: play the day once without --recorded"
        if options.recorded
        else f"nothing within --minutes {options.minutes:g} of --entries {options.entries}: give more of both"
    )
    raise LiftguardError(f"no entry of the day was played under {folder}; {cause}")


def rate(found: list[bool]) -> dict[str, float]:
    """Hits, tries, share and the Wilson interval of it."""
    of = Rate.of(sum(found), len(found))
    return {
        "hits": of.hits,
        "tries": of.tries,
        "share": round(of.share, 4),
        "low": round(of.low, 4),
        "high": round(of.high, 4),
    }


def per_day(found: list[bool]) -> dict[str, float]:
    """How many were found, and what that makes in a day of `DAY` entries with the exact Poisson interval."""
    count, scale = sum(found), DAY / max(len(found), 1)
    low, high = poisson_95(count)
    return {
        "count": count,
        "per_day": round(count * scale, 2),
        "low": round(low * scale, 2),
        "high": round(high * scale, 2),
    }


def poisson_95(count: int) -> tuple[float, float]:
    """Exact 95 % interval of the mean after ``count`` events (Garwood, Biometrika 1936), by bisection."""

    def at_most(k: int, mean: float) -> float:
        return sum(math.exp(i * math.log(mean) - mean - math.lgamma(i + 1)) for i in range(k + 1))

    def solve(k: int, wanted: float) -> float:
        low, high = 1e-9, 10.0 * (k + 10)
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if at_most(k, middle) > wanted else (low, middle)
        return low

    return (0.0 if count == 0 else solve(count - 1, 0.975)), solve(count, 0.025)


if __name__ == "__main__":
    run(main)
