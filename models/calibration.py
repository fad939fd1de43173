"""Makes confidences into probabilities: of all boxes called with 0.7, seven in ten should be right.

``vision/vote.py`` adds the log-odds of confidences up over a track, so they have to mean something. Per class
two numbers are fitted on validation pictures (Platt, "Probabilistic outputs for support vector machines",
1999): ``p = sigmoid(slope x logit(conf) + shift)``. Slope 1 and shift 0 change nothing, and the fit is drawn
towards that where a class has few boxes. A free curve (isotonic regression) wants about a thousand
boxes per class (Niculescu-Mizil & Caruana, ICML 2005, figure 8), more than there are.

They stand in the manifest (``calibration``), and `models.detector` applies them to what has survived NMS, so
every confidence that leaves the detector is a calibrated one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.decode import logit, sigmoid
from models.evaluate import MATCH_IOU
from models.looks import Look
from vision.errors import ConfigError
from vision.geometry import box_iou
from vision.types import CLASS_NAMES

FIT_FLOOR = 0.05
"""Boxes fainter than this never reach a track, and would outnumber the others in the fit."""
PRIOR_DEVIATION = (0.35, 1.0)
"""How far slope and shift (nats) are expected to lie from 1 and 0 before any box was seen: detectors trained
with a cross-entropy are seldom off by more. A few hundred boxes outweigh it."""
MIN_EACH = 15
"""Right and wrong boxes that a class needs to be fitted; with fewer it is left as it is."""
BINS = 10
FOLDS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """Called boxes of pictures whose true boxes are all known: parallel arrays."""

    class_id: NDArray[np.int64]  # (N,)
    conf: NDArray[np.float64]  # (N,)
    right: NDArray[np.bool_]  # (N,) overlaps a true box of its class by MATCH_IOU that no better one took
    picture: NDArray[np.int64]  # (N,) which look it came from

    def where(self, keep: NDArray[np.bool_]) -> Boxes:
        """The boxes for which ``keep`` (N,) is true."""
        return Boxes(self.class_id[keep], self.conf[keep], self.right[keep], self.picture[keep])


@dataclass(frozen=True, slots=True)
class Fit:
    """Slope and shift of one class, and how far confidences were and are from the truth."""

    slope: float
    shift: float
    boxes: int  # fitted on, right and wrong
    fitted: bool  # False: too few boxes, left as it is
    ece_before: float
    ece_after: float  # cross-validated: each picture judged by a fit that had not seen it


def boxes_of(looks: Sequence[Look], floor: float = FIT_FLOOR) -> Boxes:
    """What was called, and whether it was right."""
    found: list[tuple[int, float, int]] = []
    right: list[bool] = []
    for number, one in enumerate(looks):
        if not one.truth.boxed:
            continue
        overlap = np.asarray(box_iou(one.found.xyxy, one.truth.xyxy), np.float64)
        overlap[one.found.class_id[:, None] != one.truth.class_id[None, :]] = 0
        for row, (class_id, conf) in enumerate(zip(one.found.class_id, one.found.conf, strict=True)):
            if conf < floor:
                continue
            best = int(overlap[row].argmax()) if overlap.shape[1] else -1
            hit = best >= 0 and bool(overlap[row, best] >= MATCH_IOU)
            if hit:
                overlap[:, best] = 0  # each true box is found once
            found.append((int(class_id), float(conf), number))
            right.append(hit)
    table = np.array(found, np.float64).reshape(-1, 3)
    ids, pictures = table[:, 0].astype(np.int64), table[:, 2].astype(np.int64)
    return Boxes(ids, table[:, 1], np.array(right, np.bool_), pictures)


def fit_line(conf: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[float, float]:
    """(slope, shift) by penalised maximum likelihood, Newton's method.

    The slope stays within 0.2 to 5 and the shift within -5 to 5, as the manifest wants them.
    """
    x = logit(conf)
    design = np.stack([x, np.ones_like(x)], axis=1)
    start = np.array([1.0, 0.0])
    pull = 1 / np.square(PRIOR_DEVIATION)
    line = start.copy()
    for _ in range(50):
        p = sigmoid(design @ line)
        gradient = design.T @ (p - right) + pull * (line - start)
        information = (design * (p * (1 - p))[:, None]).T @ design + np.diag(pull)
        step = np.linalg.solve(information, gradient)
        line = line - np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-9:
            break
    return float(np.clip(line[0], 0.2, 5.0)), float(np.clip(line[1], -5.0, 5.0))


def fit_all(boxes: Boxes) -> dict[str, Fit]:
    """One fit per class that was called at all. Raises: ConfigError if there is nothing to fit on."""
    if len(boxes.conf) == 0:
        raise ConfigError("no called boxes to calibrate on; give labelled validation pictures")
    lines, after = _lines(boxes), cross_validated(boxes)
    out: dict[str, Fit] = {}
    for class_id, (slope, shift) in lines.items():
        mine = boxes.class_id == class_id
        out[CLASS_NAMES[class_id]] = Fit(
            round(slope, 3),
            round(shift, 3),
            int(mine.sum()),
            _enough(boxes.right[mine]),
            expected_error(boxes.conf[mine], boxes.right[mine]),
            expected_error(after[mine], boxes.right[mine]),
        )
    return out


def cross_validated(boxes: Boxes) -> NDArray[np.float64]:
    """(N,) calibrated confidences, each by fits that had not seen its picture."""
    after = np.zeros(len(boxes.conf))
    for fold in range(FOLDS):
        held = boxes.picture % FOLDS == fold
        if held.any():
            after[held] = _applied(_lines(boxes.where(~held) if not held.all() else boxes), boxes.where(held))
    return after


def expected_error(conf: NDArray[np.float64], right: NDArray[np.bool_], bins: int = BINS) -> float:
    """Expected calibration error over equally wide bins (Naeini et al., AAAI 2015); 0 without boxes."""
    if len(conf) == 0:
        return 0.0
    place = np.minimum((conf * bins).astype(int), bins - 1)
    gaps = [
        abs(conf[place == b].mean() - right[place == b].mean()) * (place == b).sum() for b in np.unique(place)
    ]
    return float(np.sum(gaps) / len(conf))


def _enough(right: NDArray[np.bool_]) -> bool:
    return min(int(right.sum()), int((~right).sum())) >= MIN_EACH


def _lines(boxes: Boxes) -> dict[int, tuple[float, float]]:
    """(slope, shift) per class; 1 and 0 where a class has too few boxes."""
    out: dict[int, tuple[float, float]] = {}
    for class_id in range(len(CLASS_NAMES)):
        mine = boxes.class_id == class_id
        out[class_id] = (
            fit_line(boxes.conf[mine], boxes.right[mine]) if _enough(boxes.right[mine]) else (1.0, 0.0)
        )
    return out


def _applied(lines: Mapping[int, tuple[float, float]], boxes: Boxes) -> NDArray[np.float64]:
    slope, shift = (np.array([lines[int(c)][part] for c in boxes.class_id]) for part in (0, 1))
    return sigmoid(slope * logit(boxes.conf) + shift)
