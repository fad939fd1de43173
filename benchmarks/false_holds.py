"""False holds per elevator-day: a synthetic day without an e-bike through the whole pipeline.

Entries of people, carts and suitcases, strollers, wheelchairs and bicycles (`benchmarks.day_entries`) are
replayed through gate, detector, tracks, presence and hold on a simulated clock, as `liftguard replay` does.
Counted are entries with a false pre-hold (the door was held for a moment, then let go) and with a false
confirmed hold, with 95 % intervals, scaled to a day of 2,000 entries. A control of e-bikes, not part of the
day, shows that the same replay does hold when it should.

Each entry's outcome is kept in OUT/false_holds/, so a run that was cut short goes on where it ended; the
figures always say of how many entries they are. Pictures of the false ones lie there too: real people, so
never commit them.

    python -m benchmarks.false_holds [--entries N] [--seed N] [--minutes M] [--control N]
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from api.load import load_settings
from api.main import build_detector, build_perceiver, build_rules
from api.replay import Replay
from api.settings import Settings
from benchmarks.day_entries import SHARES, Entry, entry
from benchmarks.day_pieces import Material, gather
from benchmarks.report import Target, emit, parser, run
from models.detector import OnnxDetector
from models.evaluate import Rate
from vision.perceive import Perceiver
from vision.types import E_BIKE, Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DAY: Final = 2000  # entries of a busy elevator in a day
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
    options = made.parse_args()
    settings = load_settings()
    material = gather(settings.data, options.pieces or options.out / "day_pieces")
    detector = build_detector(settings)
    player = Player(settings, detector, material, options.seed, options.out / "false_holds")
    until_s = time.monotonic() + options.minutes * 60
    control = player.play(range(options.control), until_s, "e_bike")
    found = player.play(range(options.entries), until_s)
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
    }

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        kinds = list(SHARES)
        for shift, what in ((-0.2, "pre_held"), (0.2, "held")):
            rates = [figures["by_kind"][kind][what] for kind in kinds]
            at = np.arange(len(kinds)) + shift
            share = np.array([r["share"] for r in rates]) * 100
            error = np.array([[r["share"] - r["low"], r["high"] - r["share"]] for r in rates]).T * 100
            axes.bar(at, share, 0.4, yerr=np.clip(error, 0, None), label=what, capsize=3)
        axes.set_xticks(range(len(kinds)), [f"{k}\n{figures['by_kind'][k]['held']['tries']}" for k in kinds])
        axes.set(ylabel="% of entries, 95 % interval", title=f"False holds of {len(found)} entries")
        axes.legend()

    emit("false_holds", figures, options, targets=TARGETS, draw=draw)
    sheet = player.sheet()
    if sheet:
        Console(stderr=True).print(f"Pictures of the false ones: {sheet}")


class Player:
    """Plays entries and remembers what came of each."""

    def __init__(
        self, settings: Settings, detector: OnnxDetector, material: Material, seed: int, folder: Path
    ) -> None:
        self._detector = detector
        self._material = material
        self._seed = seed
        self._rules = build_rules(settings.elevators[0])
        self._perceiver: Perceiver = build_perceiver(settings, settings.elevators[0], detector)
        self._folder = folder / f"{detector.sha256[:8]}-{seed}"
        self._folder.mkdir(parents=True, exist_ok=True)

    def play(self, numbers: Iterable[int], until_s: float, kind: str | None = None) -> list[dict[str, Any]]:
        """Play these entries, but those that were played before, until the time is up."""
        journal = self._folder / f"{kind or 'day'}.jsonl"
        lines = journal.read_text("utf-8").splitlines() if journal.exists() else []
        known = {one["number"]: one for one in map(json.loads, lines)}
        wanted = list(numbers)
        with journal.open("a", encoding="utf-8") as file:
            todo = [n for n in wanted if n not in known]
            for number in track(todo, kind or "the day", console=Console(stderr=True), transient=True):
                if time.monotonic() > until_s:
                    break
                outcome = self._one(entry(self._material, number, self._seed, kind=kind))
                known[number] = outcome
                file.write(json.dumps(outcome) + "\n")
                file.flush()
        return [known[n] for n in wanted if n in known]

    def _one(self, played: Entry) -> dict[str, Any]:
        phases: dict[str, int] = {}  # phase -> frame in which it first began

        def hear(line: dict[str, Any]) -> None:
            if line["type"] == "phase":
                phases.setdefault(line["after"], line["frame"])

        self._perceiver.reset()
        summary = Replay(self._perceiver, self._rules, hear).run(played.frames)
        worst = "HOLDING" if "HOLDING" in phases else "SUSPECT" if "SUSPECT" in phases else ""
        if worst and played.kind != "e_bike":
            name = f"{worst.lower()}-{played.number:05d}-{played.kind}.jpg"
            cv2.imwrite(str(self._folder / name), self._shown(played.frames[phases[worst]].image))
        return {
            "number": played.number,
            "kind": played.kind,
            "origin": played.origin,
            "pre_held": bool(worst),
            "held": worst == "HOLDING",
            "frames": summary.frames,
            "inferred": summary.inferred,
        }

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
        for path in sorted(self._folder.glob("*-*.jpg"))[: columns * 10]:
            image = cv2.imread(str(path))
            if image is not None:
                tile = cv2.resize(image, (280, 210))
                cv2.putText(tile, path.stem, (4, 204), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 255, 255), 1)
                tiles.append(tile)
        if not tiles:
            return None
        tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
        rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
        path = self._folder / "sheet.png"
        cv2.imwrite(str(path), np.vstack(rows))
        return path


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
