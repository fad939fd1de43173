"""The acceptance report: one HTML file with nothing from elsewhere, to read, print and sign as a whole."""

from __future__ import annotations

import base64
from datetime import UTC
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.commission.values import Finding, Site, acceptance
from api.commission.words import Words

TEMPLATES: Final = Path(__file__).parent


def render(site: Site, findings: tuple[Finding, ...], words: Words, fingerprint: str) -> bytes:
    """The report as UTF-8, ready to be signed."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    local = site.started_at.astimezone()
    when = f"{site.started_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if local.utcoffset():
        when = f"{local:%Y-%m-%d %H:%M %z} ({when})"
    return (
        environment.get_template("report.html")
        .render(
            site=site,
            findings=findings,
            words=words,
            result=acceptance(site, findings),
            open_steps=[f for f in findings if f.verdict in {"failed", "skipped"}],
            when=when,
            fingerprint=fingerprint,
            embed=_embed,
        )
        .encode()
    )


def _embed(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
