"""The ONNX Runtime detector: one verified model, one session, one picture at a time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.blob import PAD_VALUE, Blob, BlobMaker
from models.decode import BOX_ROWS, calibrated, decode, uncalibrated_floor
from models.manifest import ModelEntry
from models.session import ORT_ERRORS, check_model, check_providers, open_session, wrong_head
from vision.errors import ModelError
from vision.geometry import Letterbox
from vision.types import Detections, Image

_log = logging.getLogger(__name__)

_IMAGE_NDIM: Final = 3
_BGR: Final = 3

_MAX_SIZES: Final = 16
"""Picture sizes whose buffers are kept: at 416 px less than 50 MB."""


class OnnxDetector:
    """Runs one model of the manifest. Implements `vision.types.MirroringDetector`.

    Args: ``providers`` are ONNX Runtime's names, best first; ``intra_op_threads`` work on one picture;
    ``spinning`` lets them busy-wait between pictures: a little faster on an idle machine, slower and hot on
    a busy one; ``helper_cpus`` is where each of them but the first stays (`models.helper_cpus`), empty:
    anywhere; ``warmup`` is the number of runs on a grey picture before the first real one.
    Raises: ModelError if the file is missing or altered, its input, output or class list is not what the
    manifest says, a provider is not available, or the first run fails.

    Thread-safe: a lock lets one picture through at a time, as buffers are reused. For parallel cameras
    build one detector each.
    """

    def __init__(
        self,
        entry: ModelEntry,
        weights_dir: Path,
        *,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        intra_op_threads: int = 2,
        spinning: bool = False,
        helper_cpus: Sequence[int] = (),
        warmup: int = 2,
    ) -> None:
        self._entry = entry
        self._canonical_ids = entry.canonical_ids
        self._lines = entry.calibration_lines
        self._lock = threading.Lock()
        self._stage_s: Mapping[str, float] = MappingProxyType({"preprocess": 0.0, "run": 0.0, "decode": 0.0})
        self._makers: dict[tuple[int, int], BlobMaker] = {}
        self._raw_floor = (-1.0, 0.0)  # a floor, and what it is before calibration; it is the same all day

        check_providers(providers)
        data = entry.read_weights(weights_dir)
        self._session = open_session(entry, data, providers, intra_op_threads, spinning, helper_cpus)
        self._input_name, self._output_name = check_model(entry, self._session)
        self._warm_up(max(1, warmup))

    @property
    def name(self) -> str:
        """The model's name in the manifest."""
        return self._entry.name

    @property
    def sha256(self) -> str:
        """Of the model file, 64 hex digits."""
        return self._entry.sha256

    @property
    def looks_digest(self) -> str:
        """See `models.manifest.ModelEntry.looks_digest`."""
        return self._entry.looks_digest

    @property
    def size_wh(self) -> tuple[int, int]:
        """Input size, pixels."""
        return self._entry.size_wh

    @property
    def candidate_conf(self) -> float:
        """What `detect` uses when no ``conf`` is given."""
        return self._entry.candidate_conf

    @property
    def is_calibrated(self) -> bool:
        """Whether confidences are probabilities: half of all boxes called with 0.5 are right."""
        return self._entry.calibration is not None

    @property
    def last_stage_s(self) -> Mapping[str, float]:
        """Seconds of the latest picture: ``preprocess``, ``run``, ``decode``. A fresh mapping each time."""
        return self._stage_s

    def operating_conf(self, class_id: int) -> float:
        """From which confidence a single picture counts as showing canonical class ``class_id``."""
        return self._entry.operating_confs[class_id]

    def detect(self, image: Image, conf: float | None = None) -> Detections:
        """Detections of at least ``conf`` (None: the candidate floor), best first, in pixels of ``image``.

        Args: image is (H, W, 3) uint8 BGR of any size from 1 x 1.
        Raises: ValueError if the picture is empty or of another kind, ModelError if the model fails to run.
        """
        return self._look(image, conf, mirrored=False)

    def detect_mirrored(self, image: Image, conf: float | None = None) -> Detections:
        """As `detect`, having looked at the mirror image; boxes as they lie in ``image``."""
        return self._look(image, conf, mirrored=True).mirrored(image.shape[1])

    def _look(self, image: Image, conf: float | None, *, mirrored: bool) -> Detections:
        _check_image(image)
        floor = self._entry.candidate_conf if conf is None else conf
        with self._lock:
            started_s = time.perf_counter()
            fitted, blob = self._preprocess(image, mirrored=mirrored)
            ready_s = time.perf_counter()
            head = self._run(blob)
            ran_s = time.perf_counter()
            found = self._decode(head, fitted, floor)
            self._stage_s = MappingProxyType(
                {
                    "preprocess": ready_s - started_s,
                    "run": ran_s - ready_s,
                    "decode": time.perf_counter() - ran_s,
                }
            )
        return found

    def _preprocess(self, image: Image, *, mirrored: bool = False) -> tuple[Letterbox, Blob]:
        maker = self._maker_of((image.shape[1], image.shape[0]))
        return maker.fitted, maker.blob(image, mirrored=mirrored)

    def _maker_of(self, source_wh: tuple[int, int]) -> BlobMaker:
        """The buffers of a picture's size. A camera has one size, so there are few; a folder has many."""
        found = self._makers.get(source_wh)
        if found is None:
            if len(self._makers) >= _MAX_SIZES:
                self._makers.clear()
            found = BlobMaker(source_wh, self._entry.input_wh(source_wh))
            self._makers[source_wh] = found
        return found

    def _run(self, blob: Blob) -> NDArray[np.float32]:
        """The raw head (1, 4 + C, N). Plain `run`: binding in- and output saved nothing measurable."""
        try:
            (head,) = self._session.run([self._output_name], {self._input_name: blob})
        except ORT_ERRORS as exc:
            raise ModelError(
                f"model {self.name} failed to run: {exc}; try provider CPUExecutionProvider"
            ) from exc
        head = np.asarray(head)
        wanted = self._entry.head_shape_at((blob.shape[3], blob.shape[2]))
        if head.shape != wanted or head.dtype != np.float32:
            raise wrong_head(self._entry, head.shape, head.dtype)
        return head

    def _decode(self, head: NDArray[np.float32], fitted: Letterbox, floor: float) -> Detections:
        """Boxes of at least ``floor``, with calibrated confidences where the manifest calibrates."""
        ids, iou = self._canonical_ids, self._entry.nms_iou
        if self._entry.calibration is None:
            return decode(head, ids, fitted, conf=floor, nms_iou=iou)
        if self._raw_floor[0] != floor:
            self._raw_floor = (floor, uncalibrated_floor(*self._lines, floor))
        raw = self._raw_floor[1]
        return calibrated(decode(head, ids, fitted, conf=raw, nms_iou=iou), *self._lines, floor)

    def _warm_up(self, runs: int) -> None:
        grey = np.full((*self.size_wh[::-1], 3), PAD_VALUE, np.uint8)
        _, blob = self._preprocess(grey)
        started_s = time.perf_counter()
        for _ in range(runs):
            head = self._run(blob)
        scores = head[0, BOX_ROWS:]
        if not np.isfinite(scores).all() or scores.min() < 0 or scores.max() > 1:
            raise ModelError(
                f"model {self.name}: class scores of a grey picture run from {scores.min()} to "
                f"{scores.max()}, not within 0 to 1; export the head with its sigmoid"
            )
        _log.debug("model %s warmed up, %d runs in %.3f s", self.name, runs, time.perf_counter() - started_s)


def _check_image(image: Image) -> None:
    ok = isinstance(image, np.ndarray) and image.ndim == _IMAGE_NDIM and image.shape[2] == _BGR
    if not ok or image.dtype != np.uint8 or image.size == 0:
        seen = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"the detector needs a (H, W, 3) uint8 BGR picture with pixels; got {seen}")
