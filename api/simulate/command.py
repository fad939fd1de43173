"""The body of `liftguard simulate`: lists, plays as fast as it goes, or plays on the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from api.replay import json_line
from api.simulate.load import find, load, shipped
from api.simulate.play import Line, Play
from api.simulate.schema import Scenario
from api.simulate.sentences import sentence

Emit = Callable[[Line], None]


def list_scenarios(stdout: TextIO) -> None:
    """The scenarios that come with the product, with what each is about."""
    for name, path in shipped().items():
        scenario = load(path)
        minutes, seconds = divmod(round(scenario.length), 60)
        stdout.write(f"{name:<18} {minutes:>3}:{seconds:02}  {' '.join(scenario.about.split())}\n")


def emitter(stdout: TextIO, *, json_lines: bool) -> Emit:
    """Writes each line as it comes."""

    def emit(line: Line) -> None:
        stdout.write((json_line(line) if json_lines else sentence(line)) + "\n")
        stdout.flush()

    return emit


def play_fast(name: str, *, json_lines: bool, stdout: TextIO, progress: bool) -> int:
    """Play as fast as it goes, without pictures or page. Returns 0, or 1 if something was not as expected.

    Raises: ConfigError if the scenario is not right.
    """
    scenario = load(find(name))
    play = Play(scenario, emitter(stdout, json_lines=json_lines), draw=False)
    if progress:
        _with_bar(play, scenario)
    else:
        while not play.over:
            play.step()
    return 0 if play.finish() else 1


def _with_bar(play: Play, scenario: Scenario) -> None:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(scenario.name, total=scenario.length)
        while not play.over:
            play.step()
            bar.update(task, completed=play.now_s)
