"""What people say of events: verdict, note, labels, lock. Nobody overwrites what another has just written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from api.change_store import note_change
from api.event_search import EventSearch
from api.event_word_rows import copied, keep_words
from api.event_words import event_words
from api.records import Event, Review
from api.tables import EventRow, EventWordRow
from vision.errors import ConflictError

Change = Callable[[Review], Review]


def review_of(event: Event) -> Review:
    """What has been said of an event."""
    return Review(
        verdict=event.verdict,  # type: ignore[arg-type]  # the column holds what `Review` let in
        verdict_reason=event.verdict_reason,  # type: ignore[arg-type]
        note=event.note,
        labels=event.labels,
        locked=event.locked,
    )


class ReviewStore(EventSearch):
    """The part of the store that keeps reviews."""

    def review(
        self, event_id: str, change: Change, *, by: str, at: datetime, version: int | None = None
    ) -> Event | None:
        """Change what is said of an event. Returns: the event after it, or None: there is no such event.

        Args: change: takes what is said now, gives what shall be said; no input or output in it. by: id of
        the actor. version: the ``review_version`` that the change rests on; None: whatever is there.
        Raises: ConflictError if the event has another version by now.
        """
        with self._writing("store a review") as session:
            row = session.get(EventRow, event_id, with_for_update=True)
            if row is None:
                return None
            if version is not None and row.review_version != version:
                raise ConflictError(
                    f"event {event_id} was reviewed by {row.reviewed_by} meanwhile (version "
                    f"{row.review_version}, not {version}); read it again"
                )
            _apply(session, row, change, by, at)
        return self.event(event_id)

    def review_many(
        self, event_ids: Iterable[str], change: Change, *, by: str, at: datetime
    ) -> tuple[str, ...]:
        """Change what is said of several events, all in one transaction. Returns: ids that there are."""
        done = []
        with self._writing("store reviews") as session:
            for event_id in dict.fromkeys(event_ids):
                row = session.get(EventRow, event_id, with_for_update=True)
                if row is not None:
                    _apply(session, row, change, by, at)
                    done.append(event_id)
        return tuple(done)


def _apply(session: Session, row: EventRow, change: Change, by: str, at: datetime) -> None:
    before = Review(row.verdict, row.verdict_reason, row.note, tuple(row.labels), row.locked)  # type: ignore[arg-type]
    after = change(before)
    if after == before:
        return
    row.verdict, row.verdict_reason = after.verdict, after.verdict_reason
    row.note, row.labels, row.locked = after.note, list(after.labels), after.locked
    row.reviewed_by, row.reviewed_at = by, at
    row.review_version += 1
    note_change(session, "event.reviewed", at, row.elevator_id, row.id)
    if (after.note, after.labels) == (before.note, before.labels):
        keep_words(session, row)
        return
    session.execute(delete(EventWordRow).where(EventWordRow.event_id == row.id))
    for word in sorted(event_words(after.note, after.labels)):
        session.add(EventWordRow(word=word, started_at=row.started_at, event_id=row.id, **copied(row)))
