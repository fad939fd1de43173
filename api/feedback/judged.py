"""Finding the events that people have judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from api.event_search import MAX_PAGE, EventFilter
from api.records import Cursor, Event, EventPage


class Finds(Protocol):
    """What is asked of the store."""

    def search(  # noqa: D102
        self, wanted: EventFilter, limit: int = 50, cursor: Cursor | None = None
    ) -> EventPage: ...


def judged(
    store: Finds, wanted: EventFilter, verdicts: Iterable[str], limit: int | None = None
) -> list[Event]:
    """The newest ``limit`` events (None: all) with one of the verdicts that ``wanted`` lets through.

    Newest first. Raises: StorageError.
    """
    found: list[Event] = []
    for verdict in sorted(set(verdicts)):
        of_one: list[Event] = []
        cursor: Cursor | None = None
        while limit is None or len(of_one) < limit:
            page = store.search(replace(wanted, verdict=verdict), MAX_PAGE, cursor)
            of_one += page.events
            cursor = page.next
            if cursor is None:
                break
        found += of_one
    found.sort(key=lambda event: (event.started_at, event.id), reverse=True)
    return found if limit is None else found[:limit]
