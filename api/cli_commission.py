"""`liftguard commission`: the acceptance test at the elevator, and looking whether its report was changed."""

from __future__ import annotations

import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from vision.errors import ConfigError


class ReportLanguage(StrEnum):
    """The language of the questions and of the report."""

    EN = "en"
    ZH = "zh"


def commission(
    elevator: Annotated[
        str | None,
        typer.Option("--elevator", "-e", help="Id of the elevator. Needed where there are several."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", "-o", help="File to write. Default: commission-<elevator>-<time>.html here."
        ),
    ] = None,
    language: Annotated[
        ReportLanguage, typer.Option(help="Of the questions and the report.")
    ] = ReportLanguage.EN,
    verify: Annotated[
        Path | None, typer.Option("--verify", help="Only look whether this report was changed after signing.")
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="Settings file (TOML).")] = None,
) -> None:
    """Acceptance test at the elevator: relay, charge pump, inputs, voice, camera, zones, an e-bike.

    Stop guard first: the test needs the relay for itself.

    It asks, tries, measures, and writes a signed report (HTML).

    Exit code 0: accepted; 1: not accepted, or a report that was changed.
    """
    from api.commission.signature import check_file

    if verify is not None:
        checked = check_file(verify)
        key = f" Key: {checked.fingerprint}" if checked.fingerprint else ""
        typer.echo(f"{verify}: {checked.said}.{key}")
        raise typer.Exit(0 if checked.good else 1)

    from api.commission.equipment import choose, equipment
    from api.commission.person import Terminal
    from api.commission.values import acceptance
    from api.commission.walk import report_path, site_of, walk, write_report
    from api.commission.words import Words
    from api.load import load_settings

    if not sys.stdin.isatty():
        raise ConfigError("the acceptance test asks a person: run it in a terminal (over SSH use `ssh -t`)")
    settings = load_settings(config)
    words, console = Words(language.value), Console(highlight=False)
    person = Terminal(words, console, clock=time.monotonic, pause=time.sleep)
    chosen = choose(settings, elevator)
    with equipment(settings, chosen) as opened:
        site = site_of(opened, person, words)
        findings = walk(opened, person, words)
    path = report or report_path(site)
    key = write_report(path, site, findings, words, settings.data_dir)
    result = acceptance(site, findings)
    for finding in findings:
        console.print(f"  {words(finding.step)}: [bold]{words(finding.verdict)}[/]")
    console.print(f"[bold]{words(result)}[/]")
    console.print(words("written", path=path, key=key), soft_wrap=True)
    raise typer.Exit(0 if result == "accepted" else 1)
