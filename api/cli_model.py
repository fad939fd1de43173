"""`liftguard model`: which models there are, whether they are sound, how well they do on pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vision.errors import LiftguardError
from vision.types import CLASS_NAMES

app = typer.Typer(help="List, verify and evaluate models.", no_args_is_help=True)

ConfigOption = Annotated[Path | None, typer.Option("--config", "-c", help="Settings file (TOML).")]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


@app.command("list")
def list_models(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the models of the manifest."""
    from api.load import load_settings
    from models.manifest import load_manifest

    settings = load_settings(config)
    manifest = load_manifest(settings.detector.manifest)
    rows: list[dict[str, Any]] = [
        {
            "name": m.name,
            "default": m.default or len(manifest.models) == 1,
            "size_wh": list(m.size_wh),
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
    for column in ("name", "input", "classes", "e_bike counts from", "licence", "sha256"):
        table.add_column(column)
    for row in rows:
        name = f"[bold]{row['name']}[/] (default)" if row["default"] else row["name"]
        size = "x".join(map(str, row["size_wh"]))
        classes = ", ".join(row["classes"])
        table.add_row(
            name, size, classes, f"{row['operating_conf']['e_bike']:.2f}", row["licence"], row["sha256"][:12]
        )
    Console().print(table)


@app.command()
def verify(config: ConfigOption = None) -> None:
    """Check hash, shapes and classes of every model and run each once. Exit code 1 if one is not sound."""
    from api.load import load_settings
    from models.detector import OnnxDetector
    from models.manifest import load_manifest

    settings = load_settings(config)
    manifest = load_manifest(settings.detector.manifest)
    bad = 0
    for entry in manifest.models:
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
