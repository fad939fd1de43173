"""From the settings to what accounts need of them."""

from __future__ import annotations

from datetime import timedelta

from api.accounts.service import Rules
from api.settings import Settings


def rules_of(settings: Settings) -> Rules:
    """Limits of sessions and of the audit trail, and the elevators of each estate."""
    web = settings.web
    estates: dict[str, frozenset[str]] = {}
    for elevator in settings.elevators:
        if elevator.estate:
            estates[elevator.estate] = estates.get(elevator.estate, frozenset()) | {elevator.id}
    return Rules(
        idle=timedelta(minutes=web.session_idle_minutes),
        lasts=timedelta(hours=web.session_hours),
        audit_days=web.audit_days,
        open_until_set_up=web.open_until_set_up,
        estates=estates,
        elevators={elevator.id: elevator.name for elevator in settings.elevators},
    )
