"""The body of `liftguard replay`: opens the pictures, runs `api.replay`, prints lines or sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from api.main import build_detector, build_perceiver, build_rules
from api.replay import Replay, json_line
from api.settings import Settings
from vision.sources import ReplayFrames, iter_frames
from vision.types import Frame

_SAID: Final = {
    "started": "E-BIKE confirmed, event {number} (score {score})",
    "escalated": "event {number} escalated: the e-bike did not leave",
    "ended": "event {number} over: {outcome}",
}


def run_replay(
    path: str, settings: Settings, *, fps: float | None, json_lines: bool, stdout: TextIO, progress: bool
) -> int:
    """Replay ``path`` with the first elevator's zones and rules.

    Args: fps: None for a clip's own times, 10 for a folder. progress: show a bar on stderr.
    Returns: 0, or 1 if pictures were left out because they cannot be read.
    Raises: SourceError, ModelError, ConfigError.
    """
    frames = iter_frames(path, fps)
    detector = build_detector(settings)
    elevator = settings.elevators[0]

    def emit(line: dict[str, Any]) -> None:
        text = json_line(line) if json_lines else sentence(line)
        stdout.write(text + "\n")
        stdout.flush()

    replay = Replay(build_perceiver(settings, elevator, detector), build_rules(elevator), emit)
    summary = replay.run(_with_bar(frames) if progress else frames)
    emit(summary.line(skipped=frames.skipped, model=detector.name, model_sha256=detector.sha256))
    return 1 if frames.skipped else 0


def sentence(line: dict[str, Any]) -> str:
    """A line of the contract as a person would read it."""
    if line["type"] == "phase":
        return f"{_when(line)}{line['before']} → {line['after']} ({line['reason']})"
    if line["type"] == "event":
        return _when(line) + _SAID[line["event"]].format(**line)
    skipped = f", {line['skipped']} unreadable left out" if line["skipped"] else ""
    return (
        f"{line['frames']} frames ({line['duration_s']:.1f} s), {line['inferred']} inferred{skipped}: "
        f"{line['events']} event(s), door held {line['hold_s']:.1f} s, "
        f"{line['false_pre_holds']} false pre-hold(s); model {line['model']}"
    )


def _when(line: dict[str, Any]) -> str:
    return f"{line['t_s']:9.2f} s  frame {line['frame']:>5}  "


def _with_bar(frames: ReplayFrames) -> Iterator[Frame]:
    columns = (
        SpinnerColumn(),
        TextColumn("replaying"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("replay", total=frames.total)
        yield from _counted(frames, lambda: bar.advance(task))


def _counted(frames: Iterable[Frame], advance: Any) -> Iterator[Frame]:
    for frame in frames:
        yield frame
        advance()
