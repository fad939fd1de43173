"""The `liftguard` command: what it can do, in one place. The work itself is done elsewhere.

Exit codes: 0 done; 1 done, but something in the input or the installation is not well; 2 wrong use, wrong
settings or another error of ours; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from api import cli_bench, cli_commission, cli_dataset, cli_evidence, cli_model, cli_simulate, cli_users
from vision.errors import LiftguardError

if TYPE_CHECKING:
    from api.settings import Settings

app = typer.Typer(
    name="liftguard",
    help="Keeps electric bicycles out of elevators. Start with `liftguard run`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
config_app = typer.Typer(help="Check, show and explain the settings.", no_args_is_help=True)
app.add_typer(config_app, name="config")
app.add_typer(cli_model.app, name="model")
app.add_typer(cli_users.app, name="user")
app.add_typer(cli_evidence.app, name="evidence")
app.add_typer(cli_dataset.app, name="dataset")
app.command()(cli_commission.commission)
app.command()(cli_simulate.simulate)
app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
)(cli_bench.bench)

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="Settings file (TOML). Default: $LIFTGUARD_CONFIG, ./liftguard.toml, /etc/liftguard/",
    ),
]
ModelOption = Annotated[
    str | None, typer.Option("--model", help="Model name in the manifest. Default: the manifest's default.")
]
SourceOption = Annotated[
    str | None,
    typer.Option(
        "--source",
        "-s",
        help="rtsp://…, a USB camera number, a clip, a folder or `sample`. Default: from the settings.",
    ),
]


class ShowFormat(StrEnum):
    """How `config show` writes."""

    TEXT = "text"
    JSON = "json"


def main() -> None:
    """Run the command; an error of ours ends with its message and code 2, never with a traceback."""
    try:
        app()
    except LiftguardError as exc:
        Console(stderr=True).print(
            f"[bold red]liftguard:[/] {escape(str(exc))}", highlight=False, soft_wrap=True, markup=True
        )
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _version(value: bool) -> None:
    if value:
        from api.about import version

        typer.echo(f"liftguard {version()}")
        raise typer.Exit


@app.callback()
def root(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Keeps electric bicycles out of elevators."""


@app.command()
def run(
    source: SourceOption = None,
    config: ConfigOption = None,
    host: Annotated[str | None, typer.Option(help="Address of the page.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the page.")] = None,
) -> None:
    """Run the main job: camera, relay and page. Ctrl-C stops it and lets the door go."""
    from api.load import load_settings
    from api.supervise import supervise

    overrides = _overrides(source, {"web.host": host, "web.port": port})
    sys.exit(supervise(load_settings(config, overrides=overrides), config, overrides))


@app.command()
def guard(source: SourceOption = None, config: ConfigOption = None) -> None:
    """Only cameras to relay, without the page (one of the two processes of `run`)."""
    from api.guard import run_guard
    from api.load import load_settings

    def read() -> Settings:
        return load_settings(config, overrides=_overrides(source, {}))

    sys.exit(run_guard(read(), read))


@app.command("let-go")
def let_go(config: ConfigOption = None) -> None:
    """Release every relay and leave: what the service does after guard has ended, however it ended."""
    from api.load import load_settings
    from api.relays import let_go_all

    sys.exit(let_go_all(load_settings(config)))


@app.command()
def web(
    config: ConfigOption = None,
    host: Annotated[str | None, typer.Option(help="Address of the page.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the page.")] = None,
) -> None:
    """Only the page and the API (the other process of `run`)."""
    from api.load import load_settings
    from api.web_main import run_web

    sys.exit(run_web(load_settings(config, overrides=_overrides(None, {"web.host": host, "web.port": port}))))


@app.command()
def detect(
    paths: Annotated[list[Path], typer.Argument(help="Pictures, or folders of pictures.", metavar="PATH…")],
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON line per picture (docs/formats.md).")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write copies with boxes drawn into this folder.")
    ] = None,
    conf: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=1.0, help="Show everything at least this sure. Default: the model's threshold."
        ),
    ] = None,
    model: ModelOption = None,
    config: ConfigOption = None,
) -> None:
    """Say what is in pictures. Exit code 1 if one could not be read."""
    from api.detect import run_detect
    from api.load import load_settings
    from api.main import build_detector

    settings = load_settings(config, overrides=_set({"detector.model": model}))
    detector = build_detector(settings)
    sys.exit(
        run_detect(
            paths,
            json_lines=as_json,
            out_dir=out,
            conf=conf,
            detector=detector,
            stdout=sys.stdout,
            progress=sys.stderr.isatty(),
        )
    )


@app.command()
def replay(
    path: Annotated[str, typer.Argument(help="A clip, a folder of pictures in time order, or `sample`.")],
    fps: Annotated[
        float | None,
        typer.Option(min=0.1, max=120, help="Pictures per second. Default: the clip's own; 10 for a folder."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON line per happening (docs/formats.md).")
    ] = False,
    model: ModelOption = None,
    config: ConfigOption = None,
) -> None:
    """Replay pictures through the whole pipeline on a simulated clock, as fast as it goes."""
    from api.load import load_settings
    from api.replay_command import run_replay

    settings = load_settings(config, overrides=_set({"detector.model": model}))
    sys.exit(
        run_replay(
            path, settings, fps=fps, json_lines=as_json, stdout=sys.stdout, progress=sys.stderr.isatty()
        )
    )


@app.command()
def doctor(
    source: SourceOption = None,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Check settings, model, cameras, relay, disk and port. Exit code 1 if something is not well."""
    from api.doctor import run_doctor

    sys.exit(run_doctor(config, overrides=_overrides(source, {}), as_json=as_json))


@config_app.command("check")
def config_check(config: ConfigOption = None) -> None:
    """Read the settings and say whether they are right."""
    from api.load import load_settings

    settings = load_settings(config)
    typer.echo(
        f"Settings are right: {len(settings.elevators)} elevator(s), "
        f"page at {settings.web.host}:{settings.web.port}."
    )


@config_app.command("show")
def config_show(
    config: ConfigOption = None,
    form: Annotated[ShowFormat, typer.Option("--format", help="text or json")] = ShowFormat.TEXT,
) -> None:
    """Show every setting in force. Passwords in camera addresses are left out."""
    from api.load import load_settings
    from api.show import settings_lines, shown_tree

    tree = shown_tree(load_settings(config))
    typer.echo(
        json.dumps(tree, indent=2, ensure_ascii=False)
        if form is ShowFormat.JSON
        else "\n".join(settings_lines(tree))
    )


@config_app.command("schema")
def config_schema() -> None:
    """Print the JSON schema of the settings: every key, its range, its default and what it means."""
    from api.settings import Settings

    typer.echo(json.dumps(Settings.model_json_schema(), indent=2, ensure_ascii=False))


def _set(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _overrides(source: str | None, more: dict[str, Any]) -> dict[str, Any]:
    return _set({"elevators.0.camera.source": source, **more})
