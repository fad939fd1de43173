"""Writes a model card from measured JSON (`models.measure`): no figure in it is typed by hand.

What cannot be measured (known failures, where training data is thin) comes from a text file beside the JSON,
``NAME-notes.md``, which is taken over as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from models.card_tables import (
    Json,
    calibration,
    classes,
    false_holds,
    int8,
    recall,
    table,
    targets,
    threshold,
    times,
)
from models.confusion import draw
from models.manifest import trim_words
from models.plots import draw_reliability
from vision.errors import ConfigError
from vision.types import CLASS_NAMES


def write_card(measured: Json, folder: Path, name: str) -> list[Path]:
    """Write ``NAME.md`` and its pictures into ``folder``. Returns: the files written.

    Raises: ConfigError if the JSON is not what `models.measure` writes; LiftguardError without matplotlib.
    """
    try:
        models: Sequence[Json] = measured["models"]
        main = next((m for m in models if m["default"]), models[0])
        card, confused, reliable = (
            folder / f"{name}{end}" for end in (".md", "-confusion.png", "-reliability.png")
        )
        notes = folder / f"{name}-notes.md"
        text = render(measured, name, notes.read_text("utf-8") if notes.is_file() else "")
    except (KeyError, IndexError, TypeError) as exc:
        raise ConfigError(
            f"the measured figures lack {exc}; measure again with `liftguard model card`"
        ) from exc
    folder.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(confused), draw(np.array(main["confusion"], np.int64))):
        raise ConfigError(f"cannot write {confused}; check the folder")
    fit = main["calibration"]
    panels = {
        "all classes": {"before": fit["before"], "after": fit["after"]},
        "e_bike": {"before": fit["e_bike_before"], "after": fit["e_bike_after"]},
    }
    draw_reliability(panels, reliable)
    card.write_text(text, "utf-8")
    return [card, confused, reliable]


def render(measured: Json, name: str, notes: str) -> str:
    """The card as Markdown."""
    models: Sequence[Json] = measured["models"]
    main = next((m for m in models if m["default"]), models[0])
    parts = [
        f"# {name}\n\n{_what_it_is(models, main)}",
        "## Data\n\n" + _data(measured["data"]),
        "## Measured\n\n" + _how(measured, main),
        recall(models, main),
        false_holds(models),
        classes(main),
        f"![Confusion of boxes on validation pictures, {main['name']}]({name}-confusion.png)",
        "## What 8 bits cost\n\n" + int8(models),
        "## Calibration\n\n" + calibration(models, main, name),
        "## Threshold\n\n" + threshold(models),
        "## Time\n\n" + times(measured["times"]),
        "## Targets\n\n" + targets(main, measured["times"]),
        notes.strip(),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _what_it_is(models: Sequence[Json], main: Json) -> str:
    rows = [
        [
            f"**{m['name']}** (default)" if m["default"] else str(m["name"]),
            f"`{m['file']}`",
            ", ".join(filter(None, (f"{m['size_wh'][0]} x {m['size_wh'][1]}", trim_words(m)))),
            f"{m['bytes'] / 1e6:.1f} MB",
            f"{m['operating_conf']['e_bike']:.2f}",
            f"`{m['sha256'][:12]}`",
        ]
        for m in models
    ]
    head = ["model", "file", "input, pixels", "size", "e_bike counts from", "sha256"]
    return (
        "A detector of six classes for elevator cabins and landings: "
        + ", ".join(f"`{n}`" for n in CLASS_NAMES)
        + ". ONNX (opset 17), raw head (1, 10, N) without NMS, RGB in [0, 1], letterboxed "
        "with grey 114. "
        "Trimmed means that grey bars wider than 32 px are left out.\n\n"
        + table(head, rows)
        + f"\n\n- **Licence**: AGPL-3.0-or-later; {_origin(main)}.\n"
        "- **Made by**: `datasets/`, `models/train.py`, `models/export.py`, `models/quantize.py`; every "
        "run is in "
        "`models/runs.md`. Figures and tables here are written by `liftguard model card` from the JSON "
        "beside this file.\n"
        f"- **Pictures below** are of `{main['name']}`."
    )


def _origin(main: Json) -> str:
    """What the manifest says, without its pointer to this card."""
    return str(main.get("origin", "origin not stated")).partition(", see ")[0]


def _data(data: Json) -> str:
    if not data.get("sets"):
        return "The manifest of the training set was not given."
    rows = [
        [
            name,
            str(s.get("sources", "")),
            str(s.get("train", "")),
            str(s.get("val", "")),
            str(s.get("rights", "")),
        ]
        for name, s in data["sets"].items()
    ]
    digest = f" Training set `{str(data['train_sha256'])[:12]}`." if data.get("train_sha256") else ""
    checks = ", ".join(f"`{n}`" for n in data.get("check_only", ()))
    return (
        "Split by source picture, near-duplicates of training pictures dropped from validation "
        f"(`datasets/split.py`).{digest} Only ever checked, never trained on: {checks or '–'}. Rights are "
        f"mixed: "
        "the pictures are neither shipped nor published.\n\n"
        + table(["set", "source pictures", "training views", "validation", "rights"], rows)
    )


def _how(measured: Json, main: Json) -> str:
    return (
        "Single frames, each model at its own operating confidence. Shares come with Wilson 95 % "
        "intervals, average "
        f"precision with the 95 % interval of {measured['resamples']} bootstrap samples of pictures. "
        f"Threshold and "
        f"calibration were chosen on the {main['validation']['pictures']} validation pictures, so figures "
        f"on those "
        "flatter a little; `models/runs.md` says what else the check sets were looked at for."
    )
