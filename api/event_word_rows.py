"""What the index of words keeps of its events beside their words, so that a search need not look each up."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import update
from sqlalchemy.orm import Session

from api.tables import EventRow, EventWordRow

COPIED: Final = ("elevator_id", "class_name", "outcome", "duration_s", "verdict", "locked")
"""Columns of an event that its words carry too: all that a search can ask for."""


def copied(row: EventRow) -> dict[str, Any]:
    """What a word of this event is stored with."""
    return {name: getattr(row, name) for name in COPIED}


def keep_words(session: Session, row: EventRow) -> None:
    """Bring the words of an event up to what it now says. Call it with every change of `COPIED`."""
    session.execute(
        update(EventWordRow).where(EventWordRow.event_id == row.id).values(**copied(row)),
        execution_options={"synchronize_session": False},
    )
