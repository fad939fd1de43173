"""The steps that try what is seen: the picture, the zones, the empty car, an e-bike, and what must pass."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from api.annotate import write_copy
from api.commission.equipment import Equipment
from api.commission.person import Person
from api.commission.values import Finding, Picture, verdict_of
from api.commission.words import Words
from vision.clips.pictures import jpeg
from vision.errors import LiftguardError, StorageError
from vision.types import Image, Observation, Sighting

CAMERA_S: Final = 5.0
LEAST_FPS: Final = 5.0  # confirmation takes about four looks; below this it takes more than a second
LEAST_BRIGHTNESS: Final = 30.0
"""Mean grey level. The sample clip has about 120, a car with its light off below 15."""
LEAST_SHARPNESS: Final = 15.0
"""Variance of the Laplacian at 640 px width (Pech-Pacheco 2000). A focused cabin has over 100, one behind a
smeared dome below 10."""
FIRST_PICTURE_S: Final = 15.0  # an RTSP camera takes its time
EMPTY_S: Final = 20.0
"""In a still car the gate lets the detector look once a second at first, then every 5 s (`vision.gate`)."""
E_BIKE_S: Final = 60.0
HARMLESS_S: Final = 30.0
IGNORE_MARGIN: Final = 0.01  # of the picture: boxes tremble by a few pixels
REPORT_PX: Final = 960  # width of the pictures in the report
_ZONE_COLOURS: Final = {
    "cabin": (80, 170, 60),
    "doorway": (40, 40, 230),
    "landing": (200, 140, 30),
    "ignore": (110, 110, 110),
}


def camera(equipment: Equipment, person: Person, words: Words, folder: Path) -> tuple[Finding, Image | None]:
    """Watch the camera for a while. Returns: what was found, and the last picture."""
    person.step(words("camera"), words("camera_about", seconds=CAMERA_S))
    seen: list[Observation] = []
    try:
        first = next(_observations(equipment, FIRST_PICTURE_S), None)
        if first is not None:
            seen = [first, *_observations(equipment, CAMERA_S)]
    except LiftguardError as exc:
        return Finding("camera", "failed", (words("camera_none", error=exc),)), None
    if len(seen) < 2:
        error = equipment.source.status().detail
        return Finding("camera", "failed", (words("camera_none", error=error),)), None
    image = seen[-1].frame.image
    height, width = image.shape[:2]
    fps = (len(seen) - 1) / max(seen[-1].frame.t_s - seen[0].frame.t_s, 1e-6)
    model_ms = [o.stage_s["infer"] * 1000 for o in seen if "infer" in o.stage_s]
    facts = [
        words("camera_facts", width=width, height=height, fps=fps, ms=statistics.median(model_ms or [0.0]))
    ]
    sharp, bright = sharpness(image), float(image.mean())
    troubles = []
    if fps < LEAST_FPS:
        troubles.append(words("camera_slow", fps=LEAST_FPS))
    if bright < LEAST_BRIGHTNESS:
        troubles.append(words("camera_dark", value=bright, least=LEAST_BRIGHTNESS))
    if sharp < LEAST_SHARPNESS:
        troubles.append(words("camera_blurred", value=sharp, least=LEAST_SHARPNESS))
    facts += troubles or [words("camera_good", value=bright, sharpness=sharp)]
    if not troubles:
        for fact in facts:
            person.tell(fact)
    answer = _look_and_confirm(person, words, folder, "camera", image, "camera_whole", facts)
    verdict = "failed" if troubles else verdict_of([answer])
    return Finding("camera", verdict, tuple(facts), (_picture(words("camera_picture"), image),)), image


def zones(equipment: Equipment, person: Person, words: Words, folder: Path, image: Image | None) -> Finding:
    """Draw the zones over the picture."""
    person.step(words("zones"), words("zones_about"))
    if image is None:
        return Finding("zones", "skipped")
    drawn = draw_zones(image, equipment)
    kinds = [words(f"zone_{zone.kind}") for zone in equipment.elevator.zones]
    facts = [] if kinds else [words("zones_whole")]
    caption = words("zones_picture", kinds=words("comma").join(kinds) or "–")
    answer = _look_and_confirm(person, words, folder, "zones", drawn, "zones_right", facts)
    return Finding("zones", verdict_of([answer]), tuple(facts), (_picture(caption, drawn),))


def empty_car(equipment: Equipment, person: Person, words: Words) -> Finding:
    """Nothing in the empty car may be taken for an e-bike: what belongs to it would hold the door every time.

    Fails at a mere suspicion, and says which ignore zone would cover what was taken for one.
    """
    person.step(words("empty_car"), words("empty_car_about", seconds=EMPTY_S))
    if not person.ready(words("empty_car_ready")):
        return Finding("empty_car", "skipped")
    equipment.perceiver.reset()  # who stood there before says nothing about the empty car
    seen: list[Observation] = []

    def suspected() -> bool:
        observation = _look_once(equipment)
        if observation is None:
            return False
        seen[:] = [observation]  # the last is the one that counts
        return observation.presence.suspected

    if person.watch(words("empty_car_now"), suspected, EMPTY_S):
        sighting = max(seen[-1].presence.sightings, key=lambda s: s.score)
        height, width = seen[-1].frame.image.shape[:2]
        facts = (
            words("empty_car_taken", score=sighting.score),
            words("empty_car_advice", polygon=_around(sighting, width, height)),
        )
        return Finding(
            "empty_car", "failed", facts, (_picture(words("harmless_picture"), _boxed(seen[-1], sighting)),)
        )
    if not seen:
        error = equipment.source.status().detail
        return Finding("empty_car", "failed", (words("camera_none", error=error),))
    return Finding("empty_car", "passed", (words("empty_car_none", seconds=EMPTY_S),))


def e_bike(equipment: Equipment, person: Person, words: Words) -> Finding:
    """A real e-bike goes in and out."""
    person.step(words("e_bike"), words("e_bike_about"))
    if not person.ready(words("e_bike_ready")):
        return Finding("e_bike", "skipped")
    found: list[tuple[Observation, Sighting]] = []
    seen = _watcher(equipment, found)
    if not person.watch(words("e_bike_in"), lambda: seen() is True, E_BIKE_S):
        return Finding("e_bike", "failed", (words("e_bike_unseen", seconds=E_BIKE_S),))
    observation, sighting = found[0]
    took_s = observation.frame.t_s - sighting.since_s
    facts = [words("e_bike_confirmed", seconds=took_s, score=sighting.score)]
    picture = _picture(words("e_bike_picture"), _boxed(observation, sighting))
    start_s = equipment.clock()
    if not person.watch(words("e_bike_out"), lambda: seen() is False, E_BIKE_S):
        return Finding("e_bike", "failed", (*facts, words("e_bike_stays", seconds=E_BIKE_S)), (picture,))
    facts.append(words("e_bike_gone", seconds=equipment.clock() - start_s))
    return Finding("e_bike", "passed", tuple(facts), (picture,))


def harmless(equipment: Equipment, person: Person, words: Words) -> Finding:
    """Wheelchairs, strollers, bicycles and people go in and out, and nothing may be confirmed."""
    person.step(words("harmless"), words("harmless_about", seconds=HARMLESS_S))
    if not person.ready(words("harmless_ready")):
        return Finding("harmless", "skipped")
    found: list[tuple[Observation, Sighting]] = []
    pictures = 0
    look = _watcher(equipment, found)

    def confirmed() -> bool:
        nonlocal pictures
        seen = look()
        pictures += seen is not None
        return seen is True

    if person.watch(words("harmless_now"), confirmed, HARMLESS_S):
        observation, sighting = found[0]
        picture = _picture(words("harmless_picture"), _boxed(observation, sighting))
        return Finding("harmless", "failed", (words("harmless_held", score=sighting.score),), (picture,))
    if not pictures:
        return Finding("harmless", "failed", (words("camera_none", error=equipment.source.status().detail),))
    return Finding("harmless", "passed", (words("harmless_none", pictures=pictures),))


def sharpness(image: Image) -> float:
    """Variance of the Laplacian of ``image`` (H, W, 3) at 640 px width."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (640, max(1, round(height * 640 / width))), interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), cv2.CV_64F).var())


def draw_zones(image: Image, equipment: Equipment) -> Image:
    """A copy of ``image`` (H, W, 3) with every zone drawn."""
    canvas, shade = image.copy(), image.copy()
    height, width = image.shape[:2]
    for zone in equipment.elevator.zones:
        corners = np.array([(x * width, y * height) for x, y in zone.polygon]).round().astype(np.int32)
        cv2.fillPoly(shade, [corners], _ZONE_COLOURS[zone.kind])
        cv2.polylines(canvas, [corners], True, _ZONE_COLOURS[zone.kind], max(2, height // 240), cv2.LINE_AA)
    return np.asarray(cv2.addWeighted(canvas, 0.75, shade, 0.25, 0.0), np.uint8)


def _observations(equipment: Equipment, seconds: float) -> Iterator[Observation]:
    """What the camera shows for that long; after the first one only as long as the time lasts."""
    until_s = equipment.clock() + seconds
    while equipment.clock() < until_s:
        observation = _look_once(equipment)
        if observation is not None:
            yield observation
        else:
            equipment.pause(0.01)


def _look_once(equipment: Equipment) -> Observation | None:
    """What the camera shows now; None: it gave no picture for 0.2 s."""
    frame = equipment.source.read(0.2)
    return None if frame is None else equipment.perceiver.look(frame)


def _watcher(equipment: Equipment, found: list[tuple[Observation, Sighting]]) -> Callable[[], bool | None]:
    """Looks at one frame: True: a confirmed vehicle (kept in ``found``), False: nothing, None: no frame."""

    def look() -> bool | None:
        observation = _look_once(equipment)
        if observation is None:
            return None
        sure = observation.presence.confirmed
        if sure is not None:
            found.append((observation, sure))
            del found[1:]  # the first is what the report shows
            return True
        return None if observation.presence.suspected else False

    return look


def _look_and_confirm(
    person: Person, words: Words, folder: Path, name: str, image: Image, question: str, facts: list[str]
) -> bool | None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as exc:
        raise StorageError(
            f"cannot make {folder}: {exc.strerror or exc}; set TMPDIR to another folder"
        ) from exc
    person.tell(words("camera_saved", path=write_copy(folder, f"{name}.jpg", image)))
    answer = person.confirm(words(question))
    said = {True: "answer_yes", False: "answer_no", None: "answer_open"}[answer]
    facts.append(f"{words(question)} {words(said)}")
    return answer


def _around(sighting: Sighting, width: int, height: int) -> str:
    """The polygon of a zone around it, as the settings take it: fractions of the picture."""
    x1, y1, x2, y2 = (v / size for v, size in zip(sighting.xyxy, (width, height) * 2, strict=True))
    left, top = max(0.0, x1 - IGNORE_MARGIN), max(0.0, y1 - IGNORE_MARGIN)
    right, bottom = min(1.0, x2 + IGNORE_MARGIN), min(1.0, y2 + IGNORE_MARGIN)
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    return "[" + ", ".join(f"[{x:.2f}, {y:.2f}]" for x, y in corners) + "]"


def _boxed(observation: Observation, sighting: Sighting) -> Image:
    canvas = observation.frame.image.copy()
    x1, y1, x2, y2 = (round(v) for v in sighting.xyxy)
    cv2.rectangle(canvas, (x1, y1), (x2, y2), (40, 40, 230), max(2, canvas.shape[0] // 200))
    return canvas


def _picture(caption: str, image: Image) -> Picture:
    height, width = image.shape[:2]
    if width > REPORT_PX:
        size = (REPORT_PX, max(1, round(height * REPORT_PX / width)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return Picture(caption, jpeg(image, 85))
