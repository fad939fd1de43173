"""How often the model is right and how often it would hold the door for nothing, on labelled pictures.

The figures of `models.evaluate` per set: image recall per class and false-hold rates per kind of picture, at
the operating confidences, with Wilson 95 % intervals. Single frames: the vote over a track comes on top.

    python -m benchmarks.accuracy [FOLDER …] [--model NAME] [--expect CLASS]

Without folders: the check-only sets of LIFTGUARD_DATA, on which nothing was trained and no threshold chosen.
Each of their pictures holds an e-bike and their boxes are incomplete, so they say nothing about false holds:
for those name a set without e-bikes, such as a ``val/`` set of `datasets.build`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from api.load import load_settings
from api.main import build_detector
from benchmarks.report import Target, emit, parser, run
from models.evaluate import Rate, SetReport, evaluate
from models.looks import look
from models.sets import read_set
from vision.errors import ConfigError
from vision.types import CLASS_NAMES, E_BIKE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHECK_SETS: Final = ("elevator_photos", "elevator_cctv_val")


def main() -> None:
    """Measure and print."""
    made = parser(__doc__)
    made.add_argument("folders", nargs="*", type=Path, help="labelled sets (default: the check-only sets)")
    made.add_argument("--model", help="model of the manifest (default: as in the settings)")
    made.add_argument("--expect", choices=CLASS_NAMES, help="class that every picture of plain folders holds")
    options = made.parse_args()
    settings = load_settings(overrides={"detector.model": options.model} if options.model else {})
    folders = options.folders or [settings.data / n for n in CHECK_SETS if (settings.data / n).is_dir()]
    missing = [folder for folder in folders if not folder.is_dir()]
    if missing or not folders:
        where = missing[0] if missing else settings.data
        raise ConfigError(f"no labelled pictures in {where}; name folders, or set LIFTGUARD_DATA")
    wanted = None if options.expect is None else CLASS_NAMES.index(options.expect)
    detector = build_detector(settings)
    confs = [detector.operating_conf(c) for c in range(len(CLASS_NAMES))]
    reports = [
        evaluate(_name(folder, folders), look(detector, read_set(folder, _expect(folder, wanted))), confs)
        for folder in folders
    ]
    figures: dict[str, Any] = {
        "sets": {report.name: figures_of(report) for report in reports},
        "model": detector.name,
        "model_sha256": detector.sha256,
    }

    def draw(figure: Figure) -> None:
        bars = [
            (f"{report.name}: {what} {key}", rate, colour)
            for report in reports
            for what, rates, colour in (
                ("recall", report.image_recall, "tab:blue"),
                ("false hold", report.false_hold, "tab:red"),
            )
            for key, rate in rates.items()
        ]
        axes = figure.subplots()
        at = range(len(bars))
        shares = [rate.share for _, rate, _ in bars]
        low = [max(rate.share - rate.low, 0.0) for _, rate, _ in bars]
        high = [max(rate.high - rate.share, 0.0) for _, rate, _ in bars]
        axes.barh(at, shares, xerr=[low, high], color=[colour for *_, colour in bars], capsize=3)
        axes.set_yticks(at, [name for name, *_ in bars], fontsize=7)
        axes.set(xlim=(0, 1), xlabel="share of pictures, 95 % interval", title=detector.name)

    targets = [
        Target(f"sets.{r.name}.image_recall.e_bike.share", "single frames", least=0.9)
        for r in reports
        if "e_bike" in r.image_recall
    ]
    emit("accuracy", figures, options, targets=targets, draw=draw)


def figures_of(report: SetReport) -> dict[str, Any]:
    """What is reported of a set."""
    return {
        "pictures": report.pictures,
        "image_recall": _rates(report.image_recall),
        "box_precision": _rates(report.box_precision),
        "false_hold": _rates(report.false_hold),
    }


def _expect(folder: Path, wanted: int | None) -> int | None:
    """The class that every picture holds: every one of the check-only sets holds an e-bike."""
    return E_BIKE if wanted is None and folder.name in CHECK_SETS else wanted


def _rates(rates: Mapping[str, Rate]) -> dict[str, dict[str, float]]:
    return {
        name: {
            "hits": rate.hits,
            "tries": rate.tries,
            "share": round(rate.share, 4),
            "low": round(rate.low, 4),
            "high": round(rate.high, 4),
        }
        for name, rate in rates.items()
    }


def _name(folder: Path, folders: list[Path]) -> str:
    """The folder's name; its whole path where two have the same. Without dots: they part a figure's path."""
    same = [f for f in folders if f.name == folder.name]
    return (folder.name if len(same) == 1 else str(folder)).replace(".", "_")


if __name__ == "__main__":
    run(main)
