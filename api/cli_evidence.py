"""`liftguard evidence`: whether it is all what it was, and taking it away."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from vision.errors import ConfigError, EvidenceError

app = typer.Typer(help="Verify evidence files, or export them.", no_args_is_help=True)

ConfigOption = Annotated[Path | None, typer.Option("--config", "-c", help="Settings file (TOML).")]


@app.command()
def verify(
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object (docs/formats.md).")] = False,
    head: Annotated[
        str | None,
        typer.Option(help="A head noted earlier (from this command or an export): it must be in the chain."),
    ] = None,
    contents: Annotated[
        bool, typer.Option(help="--no-contents: the chain and the rows only, not every byte.")
    ] = True,
) -> None:
    """Check the chain over all evidence and every file against it. Exit code 1 if something was changed."""
    from api.evidence.folder import EvidenceFolder
    from api.evidence.verify import report_json
    from api.evidence.verify import verify as look
    from api.load import load_settings
    from api.store import Store

    settings = load_settings(config)
    store = Store(settings.store_url)
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    try:
        with bar:
            task = bar.add_task("Reading evidence", total=None)
            report = look(
                store,
                EvidenceFolder(settings.evidence_dir),
                head=head,
                contents=contents,
                progress=lambda done, total: bar.update(task, completed=done, total=max(done, total)),
            )
    finally:
        store.close()
    if as_json:
        typer.echo(report_json(report))
    else:
        if not report.links:
            typer.echo(f"nothing has been stored yet in {store.where}")
        for trouble in report.troubles:
            typer.echo(f"{trouble.kind}: {trouble.where}: {trouble.what}")
        typer.echo(
            f"{report.links} links, {report.files} files, {report.checked_files} of them read "
            f"({report.checked_bytes / 1e6:.1f} MB): "
            + (f"{len(report.troubles)} trouble(s)" if report.troubles else "all is as it was")
        )
        typer.echo(f"head of the chain: {report.head}")
    raise typer.Exit(1 if report.troubles else 0)


@app.command()
def export(
    events: Annotated[list[str], typer.Argument(help="Ids of events.", metavar="EVENT…")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The zip to write; it must not exist yet.")],
    config: ConfigOption = None,
) -> None:
    """Write the evidence of events, as the cameras saw it, into a zip with a manifest. Who did is noted."""
    from api.accounts.audit_store import AuditTrail
    from api.accounts.who import Actor, Right
    from api.evidence.export import Order
    from api.evidence.export import export as pieces
    from api.evidence.folder import EvidenceFolder
    from api.load import load_settings
    from api.store import Store
    from api.times import utc_now

    settings = load_settings(config)
    store = Store(settings.store_url)
    part = out.with_name(f".{out.name}.part")
    try:
        store.migrate()
        found = []
        for event_id in dict.fromkeys(events):
            event = store.event(event_id)
            if event is None:
                raise ConfigError(f"there is no event {event_id!r} in {store.where}")
            found.append(event)
        user = getpass.getuser()
        actor = Actor(f"cli:{user}", f"{user} at the command line of this box", frozenset(Right))
        trail = AuditTrail(store, utc_now)
        for event in found:
            trail.note(actor, "evidence.export", event.id, "originals, at the command line")
        order = Order(found, actor, utc_now(), originals=True)
        folder = EvidenceFolder(settings.evidence_dir)
        if out.exists():
            raise ConfigError(f"{out} exists already; choose another name with --out")
        total = sum(
            f.size_bytes for e in found for f in store.files(e.id) if f.state in {"stored", "repaired"}
        )
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file, Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("Exporting", total=max(total, 1))
            for piece in pieces(store, order, folder.open):
                file.write(piece)
                bar.advance(task, len(piece))
            file.flush()
            os.fsync(file.fileno())
        part.rename(out)
    except OSError as exc:
        part.unlink(missing_ok=True)
        if isinstance(exc, EvidenceError):
            Console(stderr=True).print(f"[bold red]liftguard:[/] {escape(str(exc))}", soft_wrap=True)
            sys.exit(1)
        raise EvidenceError(f"{out} cannot be written: {exc}; is there room?") from exc
    finally:
        store.close()
    typer.echo(f"{out}: {len(found)} event(s)")
