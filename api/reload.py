"""A new model while guard runs: loaded and tried on a thread of its own, taken between two frames.

The vision threads go on with the model they have until the new one has been read, verified and run; they
never wait for a disk or a warm-up. Whatever is wrong with the new one, the old one stays at work. The door
hears of none of this.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, Protocol

import numpy as np

from api.live import ModelInfo
from models.blob import PAD_VALUE
from vision.errors import LiftguardError
from vision.types import Detections, Image
from vision.vote import VoteParams

log = logging.getLogger(__name__)

NO_CAMERA_WH: Final = (640, 360)  # what a camera that never gave a picture is taken to send
CALIBRATED_NEUTRAL: Final = 0.5
"""A probability that says nothing either way. Raw scores keep the vote's own, which was set on them."""

Outcome = Literal["taken", "same", "refused"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("taken", "same", "refused")


class Model(Protocol):
    """A detector that was read, verified and warmed up: `models.detector.OnnxDetector`."""

    def detect(self, image: Image, conf: float | None = None) -> Detections: ...  # noqa: D102
    def operating_conf(self, class_id: int) -> float: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def sha256(self) -> str: ...  # noqa: D102
    @property
    def size_wh(self) -> tuple[int, int]: ...  # noqa: D102
    @property
    def is_calibrated(self) -> bool: ...  # noqa: D102


class Taker(Protocol):
    """An elevator: it takes the model with its next frame."""

    id: str

    def renew(self, model: Model) -> None: ...  # noqa: D102
    def picture_wh(self) -> tuple[int, int] | None: ...  # noqa: D102


def votes_for(model: Model) -> VoteParams | None:
    """How a track counts what this model says; None: the vote's own rules."""
    return VoteParams(neutral_conf=CALIBRATED_NEUTRAL) if model.is_calibrated else None


def info_of(model: Model) -> ModelInfo:
    """What is told of a model."""
    return ModelInfo(name=model.name, sha256=model.sha256, imgsz=model.size_wh[0])


class ModelReload:
    """Reads the settings' model again when it is asked to.

    Args:
        load: reads the settings and gives the detector that they name now, verified and warmed up. Called
            once for each elevator, as each looks at one picture at a time. May raise anything, and take long.
        takers: every elevator of the box. Either all of them take the new model or none.
        count: hears of each outcome.
    """

    def __init__(
        self,
        load: Callable[[], Model],
        takers: Sequence[Taker],
        model: ModelInfo,
        count: Callable[[Outcome], None],
    ) -> None:
        self._load = load
        self._takers = tuple(takers)
        self._count = count
        self._now = model
        self._lock = threading.Lock()
        self._asked = False
        self._thread: threading.Thread | None = None

    @property
    def now(self) -> ModelInfo:
        """The model at work, and why a newer one is not."""
        return self._now

    def ask(self) -> None:
        """Begin, without waiting. Asked while one is under way, it is done once more after it."""
        with self._lock:
            self._asked = True
            if self._thread is None:
                # A daemon: a file system that hangs must not keep guard from ending.
                self._thread = threading.Thread(target=self._run, name="model-reload", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._asked:
                    self._thread = None
                    return
                self._asked = False
            self._count(self._once())

    def _once(self) -> Outcome:
        before = self._now
        try:
            found = self._ready()
        except (
            Exception
        ) as exc:  # top of a loop that must go on: the old model stays at work, the door as it is
            said = str(exc) if isinstance(exc, LiftguardError) else f"{type(exc).__name__}: {exc}"
            log.error(
                "the model could not be loaded again, %s goes on: %s",
                before.name,
                said,
                exc_info=not isinstance(exc, LiftguardError),
            )
            self._now = before.model_copy(update={"refused": said})
            return "refused"
        for taker, model in zip(self._takers, found.values(), strict=True):
            taker.renew(model)
        after = self._now = info_of(next(iter(found.values())))
        log.info(
            "model %s (%s) is at work from the next frame on, after %s (%s)",
            after.name,
            after.sha256[:12],
            before.name,
            before.sha256[:12],
        )
        return "same" if after.sha256 == before.sha256 else "taken"

    def _ready(self) -> Mapping[str, Model]:
        """A model for each elevator, each of which has looked at a picture of its camera's size.

        So that the first real frame costs what every frame does, and one that fails fails here.
        """
        found: dict[str, Model] = {}
        for taker in self._takers:
            model = found[taker.id] = self._load()
            width, height = taker.picture_wh() or NO_CAMERA_WH
            model.detect(np.full((height, width, 3), PAD_VALUE, np.uint8))
        if len({(model.name, model.sha256) for model in found.values()}) > 1:
            raise LiftguardError("the model's file changed while it was read; ask again when it is in place")
        return found
