"""A camera and a detector that see the scene: in place of both, so that a scenario needs neither.

The picture is drawn, the boxes are computed; tracks, class vote, presence and everything after are the real
ones. The detector says what the scenario says it sees, which tests the door and not the model.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from api.simulate.scene import Actor, Scene
from api.simulate.schema import Who
from hardware.rig.state import ElevatorSim
from vision.types import CLASS_NAMES, Detections, Frame, Image, SourceStatus

SIZE_WH: Final = (640, 360)
FPS: Final = 10.0
OPERATING_CONF: Final = 0.5  # at which a single frame convinces; a made-up model may have a round number
FLOOR_Y: Final = 318.0  # where everybody stands, pixels
LANDING_X: Final = 592.0  # in the landing zone of `schema.ZONES`, as the doorway is from 461 to 550 px
SLOTS_X: Final = (90.0, 220.0, 350.0, 155.0)
BOX_WH: Final[dict[Who, tuple[float, float]]] = {
    "person": (52.0, 170.0),
    "e_bike": (120.0, 150.0),
    "wheelchair": (84.0, 120.0),
    "stroller": (76.0, 104.0),
    "bicycle": (116.0, 130.0),
    "kick_scooter": (60.0, 110.0),
}
COLOURS: Final[dict[Who, tuple[int, int, int]]] = {
    "person": (150, 120, 90),
    "e_bike": (60, 70, 200),
    "wheelchair": (180, 130, 40),
    "stroller": (90, 150, 60),
    "bicycle": (120, 90, 160),
    "kick_scooter": (60, 160, 180),
}  # BGR


def box_of(actor: Actor) -> tuple[float, float, float, float]:
    """Where somebody is in the picture, xyxy pixels."""
    width, height = BOX_WH[actor.does.who]
    x = LANDING_X + (SLOTS_X[actor.slot] - LANDING_X) * actor.way
    left = min(max(x - width / 2, 0.0), SIZE_WH[0] - width)
    return left, FLOOR_Y - height, left + width, FLOOR_Y


def visible(scene: Scene, elevator: ElevatorSim) -> list[Actor]:
    """Who is in the picture: those in the car, and through an open door those at this landing."""
    open_here = elevator.opening > 0.3
    return [
        actor
        for actor in scene.actors
        if actor.in_car or (actor.place == "landing" and open_here and actor.floor == elevator.floor)
    ]


def detections_of(actors: list[Actor], t_s: float) -> Detections:
    """What the detector says of them. It wavers by a few hundredths, the same in every run."""
    boxes, conf, class_id = [], [], []
    for actor in actors:
        for who, sure in actor.looks.items():
            if sure <= 0.0:
                continue
            boxes.append(box_of(actor))
            conf.append(min(1.0, max(0.0, sure + 0.03 * math.sin(7.0 * t_s + actor.slot))))
            class_id.append(CLASS_NAMES.index(who))
    if not boxes:
        return Detections.empty()
    order = np.argsort(-np.array(conf, np.float32), kind="stable")
    return Detections(
        np.array(boxes, np.float32)[order],
        np.array(conf, np.float32)[order],
        np.array(class_id, np.int64)[order],
    )


class SceneCamera:
    """A `FrameSource` and a `Detector` in one: it gives a frame when `look` was told to, and knows its boxes.

    Args: draw: False where nobody will see the pictures; they stay black.
    """

    def __init__(self, *, draw: bool) -> None:
        self._draw = draw
        self._black: Image = np.zeros((SIZE_WH[1], SIZE_WH[0], 3), np.uint8)
        self._waiting: Frame | None = None
        self._seen = Detections.empty()
        self._status = SourceStatus("connecting", "the scenario begins", 0.0)
        self._frames = 0
        self._last: tuple[Image, Detections] = (self._black, self._seen)

    def look(self, scene: Scene, elevator: ElevatorSim, now_s: float, mode: str) -> bool:
        """Take a picture, if there is one. Args: mode: live, frozen (the last one again) or lost."""
        state, detail = {
            "live": ("live", "as in the scenario"),
            "frozen": ("live", "the same picture again and again"),
        }.get(mode, ("lost", "taken away by the scenario"))
        if state != self._status.state or detail != self._status.detail:
            self._status = SourceStatus(
                "live" if state == "live" else "lost", detail, now_s, self._frames, size_wh=SIZE_WH
            )
        if mode == "lost":
            return False
        if mode == "live":
            actors = visible(scene, elevator)
            image = picture(actors, elevator) if self._draw else self._black
            self._last = (image, detections_of(actors, now_s))
        self._frames += 1
        image, self._seen = self._last
        self._waiting = Frame(image, now_s, self._frames)
        return True

    def read(self, timeout_s: float) -> Frame | None:  # noqa: ARG002  there is nothing to wait for
        """See `vision.types.FrameSource.read`."""
        frame, self._waiting = self._waiting, None
        return frame

    def status(self) -> SourceStatus:
        """See `vision.types.FrameSource.status`."""
        return self._status

    def close(self) -> None:
        """See `vision.types.FrameSource.close`."""

    def detect(self, image: Image, conf: float | None = None) -> Detections:  # noqa: ARG002
        """See `vision.types.Detector.detect`: what is in the picture taken last."""
        return self._seen


def picture(actors: list[Actor], elevator: ElevatorSim) -> Image:
    """The car from inside, door on the right, everybody a plain figure. Returns: (360, 640, 3) uint8 BGR."""
    width, height = SIZE_WH
    image: Image = np.full((height, width, 3), (206, 204, 200), np.uint8)
    cv2.rectangle(image, (0, 300), (width, height), (150, 152, 156), -1)
    door = int(470 + 90 * (1.0 - elevator.opening))  # the leaf slides out of the picture
    cv2.rectangle(image, (470, 40), (width, 320), (92, 96, 100), -1)
    cv2.rectangle(image, (560, 40), (width, 320), (120, 124, 128), -1)
    for actor in sorted(actors, key=lambda a: a.way):
        _figure(image, actor)
    if elevator.opening < 1.0:
        cv2.rectangle(image, (width - (door - 470) * 2, 40), (width, 320), (170, 172, 174), -1)
    floor = "up" if elevator.moving and elevator.direction > 0 else "down" if elevator.moving else ""
    cv2.putText(
        image,
        f"{elevator.floor} {floor}",
        (20, 34),
        cv2.FONT_HERSHEY_SIMPLEX,
        0.8,
        (70, 70, 70),
        2,
        cv2.LINE_AA,
    )
    return image


def _figure(image: Image, actor: Actor) -> None:
    x1, y1, x2, y2 = (int(v) for v in box_of(actor))
    who, colour = actor.does.who, COLOURS[actor.does.who]
    middle = (x1 + x2) // 2
    skin, line = (150, 180, 215), cv2.LINE_AA
    if who == "person":
        cv2.rectangle(image, (x1 + 8, y1 + 40), (x2 - 8, y2), colour, -1, line)
        cv2.circle(image, (middle, y1 + 20), 18, skin, -1, line)
        return
    wheel = (y2 - y1) // (5 if who == "stroller" else 4)
    for centre in (x1 + wheel, x2 - wheel):
        cv2.circle(image, (centre, y2 - wheel), wheel - 2, (50, 50, 50), 5, line)
    top = y2 - 2 * wheel
    if who in ("e_bike", "bicycle", "kick_scooter"):
        thick = 14 if who == "e_bike" else 5
        cv2.line(image, (x1 + wheel, y2 - wheel), (x2 - wheel, y2 - wheel), colour, thick, line)
        cv2.line(image, (x2 - wheel, y2 - wheel), (x2 - wheel - 10, top - 22), colour, thick // 2 + 1, line)
        cv2.line(image, (x2 - wheel - 26, top - 22), (x2 - wheel + 4, top - 26), (50, 50, 50), 5, line)
    else:
        cv2.rectangle(image, (x1 + 10, top - 30), (x2 - 14, y2 - wheel), colour, -1, line)
    if who in ("e_bike", "bicycle", "wheelchair", "kick_scooter"):  # with its rider
        cv2.ellipse(image, (middle - 8, top - 6), (16, 40), 0, 0, 360, (150, 120, 90), -1, line)
        cv2.circle(image, (middle - 8, y1 + 14), 14, skin, -1, line)
