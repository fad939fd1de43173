"""`liftguard simulate`: what it takes from the command line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def simulate(
    scenario: Annotated[
        str | None,
        typer.Argument(help="A scenario file (YAML, docs/simulate.md), or the name of one that is shipped."),
    ] = None,
    list_them: Annotated[bool, typer.Option("--list", help="List the shipped scenarios and leave.")] = False,
    fast: Annotated[
        bool, typer.Option("--fast", help="As fast as it goes, on a simulated clock, without the page.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON line per happening (docs/formats.md).")
    ] = False,
    speed: Annotated[
        float, typer.Option(min=0.1, max=20.0, help="On the page: so many times as fast as real time.")
    ] = 1.0,
    host: Annotated[str | None, typer.Option(help="Address of the page.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the page.")] = None,
    stay: Annotated[bool, typer.Option("--stay", help="Keep the page after the end, until Ctrl-C.")] = False,
) -> None:
    """Play a day at a simulated elevator: people, e-bikes, fire recall, failures. Needs no camera or relay.

    Shows the door on the page in real time, or with --fast plays it at once.

    Exit code 1: a promise was broken, or the scenario did not come to what it expects.
    """
    from api.simulate.command import emitter, list_scenarios, play_fast
    from api.simulate.load import find, load
    from vision.errors import ConfigError

    if list_them:
        list_scenarios(sys.stdout)
        return
    if scenario is None:
        raise ConfigError("say which scenario: a file, or one of `liftguard simulate --list`")
    if fast:
        sys.exit(play_fast(scenario, json_lines=as_json, stdout=sys.stdout, progress=sys.stderr.isatty()))
    from api.simulate.live import play_live

    emit = emitter(sys.stdout, json_lines=as_json)
    sys.exit(play_live(load(find(scenario)), emit, speed=speed, host=host, port=port, stay=stay))
