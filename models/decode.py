"""From the raw YOLOv8 head to boxes in the source picture: pure functions on arrays."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.geometry import Letterbox
from vision.types import Detections

MAX_CANDIDATES: Final = 300
"""At most this many rows enter NMS, best first: bounds the time that a noisy picture can cost. Ultralytics
keeps as many after NMS (`max_det`); an elevator car holds a handful of objects."""

BOX_ROWS: Final = 4
"""Rows of the head before the class scores: cx, cy, w, h in pixels of the letterboxed picture."""

_HEAD_NDIM: Final = 3

_EPS: Final = 1e-6
"""Keeps logit finite for confidences of exactly 0 and 1."""

_FAR_PX: Final = np.float32(1e6)
"""Coordinates beyond this are cut before arithmetic, as float32 could overflow. No picture is that wide."""


def decode(
    head: NDArray[np.float32],
    canonical_ids: NDArray[np.int64],
    fitted: Letterbox,
    *,
    conf: float,
    nms_iou: float,
    max_candidates: int = MAX_CANDIDATES,
) -> Detections:
    """Detections of at least ``conf``, best first, in source pixels, cut to the source picture.

    Args: head is (1, 4 + C, N) float32: cx, cy, w, h in letterbox pixels, then C class probabilities per
    cell. ``canonical_ids`` (C,) int64 maps model classes to `vision.types.CLASS_NAMES`; negative means
    dropped. A cell votes for its best class among *all* C, so a confident car is never a weak e-bike.
    Cells with NaN or infinite values and boxes without area inside the picture are left out.
    Raises: ValueError if the head has another shape.
    """
    classes = len(canonical_ids)
    if head.ndim != _HEAD_NDIM or head.shape[0] != 1 or head.shape[1] != BOX_ROWS + classes:
        raise ValueError(
            f"the head must be (1, {BOX_ROWS + classes}, N) for {classes} classes; got {head.shape}"
        )
    # After an inference caches are cold and each numpy call costs 5 us or more: few calls, on few cells.
    whole: NDArray[np.float32] = head[0]
    top = whole[BOX_ROWS:].max(axis=0)
    rows = np.flatnonzero(top >= conf)  # NaN compares false, so such cells fall out here
    if not rows.size:
        return Detections.empty()
    cells, sure = whole[:, rows], top[rows]
    if not np.isfinite(cells).all():
        sound = np.isfinite(cells[:BOX_ROWS]).all(axis=0) & np.isfinite(sure)
        cells, sure = cells[:, sound], sure[sound]
    class_id = canonical_ids[cells[BOX_ROWS:].argmax(axis=0)]
    rows = np.flatnonzero((class_id >= 0) & (cells[2:BOX_ROWS] > 0).all(axis=0))
    rows = rows[np.argsort(-sure[rows], kind="stable")[:max_candidates]]

    boxed = _cxcywh_to_xyxy(cells[:BOX_ROWS, rows].T)
    source = fitted.to_picture(boxed)
    inside = (source[:, 2:] > source[:, :2]).all(axis=1)
    if not inside.all():
        rows, boxed, source = rows[inside], boxed[inside], source[inside]
    keep = nms(boxed, class_id[rows], nms_iou)
    rows = rows[keep]
    return Detections(source[keep], np.minimum(sure[rows], np.float32(1)), class_id[rows])


def logit(p: NDArray[np.floating]) -> NDArray[np.float64]:
    """Log-odds (nats) of probabilities; 0 and 1 are taken as 1e-6 from them."""
    safe = np.minimum(np.maximum(np.asarray(p, np.float64), _EPS), 1 - _EPS)
    return np.asarray(np.log(safe / (1 - safe)), np.float64)


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of log-odds; beyond 40 nats they are 0 and 1 in every respect."""
    return np.asarray(1 / (1 + np.exp(-np.minimum(np.maximum(x, -40), 40))), np.float64)


def calibrated(
    found: Detections, slope: NDArray[np.float64], shift: NDArray[np.float64], floor: float
) -> Detections:
    """Detections with confidences ``sigmoid(slope x logit(conf) + shift)`` of their class, best first.

    Args: ``slope`` (> 0) and ``shift`` (C,) per canonical class; what ends below ``floor`` is left out.
    """
    raw = logit(found.conf)
    sure = sigmoid(raw * slope[found.class_id] + shift[found.class_id]).astype(np.float32)
    order = np.argsort(-sure, kind="stable")
    order = order[sure[order] >= floor]
    return Detections(found.xyxy[order], sure[order], found.class_id[order])


def uncalibrated_floor(slope: NDArray[np.float64], shift: NDArray[np.float64], floor: float) -> float:
    """The lowest raw confidence at which some class reaches ``floor`` after `calibrated`."""
    if floor <= 0:
        return floor
    raw = sigmoid((logit(np.full_like(shift, floor)) - shift) / slope)
    return float(raw.min())


def nms(xyxy: NDArray[np.float32], class_id: NDArray[np.int64], iou: float) -> NDArray[np.bool_]:
    """Which of N boxes, best first, survive greedy non-maximum suppression within each class.

    A box goes if a better one of its class that stays overlaps it by more than ``iou``. Returns: (N,) bool.
    As in ultralytics, `decode` calls it before boxes are cut to the picture: cutting makes neighbours at the
    edge more alike. OpenCV's, as a matrix of overlaps in numpy takes six times as long for twenty boxes.
    """
    keep = np.zeros(len(class_id), np.bool_)
    rects = np.concatenate((xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]), axis=1).tolist()
    ranks = range(len(rects), 0, -1)  # only their order matters
    keep[cv2.dnn.NMSBoxesBatched(rects, ranks, class_id.tolist(), 0.0, iou)] = True
    return keep


def _cxcywh_to_xyxy(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 4) centre and size to (N, 4) corners."""
    near = np.minimum(np.maximum(boxes, -_FAR_PX), _FAR_PX)
    middle, half = near[:, :2], near[:, 2:] / 2
    return np.concatenate((middle - half, middle + half), axis=1)
