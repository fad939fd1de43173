"""Paging through events shows each one exactly once, newest first, whatever the times and page sizes."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from api.records import Cursor, Event, NewEvent, new_event_id
from api.store import Store

T0 = datetime(2026, 3, 1, tzinfo=UTC)


def _event(offset: int) -> NewEvent:
    at = T0 + timedelta(microseconds=offset)
    return NewEvent(new_event_id(), "car-1", "car-1", "e_bike", "cabin", at, at, 0.9, "m", "0", "r", "v")


@settings(max_examples=25, deadline=None)
@given(
    # Few different times, so that many events share one; whole seconds too, where text forms differ.
    offsets=st.lists(st.sampled_from([0, 1, 2, 1_000_000, 1_000_001, 60_000_000]), max_size=24),
    late=st.lists(st.sampled_from([3, 2_000_000, 90_000_000]), max_size=4),
    limit=st.integers(1, 9),
)
def test_every_event_appears_once_and_in_order(offsets: list[int], late: list[int], limit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "events.db")
        store.migrate()
        first = [_event(o) for o in offsets]
        for event in first:
            store.start_event(event)

        seen: list[Event] = []
        cursor: Cursor | None = None
        added = False
        while True:
            page = store.events(limit, cursor)
            seen += page.events
            assert len(page.events) <= limit
            if page.next is None:
                break
            cursor = Cursor.decode(page.next.encode())
            assert cursor == page.next
            if not added:  # events that arrive while someone pages neither hide nor repeat older ones
                for event in map(_event, late):
                    store.start_event(event)
                added = True
        store.close()

    keys = [(e.started_at, e.id) for e in seen]
    assert keys == sorted(keys, reverse=True)
    assert len(keys) == len(set(keys))
    assert {e.id for e in first} <= {e.id for e in seen}
