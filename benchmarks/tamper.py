"""How often camera tampering is reported that is none, and how soon it is when it is.

Every scene (the bundled clip, the pictures in the local data folder and in the folders that are named)
becomes a camera with noise. It is watched for two minutes; from there each thing of every day is played
for half a minute (`tamper_scenes.everyday`) and each tampering until it is reported, at most 20 s
(`tamper_scenes.tampering`). The scenes are real or rendered, what happens to them is drawn. Prints two tables
and one JSON line.

    python -m benchmarks.tamper [--limit N] [--half first|second] [--report FILE] [FOLDER ...]

Thresholds are set on the first half of every folder and judged on the second.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from api.load import load_settings
from benchmarks.machine import where_measured
from benchmarks.tamper_scenes import Act, everyday, noisy, tampering
from vision.edges import look_at
from vision.tamper import TamperParams, TamperState, step
from vision.types import Image

SAMPLE: Final = Path(__file__).parents[1] / "vision" / "samples" / "elevator.mp4"
FOLDERS: Final = ("elevator_cctv_val/images", "elevator_photos/images", "elevator_cctv_mosaics/images")
HALVES: Final = ("first", "second", "both")
WATCH_S: Final = 120.0
EVERYDAY_S: Final = 30.0
TAMPER_S: Final = 20.0
SIZE_WH: Final = (320, 180)
ACCEPTED: Final = {
    "cap": {"dark", "covered"},
    "cloth or hand": {"covered"},
    "tape": {"covered"},
    "paint over three quarters": {"sprayed", "covered", "turned"},
    "paint over nine tenths": {"sprayed", "covered", "turned"},
    "grease": {"sprayed", "covered", "turned"},
    "turned by a third": {"turned"},
    "turned away": {"turned"},
    "frozen": {"frozen"},
    "no light": {"dark"},
}
"""Which kind is the right one. Paint and grease lie between covered, sprayed and turned; each is a report."""

Camera = Callable[[float], Image]
scenes: list[tuple[str, Camera, bool]] = []
"""Name, camera and whether it moves; filled once, before the work is forked."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, help="folders of pictures, each a scene")
    parser.add_argument("--limit", type=int, default=100, help="pictures per folder (default: 100)")
    parser.add_argument("--report", type=Path, help="write the JSON line into this file, too")
    parser.add_argument("--half", choices=HALVES, default="both", help="of every folder (default: both)")
    arguments = parser.parse_args()
    scenes.extend(all_scenes(arguments.folders, arguments.limit, arguments.half))
    alarms: dict[str, list[str]] = defaultdict(list)
    seconds: dict[str, float] = defaultdict(float)
    delays: dict[str, list[float | None]] = defaultdict(list)
    wrong: dict[str, int] = defaultdict(int)
    cv2.setNumThreads(1)  # its threads do not live through a fork
    with get_context("fork").Pool() as pool:  # forked, for cameras are functions
        all_played = track(
            pool.imap(play, range(len(scenes))),
            "scenes",
            len(scenes),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )
        for (name, _, _), played in zip(scenes, all_played, strict=True):
            for what, played_s, found in played.everyday:
                seconds[what] += played_s
                alarms[what] += [f"{name}: {found}"] if found else []
            for what, delay_s, found in played.tampering:
                delays[what].append(delay_s)
                wrong[what] += found is not None and found not in ACCEPTED[what]
    line = report(alarms, seconds, delays, wrong)
    print("\n" + json.dumps(line))
    if arguments.report:
        arguments.report.write_text(json.dumps(line, indent=2) + "\n", "utf-8")


@dataclass(frozen=True, slots=True)
class Played:
    """What one scene came to."""

    everyday: list[tuple[str, float, str | None]]  # what was played, for how long, what was reported
    tampering: list[tuple[str, float | None, str | None]]  # what was played, reported after, as what


def play(index: int) -> Played:
    """Everything with one scene; the same in every run, whatever else is played."""
    rng = np.random.default_rng([20260301, index])
    _, camera, moving = scenes[index]
    others = [scenes[(index + k) % len(scenes)][1](0.0) for k in (1, 2)]
    state, found = watch(None, camera, 0.0, WATCH_S, lambda image, _t, r: noisy(image, r), rng)
    days: list[tuple[str, float, str | None]] = [("as it is", WATCH_S, found)]
    for what, act in everyday(others[0], others[1]).items():
        days.append((what, EVERYDAY_S, watch(state, camera, WATCH_S, EVERYDAY_S, act, rng)[1]))
    tampered: list[tuple[str, float | None, str | None]] = []
    for what, act in tampering(others[0]).items():
        still = camera if not (moving and what == "frozen") else stopped(camera, WATCH_S)
        after, found = watch(state, still, WATCH_S, TAMPER_S, act, rng)
        tampered.append((what, None if found is None else after.t_s - WATCH_S, found))
    return Played(days, tampered)


def watch(
    state: TamperState | None, camera: Camera, start_s: float, length_s: float, act: Act, rng: Any
) -> tuple[TamperState, str | None]:
    """Look twice a second until something is reported. Returns: the state and what was reported."""
    params = TamperParams()
    t_s = start_s
    while True:
        t_s += params.every_s
        state = step(state, look_at(act(camera(t_s), t_s - start_s, rng)), t_s, params)
        if state.trouble is not None:
            return state, state.trouble.kind
        if t_s >= start_s + length_s:
            return state, None


def all_scenes(folders: list[Path], limit: int, half: str = "both") -> Iterator[tuple[str, Camera, bool]]:
    """Name, camera and whether it moves. The two that move belong to the first half."""
    data = load_settings().data
    sequence = data / "elevator_cctv_sequence"
    if half != "second":
        yield "sample clip", clip(SAMPLE), True
    if half != "second" and sequence.is_dir():
        frames = [read(p) for p in pictures(sequence)]
        yield "ceiling sequence", lambda t_s: frames[_to_and_fro(int(t_s * 5), len(frames))], True
    for folder in [*(data / f for f in FOLDERS), *folders]:
        for path in halved(pictures(folder)[:limit], half) if folder.is_dir() else ():
            yield f"{folder.parent.name}/{path.name}", still(path), False


def halved(paths: list[Path], half: str) -> list[Path]:
    """The first or the second half, or both."""
    middle = (len(paths) + 1) // 2
    return {"first": paths[:middle], "second": paths[middle:], "both": paths}[half]


def pictures(folder: Path) -> list[Path]:
    """Its pictures in order."""
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in {".jpg", ".jpeg", ".png"})


def read(path: Path) -> Image:
    """A picture at the size of a camera's smallest stream; a look makes it smaller still."""
    image = cv2.imread(str(path))
    if image is None:
        raise SystemExit(f"{path} is no picture that OpenCV reads; take it out of the folder")
    return cv2.resize(image, SIZE_WH, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def still(path: Path) -> Camera:
    """A camera before an unchanging scene."""
    image = read(path)
    return lambda _t_s: image


def stopped(camera: Camera, t_s: float) -> Camera:
    """The camera's picture of one moment for ever."""
    image = camera(t_s)
    return lambda _t_s: image


def clip(path: Path) -> Camera:
    """The bundled clip, again and again, two pictures a second."""
    video, frames = cv2.VideoCapture(str(path)), []
    while True:
        ok, frame = video.read()
        if not ok:
            break
        frames.append(cv2.resize(frame, SIZE_WH, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False))
    return lambda t_s: frames[int(t_s * 10) % len(frames)]


def _to_and_fro(number: int, count: int) -> int:
    place = number % (2 * count - 2)
    return place if place < count else 2 * count - 2 - place


def cost_ms(image: Image) -> dict[str, float]:
    """What one look costs, milliseconds."""
    params, state, took = TamperParams(), None, []
    for number in range(300):
        begun = time.perf_counter()
        state = step(state, look_at(image), number * params.every_s, params)
        took.append((time.perf_counter() - begun) * 1000)
    p50, p99 = np.percentile(took, (50, 99))
    return {"p50": round(float(p50), 2), "p99": round(float(p99), 2)}


def report(
    alarms: dict[str, list[str]],
    seconds: dict[str, float],
    delays: dict[str, list[float | None]],
    wrong: dict[str, int],
) -> dict[str, Any]:
    """Print the tables of docs/camera-tamper.md. Returns: the line for machines."""
    print("| every day | played, min | false alarms | of scenes |\n|---|---|---|---|")
    for what, played_s in seconds.items():
        print(f"| {what} | {played_s / 60:.0f} | {len(alarms[what])} | {len(scenes)} |")
    print("\n| tampering | reported | p50 s | p95 s | max s | another kind |\n|---|---|---|---|---|---|")
    out: dict[str, Any] = {}
    for what, all_s in delays.items():
        known = sorted(s for s in all_s if s is not None)
        p50, p95 = np.percentile(known, (50, 95)) if known else (float("nan"),) * 2
        out[what] = {
            "reported": len(known),
            "of": len(all_s),
            "p50_s": p50,
            "p95_s": p95,
            "max_s": max(known or [0]),
        }
        print(
            f"| {what} | {len(known)} of {len(all_s)} | {p50:.1f} | {p95:.1f} | {max(known or [0]):.1f} "
            f"| {wrong[what]} |"
        )
    for what, names in alarms.items():
        if names:
            print(f"false, {what}: {', '.join(names[:12])}", file=sys.stderr)
    return {
        "benchmark": "tamper",
        "scenes": len(scenes),
        "everyday_min": round(sum(seconds.values()) / 60),
        "false_alarms": {what: len(names) for what, names in alarms.items()},
        "tampering": out,
        "look_ms": cost_ms(scenes[0][1](0.0)),
        **where_measured(),
    }


if __name__ == "__main__":
    main()
