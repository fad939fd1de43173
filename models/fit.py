"""Fits what a model's scores mean to validation pictures: its calibration and its operating confidence.

A network's scores are no probabilities, and tracks add their log-odds up (``vision/vote.py``), so a model
that was trained anew must not run before it was fitted. Check sets must not be given here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from models.calibration import Fit, boxes_of, fit_all
from models.decode import calibrated
from models.detector import OnnxDetector
from models.looks import FLOOR
from models.manifest import ModelEntry
from models.measure import look_at
from models.threshold import CANDIDATES, OperatingPoint, for_manifest, operating_point, score
from vision.errors import ConfigError

DEFAULT_PROVIDERS = ("CPUExecutionProvider",)


@dataclass(frozen=True, slots=True)
class Fitted:
    """An entry that may run, and what was found on the validation pictures."""

    entry: ModelEntry
    fits: Mapping[str, Fit]  # by class
    point: OperatingPoint  # at the entry's operating confidence
    pictures: int


def fit(
    entry: ModelEntry,
    weights_dir: Path,
    folders: Sequence[Path],
    *,
    providers: Sequence[str] = DEFAULT_PROVIDERS,
    threads: int = 2,
    progress: Callable[[str, int, int], None] | None = None,
) -> Fitted:
    """The entry with calibration and operating confidence; what it had of them before does not matter.

    With too few e-bikes to fit to it is not calibrated: the vote has rules of its own for scores as they are.

    Args: ``folders``: labelled validation sets, as `models.sets` reads them.
    Raises: ConfigError if they lack pictures with or without an e-bike, or called boxes, or if
    no confidence calls an e-bike and keeps the limits of `models.threshold`; ModelError.
    """
    raw = OnnxDetector(
        entry.model_copy(update={"calibration": None}),
        weights_dir,
        providers=providers,
        intra_op_threads=threads,
    )
    looks = [one for f in folders for one in look_at(raw, f, None, progress, f"{entry.name} {f.name}")]
    kinds = {one.kind for one in score(looks)}
    for wanted, there in (("with", "e_bike" in kinds), ("without", bool(kinds - {"e_bike"}))):
        if not there:
            raise ConfigError(
                f"none of the {len(looks)} pictures is one {wanted} an e-bike, so no confidence can be "
                "chosen; give validation sets of both kinds"
            )
    fits = fit_all(boxes_of(looks))
    lines = {name: (one.slope, one.shift) for name, one in fits.items()} if fits["e_bike"].fitted else None
    fitted = ModelEntry.model_validate({**entry.model_dump(), "calibration": lines})
    scored = score(
        replace(one, found=calibrated(one.found, *fitted.calibration_lines, FLOOR)) for one in looks
    )
    point = for_manifest(scored)
    if point is None or not point.recall.hits:
        low = operating_point(scored, min(CANDIDATES))
        false = ", ".join(f"{rate.hits} of {rate.tries} {kind}" for kind, rate in low.false_hold.items())
        raise ConfigError(
            f"from no confidence on does model {entry.name} call e-bikes and keep its false holds within "
            f"their limits (from {low.conf} on {low.recall.hits} of {low.recall.tries} e-bikes, {false}); "
            "look at those pictures and their labels, or train it on more such"
        )
    confs = {**entry.operating_conf, "e_bike": point.conf}
    return Fitted(fitted.model_copy(update={"operating_conf": confs}), fits, point, len(looks))
