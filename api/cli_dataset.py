"""`liftguard dataset`: pictures of this building that the next model learns from."""

from __future__ import annotations

import getpass
from collections import Counter
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from api.cli_progress import steps
from vision.errors import ConfigError

if TYPE_CHECKING:
    from api.feedback.export import Cover
    from api.settings import Settings

app = typer.Typer(
    help="Make training sets from what people judged, and from recordings.", no_args_is_help=True
)

OriginalsOption = Annotated[
    bool | None,
    typer.Option(
        "--originals/--blurred",
        help="As the camera saw it, or with heads covered (also hides riders' arms: a weaker lesson). "
        "One must be said.",
    ),
]


class Judged(StrEnum):
    """Verdicts that can be exported."""

    CONFIRMED = "confirmed"
    FALSE_ALARM = "false_alarm"
    UNSURE = "unsure"


@app.command("export-feedback")
def export_feedback(
    out: Annotated[Path, typer.Argument(help="The folder to make; it must not exist yet.")],
    since: Annotated[
        str | None, typer.Option(help="First day or moment (ISO 8601, this box's zone unless it names one).")
    ] = None,
    until: Annotated[str | None, typer.Option(help="End, not included: 2026-04-01 ends with March.")] = None,
    elevator: Annotated[
        list[str] | None, typer.Option(help="Only this elevator; may be given several times.")
    ] = None,
    verdict: Annotated[
        list[Judged] | None,
        typer.Option(help="Only this verdict; may be repeated. Default: confirmed and false_alarm."),
    ] = None,
    originals: OriginalsOption = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most this many events, the newest.")] = None,
    per_event: Annotated[
        int, typer.Option(min=1, max=100, help="At most this many pictures of an event.")
    ] = 6,
    gap_s: Annotated[
        float, typer.Option("--gap", min=0.0, max=3600.0, help="Seconds between pictures of an event.")
    ] = 1.0,
    val_share: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Share of the days that is kept to measure with.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(help="Which days are kept; leave it, or sets cannot be compared.")] = 0,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="Settings file (TOML).")] = None,
) -> None:
    """Turn judged events into a training set (docs/feedback.md). Who did is noted per event.

    Exit code 1 if evidence was missing, damaged or unreadable; the rest is exported.
    """
    from api.accounts.audit_store import AuditTrail
    from api.accounts.who import Actor, Right
    from api.event_search import EventFilter
    from api.evidence.folder import EvidenceFolder
    from api.feedback.export import FeedbackOrder
    from api.feedback.export import export_feedback as write
    from api.feedback.judged import judged
    from api.load import load_settings
    from api.store import Store
    from api.times import utc_now
    from api.whole_folder import refuse_existing

    as_filmed = _said(originals)
    refuse_existing(out)
    verdicts = [v.value for v in verdict or (Judged.CONFIRMED, Judged.FALSE_ALARM)]
    wanted = EventFilter(
        since=_moment("--since", since),
        until=_moment("--until", until),
        elevators=frozenset(elevator) if elevator else None,
    )
    settings = load_settings(config)
    store = Store(settings.store_url)
    console = Console(stderr=True)
    try:
        store.migrate()
        events = judged(store, wanted, verdicts, limit)
        if not events:
            raise ConfigError(
                f"{store.where} has no event judged {' or '.join(verdicts)} in what was asked for; "
                "review some events on the page first, or ask for more"
            )
        user = getpass.getuser()
        actor = Actor(f"cli:{user}", f"{user} at the command line of this box", frozenset(Right))
        trail = AuditTrail(store, utc_now)
        detail = f"{'originals' if as_filmed else 'heads covered'}, into a training set, at the command line"
        order = FeedbackOrder(
            events,
            actor,
            utc_now(),
            None if as_filmed else _cover(settings),
            per_event=per_event,
            gap_s=gap_s,
            val_share=val_share,
            seed=seed,
            asked={
                "since": None if wanted.since is None else wanted.since.isoformat(),
                "until": None if wanted.until is None else wanted.until.isoformat(),
                "elevators": sorted(elevator or []),
                "verdicts": sorted(set(verdicts)),
                "limit": limit,
            },
        )
        with steps(console) as progress:
            report = write(
                store,
                order,
                EvidenceFolder(settings.evidence_dir).open,
                out,
                note=lambda event: trail.note(actor, "evidence.export_feedback", event.id, detail),
                progress=lambda done, total: progress("exporting events", done, total),
            )
    finally:
        store.close()
    for kind, count in sorted(Counter(one.why for one in report.left_out).items()):
        typer.echo(f"left out, {kind}: {count} (manifest.json says which)")
    sets = ", ".join(f"{count} in {name}" for name, count in report.pictures.items())
    typer.echo(f"{out}: {report.events} of {len(events)} event(s), pictures: {sets}; {report.boxes} box(es)")
    if "train" not in report.pictures or "val" not in report.pictures:
        typer.echo(
            "all days fell on one side, so either learning or measuring has no pictures; judge more days"
        )
    raise typer.Exit(0 if report.ok else 1)


@app.command("from-recordings")
def from_recordings(
    out: Annotated[Path, typer.Argument(help="The folder to make; it must not exist yet.")],
    recordings: Annotated[
        list[str], typer.Argument(help="Video files, or folders of pictures.", metavar="RECORDING…")
    ],
    originals: OriginalsOption = None,
    every_s: Annotated[
        float, typer.Option("--every", min=0.0, max=3600.0, help="Seconds between pictures, at least.")
    ] = 0.5,
    most: Annotated[
        int, typer.Option(min=1, max=2000, help="At most this many pictures of a recording, spread over it.")
    ] = 100,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="Settings file (TOML).")] = None,
) -> None:
    """Take the pictures that differ out of recordings, with the model's boxes for a person to correct.

    This is how a model learns the vehicles that it missed. Exit code 1 if a recording could not be read; the
    rest is taken.
    """
    from api.collect import CollectOrder, collect
    from api.load import load_settings
    from api.main import build_detector

    as_filmed = _said(originals)
    settings = load_settings(config)
    cover = None if as_filmed else _cover(settings)
    order = CollectOrder(recordings, build_detector(settings), cover, every_s=every_s, most=most)
    with steps(Console(stderr=True)) as progress:
        told = collect(order, out, progress=progress)
    for name, why in told.unreadable.items():
        typer.echo(f"left out, {name}: {why}")
    boxes = ", ".join(f"{count} {name}" for name, count in sorted(told.boxes.items())) or "none"
    typer.echo(
        f"{out}: {sum(told.pictures.values())} pictures of {len(told.pictures)} recording(s); boxes: {boxes}"
    )
    typer.echo(
        "The boxes are the model's own. Correct them in a YOLO labelling tool, above all where a vehicle has "
        "none; then add the folder to a training set (docs/feedback.md)."
    )
    raise typer.Exit(1 if told.unreadable else 0)


def _said(originals: bool | None) -> bool:
    """Raises: ConfigError if it was not said whether people may be recognised."""
    if originals is None:
        raise ConfigError(
            "say --originals (as the camera saw it, people can be recognised: keep the set private) "
            "or --blurred (heads covered, a weaker lesson)"
        )
    return originals


def _moment(option: str, text: str | None) -> datetime | None:
    """A day or a moment; without an offset in the zone of this box."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as exc:
        raise ConfigError(
            f"{option} {text}: not a day or a moment; write 2026-03-01 or 2026-03-01T18:00"
        ) from exc


def _cover(settings: Settings) -> Cover:
    """Covers heads with the model that finds them best, which may be another than the one that runs.

    Raises: ModelError.
    """
    from api.main import build_head_detector
    from api.privacy.heads import FOUND_CONF, cover, regions
    from vision.types import Image

    detector = build_head_detector(settings)

    def covered(image: Image) -> Image:
        height, width = image.shape[:2]
        return cover(image, regions(detector.detect(image, FOUND_CONF), (width, height)))

    return covered
