"""A poster of an e-bike hangs in the car: how often it holds the door, and whether a real e-bike still does.

Each scene is an empty cabin of the local data folder with a board on its wall that shows a held-out cut-out
of an e-bike; only boards that the detector takes for a vehicle count. Somebody comes in every minute as on
the synthetic day (`benchmarks.day_entries`), no e-bike among them, and the car is still in between; then
held-out e-bikes come in. The same pictures go through the whole pipeline with `vision.ignore_fixtures` and
without. The posters are drawn, not filmed.

    python -m benchmarks.posters [--scenes N] [--minutes M] [--e-bikes N] [--seed N] [--pieces FOLDER]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from api.load import load_settings
from api.main import build_detector, build_perceiver
from api.reload import votes_for
from api.settings import Settings
from benchmarks.day_car import Car
from benchmarks.day_entries import FPS, NOISE, SHARES, drawn_into, grained, mover, visit
from benchmarks.day_pieces import Material, gather
from benchmarks.report import Target, emit, parser, run
from benchmarks.still_car import STILLS, stills
from datasets.composite import camera_look
from hardware.hold import Phase
from models.detector import OnnxDetector
from vision.perceive import Perceiver
from vision.types import E_BIKE, Detections, Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EVERY_S: Final = 60.0  # between two visits
LEAVE_S: Final = 150.0  # before each e-bike: whatever hold there was is over
TAKEN: Final = 0.5  # of its pictures in which a board must be taken for a vehicle
TRIES: Final = 400
TARGETS: Final = (
    Target("with.held_later", "holds by a poster that has hung there for a quarter of an hour", most=0),
    Target("with.e_bikes.held", "of the e-bikes that come in afterwards", least=0.9),
)
KNOWN_S: Final = 900.0  # by then a poster should be known: `LEARN_S`, and time lost to passengers


class Remembering:
    """A detector that looks once at each of these pictures, and at one that is shown twice in a row."""

    def __init__(self, detector: OnnxDetector, again: list[Image]) -> None:
        self._look = {False: detector.detect, True: detector.detect_mirrored}
        self._known = {(id(im), side): look(im) for im in again for side, look in self._look.items()}
        self._again = again  # so that none of the ids is given to another picture
        self._latest: dict[bool, tuple[Image, Detections]] = {}

    def detect(self, image: Image, conf: float | None = None) -> Detections:  # noqa: ARG002  always the floor
        """What is in it, from memory where it was seen before."""
        return self._seen(image, mirrored=False)

    def detect_mirrored(self, image: Image, conf: float | None = None) -> Detections:  # noqa: ARG002  likewise
        """As `detect`, of the mirror image."""
        return self._seen(image, mirrored=True)

    def _seen(self, image: Image, *, mirrored: bool) -> Detections:
        known = self._known.get((id(image), mirrored))
        if known is not None:
            return known
        latest = self._latest.get(mirrored)
        if latest is None or latest[0] is not image:
            latest = self._latest[mirrored] = (image, self._look[mirrored](image))
        return latest[1]


@dataclass(slots=True)
class Outcome:
    """What one car did in one scene."""

    held_early: int = 0  # events until `KNOWN_S`
    held_later: int = 0
    pre_held_later: int = 0
    held_early_s: float = 0.0  # the relay was closed for so long
    held_later_s: float = 0.0
    known_s: float | None = None  # from when on the poster was known to belong to the car
    e_bikes: list[bool] = field(default_factory=list)  # held or not


def main() -> None:
    """Measure and print."""
    made = parser(__doc__)
    made.add_argument("--scenes", type=int, default=12, help="posters (default: 12)")
    made.add_argument("--minutes", type=int, default=30, help="of visits in each (default: 30)")
    made.add_argument("--e-bikes", type=int, default=4, help="that come in afterwards (default: 4)")
    made.add_argument("--seed", type=int, default=1, help="which posters and visits (default: 1)")
    made.add_argument("--pieces", type=Path, help="cut-outs chosen by eye (default: OUT/day_pieces)")
    options = made.parse_args()
    if options.minutes * EVERY_S <= KNOWN_S:
        made.error(f"--minutes is {options.minutes}: use more than {KNOWN_S / 60:.0f}")
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(overrides={"data_dir": str(Path(folder) / "var"), "detector.threads": 1})
        material = gather(settings.data, options.pieces or options.out / "day_pieces")
        detector = build_detector(settings)
        rng = np.random.default_rng(options.seed)
        found: dict[str, list[Outcome]] = {"with": [], "without": []}
        scenes = with_posters(material, detector, rng)
        for _ in track(range(options.scenes), "scenes", console=Console(stderr=True), transient=True):
            scene = next(scenes, None)
            if scene is None:
                break
            for name, outcome in play(scene, material, settings, detector, options, rng).items():
                found[name].append(outcome)
    emit(
        "posters",
        {
            "scenes": len(found["with"]),
            "minutes": options.minutes,
            "seed": options.seed,
            "known_after_s": [o.known_s for o in found["with"]],
            **{name: figures(outcomes) for name, outcomes in found.items()},
            "e_bikes_held": {name: [sum(o.e_bikes) for o in outcomes] for name, outcomes in found.items()},
            "model": detector.name,
            "model_sha256": detector.sha256,
        },
        options,
        targets=TARGETS,
        draw=lambda figure: draw_both(figure, found),
    )


def with_posters(material: Material, detector: OnnxDetector, rng: np.random.Generator) -> Iterator[Image]:
    """Cabins with a board that the detector takes for a vehicle, where a vehicle would hold the door."""
    for _ in range(TRIES):
        cabin = material.cabins[int(rng.integers(len(material.cabins)))]
        cabin = camera_look(np.ascontiguousarray(cabin[:, ::-1]) if rng.random() < 0.5 else cabin, rng)
        board = hung(cabin, material, rng)
        taken = [_sure(detector, image) for image in islice(stills(board), 6)]
        if np.mean(taken) >= TAKEN and not _sure(detector, cabin):
            yield board


def hung(cabin: Image, material: Material, rng: np.random.Generator) -> Image:
    """The cabin with a poster: a board with an e-bike and some lines of print, in perspective."""
    h, w = cabin.shape[:2]
    bikes = material.pieces["e_bike"]
    bike = bikes[int(rng.integers(len(bikes)))]
    bh, bw = bike.alpha.shape
    board = np.full((round(bh * 1.6), round(bw * 1.25), 3), rng.integers(120, 256, 3), np.uint8)
    y, x = round(bh * 0.1), round(bw * 0.12)
    alpha = bike.alpha[:, :, None] / 255
    board[y : y + bh, x : x + bw] = board[y : y + bh, x : x + bw] * (1 - alpha) + bike.image * alpha
    thick = max(1, bh // 60)
    for line in np.linspace(1.2, 1.5, 4):
        cv2.line(board, (x, round(bh * line)), (x + bw, round(bh * line)), (40, 40, 160), thick * 3)
    size = w * float(rng.uniform(0.22, 0.42)) / board.shape[1]
    bh, bw = board.shape[:2]
    corners = np.array([[0, 0], [bw, 0], [bw, bh], [0, bh]], np.float32)
    lean = rng.uniform(-0.12, 0.12, (4, 2)) * (bw, bh)
    at = (rng.uniform(0.02, 0.98 - size * bw / w) * w, rng.uniform(0.02, max(0.05, 0.75 - size * bh / h)) * h)
    matrix = cv2.getPerspectiveTransform(corners, ((corners + lean) * size + at).astype(np.float32))
    shown = cv2.warpPerspective(board, matrix, (w, h), flags=cv2.INTER_AREA).astype(np.float32)
    where = cv2.warpPerspective(np.ones((bh, bw), np.float32), matrix, (w, h))[:, :, None]
    light = float(cabin.mean()) / 140  # a board is as bright as its car
    return np.clip(cabin * (1 - where) + shown * light * where, 0, 255).astype(np.uint8)


def _sure(detector: OnnxDetector, image: Image) -> bool:
    found = detector.detect(image)
    conf = detector.operating_conf(E_BIKE)
    return bool(((found.class_id == E_BIKE) & (found.conf >= conf)).any())


def play(
    scene: Image,
    material: Material,
    settings: Settings,
    detector: OnnxDetector,
    options: argparse.Namespace,
    rng: np.random.Generator,
) -> dict[str, Outcome]:
    """The same pictures with fixtures and without. Returns: by "with" and "without"."""
    still = list(islice(stills(scene), STILLS))
    eyes = Remembering(detector, still)
    cars: dict[str, tuple[Car, Perceiver]] = {}
    outcomes = {"with": Outcome(), "without": Outcome()}
    for name in outcomes:
        vision = settings.vision.model_copy(update={"ignore_fixtures": name == "with"})
        chosen = settings.model_copy(update={"vision": vision})
        perceiver = build_perceiver(chosen, chosen.elevators[0], detector)
        perceiver.renew(eyes, operating_conf=detector.operating_conf, votes=votes_for(detector))
        cars[name] = (Car(chosen, perceiver, store=False), perceiver)

    def show(images: Iterable[Image]) -> None:
        for image in images:
            for name, (car, perceiver) in cars.items():
                car.show(image)
                if outcomes[name].known_s is None and perceiver.fixtures:
                    outcomes[name].known_s = round(car.frames / FPS, 1)

    def rest(seconds: float) -> None:
        show(islice(cycle(still), round(seconds * FPS)))

    for minute in range(options.minutes):
        if minute * EVERY_S == KNOWN_S:
            for name, (car, _) in cars.items():
                outcomes[name].held_early, outcomes[name].held_early_s = car.events, car.held_s
                car.heard.clear()
        came = visit(material, str(rng.choice(list(SHARES), p=list(SHARES.values()))), scene, rng)
        show(grained(came, NOISE, rng))
        rest(EVERY_S - len(came) / FPS)
    for name, (car, _) in cars.items():
        outcome = outcomes[name]
        outcome.held_later = car.events - outcome.held_early
        outcome.held_later_s = car.held_s - outcome.held_early_s
        outcome.pre_held_later = sum(heard.phase is Phase.SUSPECT for heard in car.heard)
    bikes = material.pieces["e_bike"]
    for _ in range(options.e_bikes):
        rest(LEAVE_S)
        bike = mover(bikes[int(rng.integers(len(bikes)))], scene, rng, inside=True)
        way = [*np.linspace(0, 1, 12), *np.ones(15), *np.linspace(1, 0, 12)]
        before = {name: car.events for name, (car, _) in cars.items()}
        show(grained([drawn_into(scene, [bike], float(share), rng) for share in way], NOISE, rng))
        for name, (car, _) in cars.items():
            outcomes[name].e_bikes.append(car.events > before[name])
    return outcomes


def figures(outcomes: list[Outcome]) -> dict[str, Any]:
    """Sums over the scenes."""
    came = [held for outcome in outcomes for held in outcome.e_bikes]
    return {
        "held_early": sum(outcome.held_early for outcome in outcomes),
        "held_later": sum(outcome.held_later for outcome in outcomes),
        "pre_held_later": sum(outcome.pre_held_later for outcome in outcomes),
        "closed_early_s": round(sum(outcome.held_early_s for outcome in outcomes)),
        "closed_later_s": round(sum(outcome.held_later_s for outcome in outcomes)),
        "e_bikes": {"n": len(came), "held": round(float(np.mean(came)), 3) if came else 0.0},
    }


def draw_both(figure: Figure, found: dict[str, list[Outcome]]) -> None:
    """Per poster, with and without: the e-bikes that were held, and how long it kept the door open itself."""
    held, closed = figure.subplots(1, 2)
    for number, (name, outcomes) in enumerate(found.items()):
        x = np.arange(len(outcomes)) + 0.4 * number
        share = [float(np.mean(outcome.e_bikes or [False])) for outcome in outcomes]
        held.bar(x, share, 0.38, label=f"{name} fixtures", color=f"C{number}")
        early = [outcome.held_early_s for outcome in outcomes]
        later = [outcome.held_later_s for outcome in outcomes]
        closed.bar(
            x, early, 0.38, label=f"{name}, first {KNOWN_S / 60:.0f} min", alpha=0.5, color=f"C{number}"
        )
        closed.bar(x, later, 0.38, bottom=early, label=f"{name}, after them", color=f"C{number}")
    held.set(xlabel="poster", title="Share of real e-bikes held afterwards", ylim=(0, 1.15))
    closed.set(xlabel="poster", title="Seconds that the poster held the door", ylim=(0, 190))
    for axes in (held, closed):
        axes.legend(loc="upper center", ncols=2, fontsize="small")


if __name__ == "__main__":
    run(main)
