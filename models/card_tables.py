"""The tables of a model card, from measured JSON (`models.measure`) to Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from vision.types import CLASS_NAMES

RECALL_TARGETS: Final = {"e_bike": 0.95, "wheelchair": 0.90, "stroller": 0.90}
"""The product's targets for image recall."""
TIME_TARGET_MS: Final = 20.0

Json = Mapping[str, Any]


def rate(value: Json | None) -> str:
    """``8/10 = .80 [.49, .94]``; a dash where nothing was tried."""
    if not value or not value["tries"]:
        return "–"
    share, low, high = (_two(value[key]) for key in ("share", "low", "high"))
    return f"{value['hits']}/{value['tries']} = {share} [{low}, {high}]"


def _two(share: float) -> str:
    return f"{share:.2f}" if share == 0 or 0.02 <= share <= 1 else f"{share:.3f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def recall(models: Sequence[Json], main: Json) -> str:
    """Image recall of every model: e_bike on the check sets, each class on validation pictures."""
    rows = [
        [f"{c['name']} (check)", *(rate(m["checks"][i]["image_recall"].get("e_bike")) for m in models)]
        for i, c in enumerate(main["checks"])
    ]
    rows += [
        [f"validation: {name}", *(rate(m["validation"]["image_recall"].get(name)) for m in models)]
        for name in ("e_bike", "wheelchair", "stroller", "bicycle", "person")
    ]
    head = ["called, of pictures with one (check sets: e_bike)", *(str(m["name"]) for m in models)]
    return table(head, rows)


def false_holds(models: Sequence[Json]) -> str:
    """Share of pictures without an e-bike in which one is called, per kind and model."""
    limits = models[0]["threshold"]["limits"]
    kinds = [k for k in limits if any(k in m["validation"]["false_hold"] for m in models)]
    rows = [
        [kind, *(rate(m["validation"]["false_hold"].get(kind)) for m in models), f"{limits[kind]:g}"]
        for kind in kinds
    ]
    return table(["false hold, of validation pictures", *(str(m["name"]) for m in models), "target"], rows)


def classes(main: Json) -> str:
    """Recall, precision and average precision per class of the main model."""
    held = main["validation"]
    rows = []
    for name in CLASS_NAMES:
        ap = held["average_precision"].get(name)
        if ap is None:
            continue
        span = "" if ap["low"] is None else f" [{ap['low']:.2f}, {ap['high']:.2f}]"
        rows.append(
            [
                name,
                rate(held["image_recall"].get(name)),
                rate(held["box_recall"].get(name)),
                rate(held["box_precision"].get(name)),
                f"{ap['ap50']:.2f}{span}",
                f"{ap['ap50_95']:.2f}",
            ]
        )
    head = [
        f"validation, {main['name']}",
        "image recall",
        "box recall",
        "box precision",
        "AP at IoU 0.5",
        "AP 0.5–0.95",
    ]
    return table(head, rows)


def mean_ap(model: Json, key: str = "ap50") -> float:
    """Mean over classes with at least ten true boxes: one kick scooter would weigh as much as 300 "
    "people."""
    values = [v[key] for v in model["validation"]["average_precision"].values() if v["boxes"] >= 10]
    return float(np.mean(values)) if values else 0.0


def pairs(models: Sequence[Json]) -> list[tuple[Json, Json]]:
    """(FP32, INT8) models of the same input size; INT8 ones have ``int8`` in their file's name."""
    small = [m for m in models if "int8" in m["file"]]
    full = {tuple(m["size_wh"]): m for m in models if "int8" not in m["file"]}
    return [(full[tuple(m["size_wh"])], m) for m in small if tuple(m["size_wh"]) in full]


def int8(models: Sequence[Json]) -> str:
    """What quantising cost, pair by pair."""
    rows = [
        [
            f"{small['name']} against {full['name']}",
            f"{mean_ap(full):.3f} → {mean_ap(small):.3f}",
            f"{mean_ap(full, 'ap50_95'):.3f} → {mean_ap(small, 'ap50_95'):.3f}",
            f"{_hits(full)} → {_hits(small)}",
            f"{_false(full)} → {_false(small)}",
            f"{full['bytes'] / 1e6:.1f} → {small['bytes'] / 1e6:.1f} MB",
        ]
        for full, small in pairs(models)
    ]
    if not rows:
        return "No FP32 model was measured beside its 8-bit form."
    head = [
        "",
        "mean AP at IoU 0.5",
        "mean AP 0.5–0.95",
        "e_bike recall, validation",
        "false holds, all kinds",
        "file",
    ]
    return (
        "Static quantisation (QDQ), calibrated on training pictures; means over the classes with ten "
        "boxes or more.\n\n" + table(head, rows)
    )


def _hits(model: Json) -> str:
    value = model["validation"]["image_recall"].get("e_bike")
    return f"{value['hits']}/{value['tries']}" if value else "–"


def _false(model: Json) -> str:
    values = model["validation"]["false_hold"].values()
    return f"{sum(v['hits'] for v in values)}/{sum(v['tries'] for v in values)}"


def calibration(models: Sequence[Json], main: Json, name: str) -> str:
    """Expected error before and after, per model and class."""
    rows = [
        [str(m["name"]), f"{m['calibration']['ece_before']:.3f}", f"{m['calibration']['ece_after']:.3f}"]
        for m in models
    ]
    classes = [
        [
            n,
            str(f["boxes"]),
            f"{f['slope']:.2f}, {f['shift']:+.2f}" if f["fitted"] else "too few, left as it is",
            f"{f['ece_before']:.3f}",
            f"{f['ece_after']:.3f}",
        ]
        for n, f in main["calibration"]["fits"].items()
    ]
    return (
        "Confidences are made into probabilities per class, by a slope and a shift of their log-odds "
        "fitted on "
        "validation pictures (`models/calibration.py`); a box counts as right at an IoU of 0.5. The "
        "expected "
        "calibration error after it is cross-validated over pictures.\n\n"
        + table(["model, all classes", "expected error before", "after"], rows)
        + "\n\n"
        + table([f"class, {main['name']}", "boxes", "slope, shift", "before", "after"], classes)
        + f"\n\n![Share of boxes that are right over their confidence, before and "
        f"after]({name}-reliability.png)"
    )


def threshold(models: Sequence[Json]) -> str:
    """The confidence in force, and those that the false-hold targets ask for."""
    rows = [
        [
            str(m["name"]),
            f"{m['operating_conf']['e_bike']:.2f}",
            *(
                _at(m["threshold"], m["threshold"][key])
                for key in ("lowest_not_shown_above", "lowest_within_limits")
            ),
        ]
        for m in models
    ]
    head = ["model", "e_bike counts from", "no target shown to be broken from", "all targets met from"]
    return (
        "Chosen on validation pictures alone (`models/threshold.py`): the lowest confidence from which "
        "on no "
        "false-hold rate is shown, by its 95 % interval, to be above its target. The last column says "
        "from where all "
        "rates as measured are within their targets; in brackets e-bike recall on validation pictures.\n\n"
        + table(head, rows)
    )


def _at(found: Json, conf: float | None) -> str:
    point = next((p for p in found["sweep"] if p["conf"] == conf), None)
    return "none" if point is None else f"{point['conf']:.2f} ({point['recall']:.2f})"


def times(times: Json) -> str:
    """Milliseconds per camera shape."""
    shapes = list(times["frames"])
    names = list(times["frames"][shapes[0]])
    rows = [
        [
            name,
            *(
                f"{t['median_ms']:.0f} ({t['fastest_ms']:.0f}), {t['ratio']:.2f}"
                for t in (times["frames"][s][name] for s in shapes)
            ),
        ]
        for name in names
    ]
    return (
        f"Milliseconds per picture, all stages: median (fastest), and the median ratio to {names[0]} on "
        f"the same "
        f"pictures, in turn. {times['runtime']}, {times['threads']} threads, {times['machine']}, load "
        f"{times['load_1min']} from other work, so the fastest is nearest to what a machine of its own "
        f"gives.\n\n" + table(["camera", *shapes], rows)
    )


def targets(main: Json, times: Json) -> str:
    """The main model against the targets."""
    rows: list[list[str]] = []
    for c in main["checks"]:
        value = c["image_recall"].get("e_bike")
        if value:
            rows.append([f"e_bike recall, {c['name']}", "≥ 0.95", rate(value), _met(value["share"] >= 0.95)])
    for name in ("wheelchair", "stroller"):
        value = main["validation"]["image_recall"].get(name)
        wanted = RECALL_TARGETS[name]
        rows.append(
            [
                f"{name} recall, validation",
                f"≥ {wanted:.2f}",
                rate(value),
                _met(bool(value) and value["share"] >= wanted),
            ]
        )
    for kind, limit in main["threshold"]["limits"].items():
        value = main["validation"]["false_hold"].get(kind)
        if value:
            rows.append([f"false hold, {kind}", f"≤ {limit:g}", rate(value), _met(value["share"] <= limit)])
    for shape, names in times["frames"].items():
        fastest = names[main["name"]]["fastest_ms"]
        rows.append(
            [
                f"fastest picture, {shape}",
                f"≤ {TIME_TARGET_MS:.0f} ms",
                f"{fastest:.1f} ms",
                _met(fastest <= TIME_TARGET_MS),
            ]
        )
    return f"`{main['name']}` against the product's targets.\n\n" + table(
        ["", "target", "measured", "met"], rows
    )


def _met(yes: bool) -> str:
    return "yes" if yes else "**no**"
