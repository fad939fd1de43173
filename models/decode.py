"""From the raw YOLOv8 head to boxes in the source picture: pure functions on arrays."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from vision.geometry import Letterbox, box_iou, unletterbox
from vision.types import Detections

MAX_CANDIDATES: Final = 300
"""At most this many rows enter NMS, best first: bounds the time that a noisy picture can cost. Ultralytics
keeps as many after NMS (`max_det`); an elevator car holds a handful of objects."""

BOX_ROWS: Final = 4
"""Rows of the head before the class scores: cx, cy, w, h in pixels of the letterboxed picture."""

_HEAD_NDIM: Final = 3

_EPS: Final = 1e-6
"""Keeps logit finite for confidences of exactly 0 and 1."""

_FAR_PX: Final = 1e6
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
    boxes, scores = head[0, :BOX_ROWS], head[0, BOX_ROWS:]
    rows = np.flatnonzero(scores.max(axis=0) >= conf)  # NaN compares false, so such cells fall out here
    scores, boxes = scores[:, rows], boxes[:, rows]
    best = scores.argmax(axis=0)
    class_id, sure = canonical_ids[best], scores[best, np.arange(len(rows))]
    sound = np.isfinite(sure) & np.isfinite(boxes).all(axis=0) & (boxes[2:] > 0).all(axis=0)
    rows = np.flatnonzero(sound & (class_id >= 0))
    rows = rows[np.argsort(-sure[rows], kind="stable")[:max_candidates]]

    boxed = _cxcywh_to_xyxy(boxes[:, rows].T)
    source = unletterbox(boxed, fitted)
    inside = (source[:, 2:] > source[:, :2]).all(axis=1)
    rows, boxed, source = rows[inside], boxed[inside], source[inside]
    keep = nms(boxed, class_id[rows], nms_iou)
    rows = rows[keep]
    return Detections(source[keep], np.minimum(sure[rows], 1).astype(np.float32, copy=False), class_id[rows])


def logit(p: NDArray[np.floating]) -> NDArray[np.float64]:
    """Log-odds (nats) of probabilities; 0 and 1 are taken as 1e-6 from them."""
    safe = np.clip(np.asarray(p, np.float64), _EPS, 1 - _EPS)
    return np.asarray(np.log(safe / (1 - safe)), np.float64)


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of log-odds; beyond 40 nats they are 0 and 1 in every respect."""
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -40, 40))), np.float64)


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
    edge more alike. Own code, as `cv2.dnn.NMSBoxesBatched` wants Python lists of rectangles.
    """
    same_class = class_id[:, None] == class_id[None, :]
    overlaps = (box_iou(xyxy, xyxy) > iou) & same_class
    keep = np.ones(len(class_id), np.bool_)
    for row in range(len(keep)):
        if keep[row]:
            keep[row + 1 :] &= ~overlaps[row, row + 1 :]
    return keep


def _cxcywh_to_xyxy(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 4) centre and size to (N, 4) corners."""
    near = np.clip(boxes, -_FAR_PX, _FAR_PX)
    half = near[:, 2:] / 2
    return np.concatenate((near[:, :2] - half, near[:, :2] + half), axis=1)
