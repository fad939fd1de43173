"""`liftguard model`: which models there are, whether they are sound, how well they do, and making them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api import cli_model_calibrate, cli_model_make
from api.cli_progress import steps
from vision.errors import ConfigError, LiftguardError
from vision.types import CLASS_NAMES, E_BIKE

app = typer.Typer(help="List, verify, evaluate, train, export and calibrate models.", no_args_is_help=True)

ConfigOption = Annotated[Path | None, typer.Option("--config", "-c", help="Settings file (TOML).")]
ModelOption = Annotated[
    str | None, typer.Option("--model", help="Model name in the manifest. Default: the manifest's default.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


@app.command("list")
def list_models(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the models of the manifest."""
    from api.load import load_settings
    from models.manifest import load_manifest, trim_words

    settings = load_settings(config)
    manifest = load_manifest(settings.detector.manifest)
    rows: list[dict[str, Any]] = [
        {
            "name": m.name,
            "default": m.default or len(manifest.models) == 1,
            "size_wh": list(m.size_wh),
            "trim": m.trim,
            "trim_slack": m.trim_slack,
            "calibrated": m.calibration is not None,
            "classes": [name for name in m.canonical_names if name],
            "operating_conf": {
                n: m.operating_confs[i] for i, n in enumerate(CLASS_NAMES) if n in m.canonical_names
            },
            "licence": m.licence,
            "sha256": m.sha256,
        }
        for m in manifest.models
    ]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    table = Table(title=escape(str(manifest.path)), title_justify="left")
    table.add_column("name", no_wrap=True)  # what detector.model is set to: never cut short
    for column in ("input", "classes", "e_bike from", "licence", "sha256"):
        table.add_column(column)
    for row in rows:
        name = f"[bold]{row['name']}[/] *" if row["default"] else row["name"]
        size = " ".join(filter(None, ("x".join(map(str, row["size_wh"])), trim_words(row))))
        classes = "all" if set(row["classes"]) == set(CLASS_NAMES) else ", ".join(row["classes"])
        table.add_row(
            name, size, classes, f"{row['operating_conf']['e_bike']:.2f}", row["licence"], row["sha256"][:12]
        )
    Console().print(table)
    Console().print(f"* default; all: {', '.join(CLASS_NAMES)}", soft_wrap=True)


@app.command()
def verify(config: ConfigOption = None) -> None:
    """Check hash, shapes and classes of every model and run each once. Exit code 1 if one is not sound."""
    from api.load import load_settings
    from models.detector import OnnxDetector
    from models.manifest import load_manifest

    settings = load_settings(config)
    manifest = load_manifest(settings.detector.manifest)
    bad = 0
    with steps(Console(stderr=True)) as progress:
        for number, entry in enumerate(manifest.models):
            progress("verifying", number, len(manifest.models))
            try:
                OnnxDetector(entry, manifest.weights_dir, providers=settings.detector.providers)
            except LiftguardError as exc:
                bad += 1
                typer.echo(f"{entry.name}: {exc}")
            else:
                typer.echo(f"{entry.name}: sound")
    if not manifest.models:
        typer.echo(f"{manifest.path} lists no model")
    raise typer.Exit(1 if bad or not manifest.models else 0)


@app.command("eval")
def evaluate_model(
    data: Annotated[
        list[Path],
        typer.Argument(
            help="YOLO sets (images/, labels/), folders of such, judged events, pictures with --expect.",
            metavar="DATA…",
        ),
    ],
    model: ModelOption = None,
    expect: Annotated[
        str | None, typer.Option(help="Class that every picture holds, where labels lack.", metavar="CLASS")
    ] = None,
    conf: Annotated[
        float | None, typer.Option(min=0, max=1, help="e_bike counts from here instead of the manifest's.")
    ] = None,
    ap: Annotated[bool, typer.Option("--ap/--no-ap", help="Average precision (extra `eval`).")] = True,
    intervals: Annotated[
        int, typer.Option(min=0, help="Bootstrap samples for 95 % intervals of AP; 0: none.", metavar="N")
    ] = 0,
    confusion_png: Annotated[
        Path | None, typer.Option("--confusion", help="Write the confusion matrix as this picture.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Recall, precision, AP and false holds of a model on labelled pictures, per set and together."""
    import cv2

    from api.load import load_settings
    from models.confusion import confusion, draw
    from models.detector import OnnxDetector
    from models.evaluate import evaluate, render
    from models.looks import Look
    from models.manifest import load_manifest
    from models.measure import look_at, plain, sets_in
    from models.precision import average_precision

    if expect is not None and expect not in CLASS_NAMES:
        raise ConfigError(f"--expect {expect}: no such class; use one of {', '.join(CLASS_NAMES)}")
    settings = load_settings(config)
    manifest = load_manifest(settings.detector.manifest)
    entry = manifest.get(model or settings.detector.model)
    folders = [found for folder in data for found in sets_in(folder)]
    if ap:
        average_precision([])  # says now, not after minutes, that the extra is missing
    detector = OnnxDetector(
        entry,
        manifest.weights_dir,
        providers=settings.detector.providers,
        intra_op_threads=settings.detector.threads,
    )
    confs = list(entry.operating_confs)
    confs[E_BIKE] = confs[E_BIKE] if conf is None else conf
    looks: dict[str, list[Look]] = {}
    with steps(Console(stderr=True)) as progress:
        for folder in folders:
            wanted = None if expect is None else CLASS_NAMES.index(expect)
            looks[str(folder)] = look_at(detector, folder, wanted, progress, folder.name)
    if len(looks) > 1:
        looks["together"] = [one for seen in looks.values() for one in seen]
    reports = [
        evaluate(name, seen, confs, average_precision(seen, resamples=intervals) if ap else None)
        for name, seen in looks.items()
    ]
    if confusion_png is not None:
        everything = list(looks.values())[-1]
        if not cv2.imwrite(str(confusion_png), draw(confusion(everything, confs))):
            raise ConfigError(f"cannot write {confusion_png}; give a .png in a folder that exists")
    if as_json:
        shown = {name: confs[i] for i, name in enumerate(CLASS_NAMES)}
        answer = {"model": entry.name, "model_sha256": entry.sha256, "operating_conf": shown}
        typer.echo(json.dumps({**answer, "sets": [plain(r) for r in reports]}, ensure_ascii=False))
        return
    typer.echo("\n".join(render(r) for r in reports))


app.command("train")(cli_model_make.train)
app.command("export")(cli_model_make.export)
app.command("calibrate")(cli_model_calibrate.calibrate)
app.command("card")(cli_model_make.card)
