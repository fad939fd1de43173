"""Reading events: one, or a page of those that a filter lets through, in either direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from api.event_words import id_range, label_word, terms
from api.records import Cursor, Event, EventPage
from api.store_base import StoreBase
from api.tables import EventRow, EventWordRow

MAX_PAGE: Final = 200
_EVENT_FIELDS: Final = tuple(f.name for f in fields(Event))
_COLUMNS: Final = tuple(EventRow.__table__.c[name] for name in _EVENT_FIELDS)
_LABELS: Final = _EVENT_FIELDS.index("labels")


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
            rows = () if query is None else session.execute(query.limit(limit + 1))
            found = [_event_of_values(row) for row in rows]
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


def _event_of_values(values: Sequence[Any]) -> Event:
    """The event of `_COLUMNS`: a third of the time that the session's own objects take, which may change."""
    given = list(values)
    given[_LABELS] = tuple(given[_LABELS])
    return Event(*given)


def _page(session: Session, wanted: EventFilter, cursor: Cursor | None) -> Select[Any] | None:
    """The question, in order. None: nothing can be found."""
    asked = [] if wanted.label is None else [label_word(wanted.label)]
    ids = None if wanted.text is None else id_range(wanted.text)
    asked += terms(wanted.text or "") if ids is None else []
    sqlite = session.get_bind().dialect.name == "sqlite"
    # PostgreSQL keeps statistics of values; only where words come in does it not know what leads to few.
    columns = _columns(wanted) if sqlite or asked else {}
    counted = _counted(session, [*([EventWordRow.word == word] for word in asked), *columns.values()])
    words = dict(zip(asked, counted, strict=False))
    counts = dict(zip(columns, counted[len(asked) :], strict=True))
    if 0 in words.values():
        return None
    only = _best_column(counts, wanted)
    rarest = min(words, key=words.__getitem__, default=None)
    if rarest is not None and words[rarest] >= FEW > min(counts.values(), default=FEW):
        rarest = None  # the column leads to fewer
    if rarest is None:
        at, id_ = _walked(EventRow.started_at, "started_at", only if sqlite else None), EventRow.id
        query = select(*_COLUMNS).where(*_plain(EventRow, wanted, only if sqlite else None))
    else:  # the index of words has them in order of time, and knows the columns too
        at, id_ = EventWordRow.started_at, EventWordRow.event_id
        query = select(*_COLUMNS).join(EventWordRow, EventWordRow.event_id == EventRow.id)
        query = query.where(EventWordRow.word == rarest, *_plain(EventWordRow, wanted, None))
    if ids is not None:
        query = query.where(id_ >= ids[0], id_ < ids[1])
    for word in sorted(set(asked) - {rarest}):
        other = EventWordRow.__table__.alias().c
        same = (other.started_at == at, other.event_id == id_)  # as the leading word has them
        found = select(literal(1)).where(other.word == word, *same, *_from_cursor(other.started_at, cursor))
        # OFFSET 0: PostgreSQL then asks for each of the few, and does not walk all that have the word.
        query = query.where((found if rarest is not None else found.offset(0)).exists())
    newer = cursor is not None and cursor.newer
    if cursor is not None:
        beyond = id_ > cursor.id if newer else id_ < cursor.id
        later = at > cursor.started_at if newer else at < cursor.started_at
        query = query.where(*_from_cursor(at, cursor), or_(later, and_(at == cursor.started_at, beyond)))
    return query.order_by(at, id_) if newer else query.order_by(at.desc(), id_.desc())


def _plain(
    table: type[EventRow] | type[EventWordRow], wanted: EventFilter, only: str | None
) -> list[ColumnElement[bool]]:
    """The conditions on an event's own columns; of ``table`` the index of column ``only`` is to be walked."""

    def of(name: str) -> Any:
        return _walked(getattr(table, name), name, only)

    found = _between(of("started_at"), wanted)
    for name in ("elevator_id", "class_name"):
        if (value := getattr(wanted, name)) is not None:
            found.append(of(name) == value)
    if wanted.elevators is not None:
        found.append(of("elevator_id").in_(sorted(wanted.elevators)))
    if wanted.outcome == "open":
        found.append(of("ended_at" if table is EventRow else "outcome").is_(None))
    elif wanted.outcome is not None:
        found.append(of("outcome") == wanted.outcome)
    if wanted.min_duration_s is not None:
        found.append(of("duration_s") >= wanted.min_duration_s)
    if wanted.max_duration_s is not None:
        found.append(of("duration_s") <= wanted.max_duration_s)
    if wanted.verdict is not None:
        none = wanted.verdict == "none"
        found.append(of("verdict").is_(None) if none else of("verdict") == wanted.verdict)
    if wanted.locked is not None:
        found.append(of("locked").is_(wanted.locked))
    return found


def _walked(column: Any, name: str, only: str | None) -> Any:
    """``column``, or on SQLite ``+column``, which no index is used for (sqlite.org/optoverview.html)."""
    if only is None or name in only.split() or (name == "started_at" and only != "duration_s"):
        return column
    return UnaryExpression(column, operator=custom_op("+"), type_=column.type)


def _between(at: Any, wanted: EventFilter) -> list[ColumnElement[bool]]:
    found = [] if wanted.since is None else [at >= wanted.since]
    return found if wanted.until is None else [*found, at < wanted.until]


def _from_cursor(at: Any, cursor: Cursor | None) -> list[ColumnElement[bool]]:
    if cursor is None:
        return []
    return [at >= cursor.started_at if cursor.newer else at <= cursor.started_at]


FEW: Final = 6_000
"""So many events are looked at one by one in some milliseconds."""


def _counted(session: Session, asked: Sequence[Sequence[ColumnElement[bool]]]) -> list[int]:
    """How many rows meet each list of conditions, counted up to `FEW` only, in one question."""
    if not asked:
        return []
    each = []
    for conditions in asked:
        some = select(literal(1)).where(*conditions).limit(FEW).subquery()
        each.append(select(func.count()).select_from(some).scalar_subquery())
    return list(session.execute(select(*each)).one())


def _columns(wanted: EventFilter) -> dict[str, list[ColumnElement[bool]]]:
    """What is asked of each column that has an index: conditions to count."""
    between = _between(EventRow.started_at, wanted)
    found: dict[str, list[ColumnElement[bool]]] = {}
    for name in ("elevator_id", "class_name", "outcome", "verdict", "locked"):
        value = getattr(wanted, name)
        if value is not None and value not in ("none", "open"):
            found[name] = [getattr(EventRow, name) == value, *between]
    if "verdict" in found and "outcome" in found:  # these two have an index together
        found["verdict outcome"] = [*found["verdict"], *found["outcome"]]
    duration = EventRow.duration_s
    lengths = [] if wanted.min_duration_s is None else [duration >= wanted.min_duration_s]
    lengths += [] if wanted.max_duration_s is None else [duration <= wanted.max_duration_s]
    return found | {"duration_s": lengths} if lengths else found


def _best_column(counts: Mapping[str, int], wanted: EventFilter) -> str | None:
    """The column whose index leads to few events; on SQLite the others' are then not to be used.

    Its planner knows no more than averages. None: any may be used.
    """
    few = [name for name, count in counts.items() if count < FEW]
    if few:
        return min(few, key=counts.__getitem__)
    if "duration_s" not in counts or wanted.outcome == "open":
        return None
    # Many are of that length: walking them in order of length would mean to sort them all.
    return next((name for name in counts if name != "duration_s"), "started_at")
