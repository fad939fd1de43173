"""`liftguard model train | export | card`: making a model. What is missing is said before work starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from api.cli_progress import steps
from vision.errors import ConfigError
from vision.types import CLASS_NAMES

ConfigOption = Annotated[Path | None, typer.Option("--config", "-c", help="Settings file (TOML).")]


def train(
    weights: Annotated[Path, typer.Option(help="Weights to start from: a COCO YOLOv8 .pt or one of ours.")],
    data: Annotated[Path, typer.Option(help="data.yaml that `python -m datasets.build` wrote.")],
    out: Annotated[Path, typer.Option(help="Folder of this run.")],
    epochs: Annotated[int | None, typer.Option(min=1, help="Times through the pictures.")] = None,
    hours: Annotated[float | None, typer.Option(min=0, help="Stop after this long instead.")] = None,
    imgsz: Annotated[int | None, typer.Option(min=32, help="Input side in pixels.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Pictures per step.")] = None,
    lr: Annotated[float | None, typer.Option(min=0, help="Highest learning rate.")] = None,
    freeze: Annotated[int | None, typer.Option(min=0, help="Leading layers kept as they are.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything drawn at random.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that read pictures.")] = None,
) -> None:
    """Train a detector (extra `train`). Defaults are those of `models/train.py`, which has more settings."""
    from models.train import TrainSettings
    from models.train import train as run

    given = {
        "epochs": epochs,
        "hours": hours,
        "imgsz": imgsz,
        "batch": batch,
        "lr": lr,
        "freeze": freeze,
        "seed": seed,
        "workers": workers,
    }
    chosen: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    folder = run(TrainSettings(weights, data, out, **chosen))
    typer.echo(f"{folder}: done; next: `liftguard model export {folder}/weights/best.pt MODEL.onnx`")


def export(
    weights: Annotated[Path, typer.Argument(help="Trained .pt file, or an exported .onnx to quantise.")],
    target: Annotated[Path, typer.Argument(help="FP32 ONNX file to write.")],
    int8: Annotated[
        Path | None, typer.Option("--int8", help="Also write an INT8 model to this file.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Folder of training pictures to calibrate INT8 on.")
    ] = None,
    imgsz: Annotated[int, typer.Option(min=32, help="Input side in pixels, a multiple of 32.")] = 416,
    fixed: Annotated[bool, typer.Option("--fixed", help="Take only pictures of this side.")] = False,
    count: Annotated[int, typer.Option(min=1, help="Pictures to calibrate on.")] = 200,
    large: Annotated[
        bool, typer.Option("--large", help="Also write a file of more than 25 MB, which is not shipped.")
    ] = False,
) -> None:
    """Write ONNX, FP32 and with --int8 quantised (extra `train`), and print manifest entries for them."""
    from models.entry import as_toml, entry_of_file
    from models.export import export as write
    from models.quantize import quantise, spread
    from models.sets import picture_paths

    if int8 is not None and pictures is None:
        raise ConfigError("--int8 needs training pictures to calibrate on; give their folder with --pictures")
    shown = [] if pictures is None or int8 is None else spread(picture_paths(pictures), count)
    console = Console(stderr=True)
    with console.status("exporting"):
        write(weights, target, imgsz, fixed=fixed, large=large)
    typer.echo(as_toml(entry_of_file(target, imgsz)))
    if int8 is not None:
        with steps(console) as progress:
            quantise(target, int8, shown, imgsz, progress)
        typer.echo("\n" + as_toml(entry_of_file(int8, imgsz)))
    console.print(
        f"Not calibrated yet; next: `liftguard model calibrate {int8 or target} VALIDATION…"
        f"{'' if fixed else f' --imgsz {imgsz}'}`",
        soft_wrap=True,
    )


def card(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            help="Models of the manifest. Default: those whose name begins with the card's, else all.",
            metavar="[MODEL…]",
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the card.")] = "liftguard-n",
    folder: Annotated[
        Path | None, typer.Option(help="Where the card and its JSON lie. Default: beside the weights.")
    ] = None,
    validation: Annotated[
        list[Path] | None, typer.Option(help="Measure: validation set, or folder of sets. May be repeated.")
    ] = None,
    check: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIR[=CLASS]",
            help="Measure: a check set; =CLASS if every picture holds it and labels lack. May be repeated.",
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="manifest.json that `datasets.build` wrote.")] = None,
    resamples: Annotated[int, typer.Option(min=0, help="Bootstrap samples for intervals of AP.")] = 200,
    rounds: Annotated[int, typer.Option(min=1, help="Pictures timed per model and camera shape.")] = 60,
    config: ConfigOption = None,
) -> None:
    """Write the model card from NAME.json; with --validation measure first and write that file too."""
    from api.load import load_settings
    from models.card import write_card
    from models.manifest import load_manifest
    from models.measure import measure

    manifest = load_manifest(load_settings(config).detector.manifest)
    place = folder or manifest.weights_dir
    stored = place / f"{name}.json"
    if validation:
        known = [m.name for m in manifest.models]
        names = models or [n for n in known if n.startswith(name)] or known
        with steps(Console(stderr=True)) as progress:
            measured = measure(
                manifest,
                names,
                validation,
                [check_set(text) for text in check or ()],
                data=_read_json(data) if data else None,
                resamples=resamples,
                rounds=rounds,
                progress=progress,
            )
        place.mkdir(parents=True, exist_ok=True)
        stored.write_text(json.dumps(measured, indent=1, ensure_ascii=False) + "\n", "utf-8")
    elif not stored.is_file():
        raise ConfigError(f"no figures at {stored}; measure with --validation DIR (and --check DIR)")
    for path in write_card(_read_json(stored), place, name):
        typer.echo(path)


def check_set(text: str) -> Any:
    """A `models.measure.CheckSet` from ``DIR`` or ``DIR=CLASS``. Raises: ConfigError for an unknown class."""
    from models.measure import CheckSet

    path, _, name = text.partition("=")
    if name and name not in CLASS_NAMES:
        raise ConfigError(f"--check {text}: no class {name!r}; use one of {', '.join(CLASS_NAMES)}")
    folder = Path(path)
    label = folder.parent.name if folder.name == "images" else folder.name
    return CheckSet(label, folder, CLASS_NAMES.index(name) if name else None)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise ConfigError(
            f"cannot read {path} as JSON ({exc}); give the file that datasets.build wrote"
        ) from exc
    if not isinstance(found, dict):
        raise ConfigError(f"{path} holds {type(found).__name__}, not an object; give another file")
    return found
