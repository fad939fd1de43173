"""`liftguard model calibrate`: what a new model's scores mean, as an entry for the manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from api.cli_model_make import ConfigOption
from api.cli_progress import steps
from vision.errors import ConfigError

if TYPE_CHECKING:
    from models.fit import Fitted


def calibrate(
    model: Annotated[str, typer.Argument(help="A name in the manifest, or an exported .onnx file.")],
    validation: Annotated[
        list[Path],
        typer.Argument(
            help="Validation sets (images/, labels/) or folders of such; never pictures it was trained on.",
            metavar="DATA…",
        ),
    ],
    imgsz: Annotated[
        int, typer.Option(min=32, help="Input side in pixels of an .onnx file whose sides are free.")
    ] = 416,
    write: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write a manifest of this model alone, to try it with."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Figures as JSON instead of the entry.")] = False,
    config: ConfigOption = None,
) -> None:
    """Turn a model's scores into probabilities and choose from which an e-bike counts; print its entry."""
    from api.load import load_settings
    from models.entry import as_toml, entry_of_file
    from models.fit import fit
    from models.manifest import load_manifest
    from models.measure import sets_in

    settings = load_settings(config)
    if write is not None and write.exists():
        raise ConfigError(f"{write} is there already and is not overwritten; give another --write")
    if Path(model).suffix == ".onnx":
        folder, entry = Path(model).resolve().parent, entry_of_file(Path(model), imgsz)
    else:
        manifest = load_manifest(settings.detector.manifest)
        folder, entry = manifest.weights_dir, manifest.get(model)
    folders = [found for given in validation for found in sets_in(given)]
    console = Console(stderr=True)
    with steps(console) as progress:
        made = fit(
            entry,
            folder,
            folders,
            providers=settings.detector.providers,
            threads=settings.detector.threads,
            progress=progress,
        )
    if write is not None:
        alone = made.entry.model_copy(
            update={"file": str(made.entry.weights_path(folder)), "default": True, "heads": False}
        )
        try:
            write.write_text(as_toml(alone) + "\n", "utf-8")
        except OSError as exc:
            raise ConfigError(f"cannot write {write} ({exc.strerror or exc}); give another --write") from exc
    if as_json:
        typer.echo(json.dumps(_figures(made), ensure_ascii=False))
        return
    _tell(made, console)
    if write is not None:
        console.print(
            f"To try it: LIFTGUARD_DETECTOR__MANIFEST={write} liftguard model eval DATA", soft_wrap=True
        )
    typer.echo(as_toml(made.entry))


def _figures(made: Fitted) -> dict[str, object]:
    return {
        "model": made.entry.name,
        "model_sha256": made.entry.sha256,
        "pictures": made.pictures,
        "operating_conf": made.point.conf,
        "e_bikes_called": [made.point.recall.hits, made.point.recall.tries],
        "false_hold": {kind: [rate.hits, rate.tries] for kind, rate in made.point.false_hold.items()},
        "calibration": {
            name: {
                "slope": one.slope,
                "shift": one.shift,
                "boxes": one.boxes,
                "fitted": one.fitted,
                "ece_before": round(one.ece_before, 4),
                "ece_after": round(one.ece_after, 4),
            }
            for name, one in made.fits.items()
        },
    }


def _tell(made: Fitted, console: Console) -> None:
    """For people: how good the fit is (after: cross-validated), and what to beware of."""
    from models.calibration import MIN_EACH
    from models.threshold import ENOUGH_RECALL

    table = Table(title=f"{made.entry.name}, {made.pictures} pictures", title_justify="left")
    for column in ("class", "boxes", "slope, shift", "error before", "error after"):
        table.add_column(column, justify="left" if column == "class" else "right")
    for name, one in made.fits.items():
        line = f"{one.slope:.3f}, {one.shift:.3f}" if one.fitted else "as it is"
        errors = (f"{one.ece_before:.3f}", f"{one.ece_after:.3f}") if one.boxes else ("–", "–")
        table.add_row(name, str(one.boxes), line, *errors)
    console.print(table)
    point = made.point
    false = ", ".join(f"{kind} {rate.hits}/{rate.tries}" for kind, rate in point.false_hold.items())
    console.print(
        f"e_bike from {point.conf:.2f}: {point.recall.hits}/{point.recall.tries} called; false: {false}"
    )
    if made.entry.calibration is None:
        console.print(
            f"[yellow]Not calibrated:[/] fitting takes {MIN_EACH} right and {MIN_EACH} wrong e-bike boxes. "
            "Give more validation pictures, or copy `calibration` from the entry that training began with.",
            soft_wrap=True,
        )
    if point.recall.share < ENOUGH_RECALL:
        console.print(
            f"[yellow]Fewer e-bikes are called than the {ENOUGH_RECALL:.0%} of the goal;[/] "
            "`liftguard model eval` shows where.",
            soft_wrap=True,
        )
