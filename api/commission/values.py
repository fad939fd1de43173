"""What one step of the acceptance test found, and what the whole of it says."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, TypeAlias

Language: TypeAlias = Literal["en", "zh"]
Verdict: TypeAlias = Literal["passed", "failed", "skipped", "not_fitted"]
"""skipped: the installer left it out, so it is still open. not_fitted: this installation does not have it."""
Acceptance: TypeAlias = Literal["accepted", "not_accepted", "trial"]
"""trial: the relay is simulated, so nothing was accepted whatever the steps say."""

STEPS: Final = (
    "declarations",
    "relay",
    "charge_pump",
    "inputs",
    "voice",
    "beacon",
    "camera",
    "zones",
    "empty_car",
    "e_bike",
    "harmless",
)
"""Every step in the order in which it is walked."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture for the report."""

    caption: str
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """One step: what was asked, measured and answered."""

    step: str  # one of `STEPS`
    verdict: Verdict
    facts: tuple[str, ...] = ()  # measured values and answers, one sentence each
    pictures: tuple[Picture, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Site:
    """Who did it, where, to what."""

    elevator_id: str
    elevator_name: str
    kind: str  # A or B
    building: str
    installer: str
    witness: str
    started_at: datetime  # UTC
    software: str
    model: str
    rules: str  # the rules in force, in words
    wiring: str  # the relay, in words
    simulated: bool


def verdict_of(answers: list[bool | None]) -> Verdict:
    """From a person's answers: one no fails, otherwise one that was not given leaves it open."""
    if any(answer is False for answer in answers):
        return "failed"
    return "skipped" if any(answer is None for answer in answers) else "passed"


def acceptance(site: Site, findings: tuple[Finding, ...]) -> Acceptance:
    """Accepted only when every step that this installation has was walked and passed."""
    if site.simulated:
        return "trial"
    walked = {finding.step for finding in findings}
    good = all(finding.verdict in {"passed", "not_fitted"} for finding in findings)
    return "accepted" if good and walked == set(STEPS) else "not_accepted"
