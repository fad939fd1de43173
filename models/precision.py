"""Average precision per class, by faster-coco-eval (extra ``eval``), with intervals over pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.looks import Look
from vision.errors import LiftguardError
from vision.types import CLASS_NAMES

MAX_BOXES = 100
"""Detections per picture that count, best first: COCO's own limit (cocodataset.org, detection evaluation)."""


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """Area under precision over recall (101 points, as COCO takes it)."""

    ap50: float  # at an IoU of 0.5
    ap50_95: float  # mean over IoU 0.50, 0.55 … 0.95
    boxes: int  # true ones
    low: float | None = None  # 95 % interval of ap50, see `average_precision`
    high: float | None = None

    def __str__(self) -> str:
        span = "" if self.low is None or self.high is None else f" [{self.low:.3f}, {self.high:.3f}]"
        return f"{self.ap50:.3f}{span}, over IoU 0.5 to 0.95 {self.ap50_95:.3f} ({self.boxes} boxes)"


def average_precision(
    looks: Sequence[Look], *, resamples: int = 0, seed: int = 7
) -> dict[str, AveragePrecision]:
    """Per class that has true boxes. Pictures whose boxes are not all known are left out.

    Args: ``resamples`` > 0 adds the percentile bootstrap's 95 % interval (Efron & Tibshirani 1993, ch. 13),
    pictures drawn with replacement, as boxes of one picture are not independent.
    Raises: LiftguardError if the extra ``eval`` is not installed.
    """
    coco = _library()
    known = [one for one in looks if one.truth.boxed]
    if not known:
        return {}
    point = _score(coco, known)
    counts = np.bincount(
        np.concatenate([one.truth.class_id for one in known] or [np.zeros(0, np.int64)]),
        minlength=len(CLASS_NAMES),
    )
    drawn = np.full((max(resamples, 1), len(CLASS_NAMES)), np.nan)
    rng = np.random.default_rng(seed)
    for row in range(resamples):
        drawn[row] = _score(coco, [known[i] for i in rng.integers(0, len(known), len(known))])[0]
    out: dict[str, AveragePrecision] = {}
    for class_id, name in enumerate(CLASS_NAMES):
        if not counts[class_id]:
            continue
        own = drawn[:, class_id][np.isfinite(drawn[:, class_id])]
        low, high = (float(v) for v in np.percentile(own, (2.5, 97.5))) if len(own) else (None, None)
        ap50, ap50_95 = float(point[0][class_id]), float(point[1][class_id])
        out[name] = AveragePrecision(ap50, ap50_95, int(counts[class_id]), low, high)
    return out


def _library() -> Any:
    try:
        import faster_coco_eval
    except ImportError as exc:
        raise LiftguardError(
            "average precision needs faster-coco-eval, which is not installed; missing extra eval: "
            "try `pip install 'liftguard[eval]'`, or leave it out with --no-ap"
        ) from exc
    return faster_coco_eval


def _score(coco: Any, looks: Sequence[Look]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(C,) AP at 0.5 and (C,) mean AP; NaN for a class without true boxes."""
    truth, found = _tables(looks)
    quiet = {"print_function": lambda *_: None}
    truth_set = coco.COCO(truth, **quiet)
    run = coco.COCOeval_faster(truth_set, truth_set.loadRes(found), "bbox", **quiet)
    run.evaluate()
    run.accumulate()
    # (IoU, recall, class, area, detections): all areas, MAX_BOXES detections; -1 means no true box
    at = np.asarray(run.eval["precision"], np.float64)[:, :, :, 0, -1]
    at = np.where(at < 0, np.nan, at)
    return at[0].mean(axis=0), at.mean(axis=(0, 1))


def _tables(looks: Sequence[Look]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """COCO's ground truth and results. Ids count from 1; a picture drawn twice is two pictures."""
    truth: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for number, one in enumerate(looks, 1):
        for box, class_id in zip(one.truth.xyxy.tolist(), one.truth.class_id.tolist(), strict=True):
            w, h = box[2] - box[0], box[3] - box[1]
            row = {"id": len(truth) + 1, "image_id": number, "category_id": class_id + 1, "iscrowd": 0}
            truth.append(row | {"bbox": [box[0], box[1], w, h], "area": w * h})
        rows = zip(one.found.xyxy.tolist(), one.found.conf.tolist(), one.found.class_id.tolist(), strict=True)
        for box, conf, class_id in list(rows)[:MAX_BOXES]:
            row = {"image_id": number, "category_id": class_id + 1, "score": conf}
            found.append(row | {"bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]]})
    images = [
        {"id": n, "width": o.truth.size_wh[0], "height": o.truth.size_wh[1]} for n, o in enumerate(looks, 1)
    ]
    categories = [{"id": i, "name": name} for i, name in enumerate(CLASS_NAMES, 1)]
    return {"images": images, "annotations": truth, "categories": categories}, found
