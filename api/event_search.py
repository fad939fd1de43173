"""Reading events: one, or a page of those that a filter lets through, in either direction."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from api.event_words import Term, after_prefix, id_range, label_word, terms
from api.records import Cursor, Event, EventPage
from api.store_base import StoreBase
from api.tables import EventRow, EventWordRow

MAX_PAGE: Final = 200
_EVENT_FIELDS: Final = tuple(f.name for f in fields(Event))


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events. None and False let all through; what is given must hold together."""

    since: datetime | None = None  # started_at, inclusive
    until: datetime | None = None  # exclusive
    elevator_id: str | None = None
    elevators: frozenset[str] | None = None  # only these: what the asker may see
    class_name: str | None = None
    outcome: str | None = None  # one of `OUTCOMES`, or "open"
    min_duration_s: float | None = None  # of an event that has ended
    max_duration_s: float | None = None
    label: str | None = None
    verdict: str | None = None  # one of `VERDICTS`, or "none"
    locked: bool | None = None
    text: str | None = None  # words of note and labels, or the beginning of an id


class EventSearch(StoreBase):
    """The part of the store that finds events."""

    def events(
        self,
        limit: int = 50,
        before: Cursor | None = None,
        *,
        elevator_id: str | None = None,
        outcome: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> EventPage:
        """A page of events, newest first; see `search`, which knows more filters."""
        wanted = EventFilter(since=since, until=until, elevator_id=elevator_id, outcome=outcome)
        return self.search(wanted, limit, before)

    def search(self, wanted: EventFilter, limit: int = 50, cursor: Cursor | None = None) -> EventPage:
        """A page of the events that ``wanted`` lets through, newest first.

        Args: limit: 1 to 200. cursor: ``next`` or ``previous`` of another page with the same filter.
        """
        if not 1 <= limit <= MAX_PAGE:
            raise ValueError(f"limit must be 1 to {MAX_PAGE}; got {limit}")
        newer = cursor is not None and cursor.newer
        with self._reading("list events") as session:
            query = _page(session, wanted, cursor)
            order = (EventRow.started_at, EventRow.id)
            query = query.order_by(*(order if newer else (column.desc() for column in order)))
            found = [event_of(row) for row in session.scalars(query.limit(limit + 1))]
        more = len(found) > limit
        page = found[:limit]
        if newer:
            page.reverse()
        if not page:
            return EventPage((), None)
        older = Cursor(page[-1].started_at, page[-1].id)
        later = Cursor(page[0].started_at, page[0].id, newer=True)
        if newer:
            return EventPage(tuple(page), older, later if more else None)
        return EventPage(tuple(page), older if more else None, later if cursor is not None else None)

    def event(self, event_id: str) -> Event | None:
        """One event, or None if there is no such event."""
        with self._reading("read an event") as session:
            row = session.get(EventRow, event_id)
            return None if row is None else event_of(row)


def event_of(row: EventRow) -> Event:
    """The event of a row, as a value."""
    event = Event(**{name: getattr(row, name) for name in _EVENT_FIELDS})
    return replace(event, labels=tuple(row.labels))


def _page(session: Session, wanted: EventFilter, cursor: Cursor | None) -> Select[EventRow]:
    query = select(EventRow).where(*_plain(wanted))
    if wanted.text is not None and (ids := id_range(wanted.text)) is not None:
        query = query.where(EventRow.id >= ids[0], EventRow.id < ids[1])
        asked: list[Term] = []
    else:
        asked = list(terms(wanted.text or ""))
    if wanted.label is not None:
        asked.append(Term(label_word(wanted.label)))
    for term in _rarest_first(session, asked):
        word = aliased(EventWordRow)
        query = query.where(
            exists().where(
                word.event_id == EventRow.id, word.started_at == EventRow.started_at, _is(word, term)
            )
        )
    if cursor is not None:
        at, id_ = cursor.started_at, cursor.id
        if cursor.newer:
            beyond = and_(EventRow.started_at == at, EventRow.id > id_)
            query = query.where(EventRow.started_at >= at, or_(EventRow.started_at > at, beyond))
        else:
            beyond = and_(EventRow.started_at == at, EventRow.id < id_)
            query = query.where(EventRow.started_at <= at, or_(EventRow.started_at < at, beyond))
    return query


def _plain(wanted: EventFilter) -> list[ColumnElement[bool]]:
    """The conditions on the columns of events themselves."""
    found: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        found.append(EventRow.started_at >= wanted.since)
    if wanted.until is not None:
        found.append(EventRow.started_at < wanted.until)
    if wanted.elevator_id is not None:
        found.append(EventRow.elevator_id == wanted.elevator_id)
    if wanted.elevators is not None:
        found.append(EventRow.elevator_id.in_(sorted(wanted.elevators)))
    if wanted.class_name is not None:
        found.append(EventRow.class_name == wanted.class_name)
    if wanted.outcome is not None:
        is_open = wanted.outcome == "open"
        found.append(EventRow.ended_at.is_(None) if is_open else EventRow.outcome == wanted.outcome)
    if wanted.min_duration_s is not None:
        found.append(EventRow.duration_s >= wanted.min_duration_s)
    if wanted.max_duration_s is not None:
        found.append(EventRow.duration_s <= wanted.max_duration_s)
    if wanted.verdict is not None:
        none = wanted.verdict == "none"
        found.append(EventRow.verdict.is_(None) if none else EventRow.verdict == wanted.verdict)
    if wanted.locked is not None:
        found.append(EventRow.locked.is_(wanted.locked))
    return found


def _is(word: Any, term: Term) -> ColumnElement[bool]:
    if not term.prefix:
        return and_(word.word == term.word)
    return and_(word.word >= term.word, word.word < after_prefix(term.word))


FEW: Final = 2_000


def _rarest_first(session: Session, asked: list[Term]) -> list[Term]:
    """The order in which to look: a word that few events have leads to few events."""
    if len(asked) < 2:
        return asked

    def count(term: Term) -> int:
        some = select(EventWordRow.event_id).where(_is(EventWordRow, term)).limit(FEW).subquery()
        return session.scalar(select(func.count()).select_from(some)) or 0

    return sorted(asked, key=count)
