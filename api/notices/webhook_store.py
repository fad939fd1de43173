"""Webhooks and their outbox in the store.

The outbox is filled by asking which event a webhook has not been told of yet. So nothing is lost while web is
down, nothing depends on a signal from guard, and filling it twice adds nothing.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from sqlalchemy import ColumnElement, Select, delete, func, select
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.orm import Session as Transaction
from uuid_utils.compat import uuid7

from api.accounts.people import Database
from api.event_search import event_of
from api.notices.tables import WebhookMessageRow, WebhookRow
from api.notices.values import (
    DEAD_KEPT,
    DELIVERED_KEPT,
    OUTBOX_REACH,
    Answer,
    EventType,
    Message,
    MessageState,
    MessageType,
    Webhook,
    next_try_s,
)
from api.problems import ProblemError
from api.tables import EventRow

MOST_WEBHOOKS: Final = 20
FILL: Final = 200
"""Messages that one look at the outbox adds per webhook and kind."""

_MOMENT: Final[dict[EventType, InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]]] = {
    "event.started": EventRow.started_at,
    "event.escalated": EventRow.escalated_at,
    "event.ended": EventRow.ended_at,
    "event.reviewed": EventRow.reviewed_at,
}


class Webhooks:
    """Reads and writes webhooks and messages. Every method raises StorageError if the store fails."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._db = database
        self._now = now

    # --- webhooks ---------------------------------------------------------------------------------------

    def all(self) -> tuple[Webhook, ...]:
        """Every webhook, oldest first."""
        with self._db.reading("list the webhooks") as t:
            return tuple(_webhook(row) for row in t.scalars(select(WebhookRow).order_by(WebhookRow.id)))

    def get(self, webhook_id: str) -> Webhook:
        """Raises: ProblemError 404."""
        with self._db.reading("read a webhook") as t:
            return _webhook(_row(t, webhook_id))

    def add(
        self, url: str, description: str, types: tuple[EventType, ...], elevators: frozenset[str] | None
    ) -> Webhook:
        """A new webhook with a new secret. Raises: ProblemError 409 when there are too many."""
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()  # 24 to 64 bytes are advised
        with self._db.writing("add a webhook") as t:
            if (t.scalar(select(func.count(WebhookRow.id))) or 0) >= MOST_WEBHOOKS:
                raise ProblemError(
                    409, "too-many-webhooks", f"there are {MOST_WEBHOOKS} webhooks; remove one first"
                )
            row = WebhookRow(
                id=str(uuid7()),
                url=url,
                description=description,
                secret=secret,
                types=",".join(types),
                elevators=None if elevators is None else ",".join(sorted(elevators)),
                enabled=True,
                disabled_reason=None,
                created_at=self._now(),
            )
            t.add(row)
            return _webhook(row)

    def enable(self, webhook_id: str, enabled: bool, reason: str | None = None) -> Webhook:
        """Switch on or off. Messages that wait stay, and go out when it is on again."""
        with self._db.writing("switch a webhook") as t:
            row = _row(t, webhook_id)
            row.enabled, row.disabled_reason = enabled, None if enabled else (reason or "")[:300] or None
            return _webhook(row)

    def remove(self, webhook_id: str) -> None:
        """Forget a webhook and its messages."""
        with self._db.writing("remove a webhook") as t:
            t.delete(_row(t, webhook_id))

    # --- messages ---------------------------------------------------------------------------------------

    def fill(self) -> int:
        """Write a message for whatever a webhook has not been told of yet. Returns: how many."""
        added, now = 0, self._now()
        for webhook in self.all():
            for kind in webhook.types if webhook.enabled else ():
                with self._db.reading("look for news") as t:
                    rows = t.scalars(_news(webhook, kind, now)).all()
                    news = [
                        _new(webhook.id, kind, row.id, _moment(row, kind), _facts(row), now) for row in rows
                    ]
                    for message, row in zip(news, rows, strict=True):
                        message.version = _version(row, kind)
                if news:
                    added += self._write(news)
        return added

    def test(self, webhook_id: str) -> Message:
        """A message that says nothing but that it arrived. Raises: ProblemError 404."""
        self.get(webhook_id)
        now = self._now()
        with self._db.writing("write a test message") as t:
            row = _new(webhook_id, "webhook.test", str(uuid7()), now, {"webhook_id": webhook_id}, now)
            t.add(row)
            return _message(row)

    def due(self, limit: int) -> tuple[tuple[Webhook, Message], ...]:
        """What is to be tried now, oldest first, of webhooks that are on."""
        query = (
            select(WebhookRow, WebhookMessageRow)
            .join(WebhookMessageRow, WebhookMessageRow.webhook_id == WebhookRow.id)
            .where(WebhookMessageRow.state == "waiting", WebhookMessageRow.next_at <= self._now())
            .where(WebhookRow.enabled.is_(True))
            .order_by(WebhookMessageRow.next_at, WebhookMessageRow.id)
            .limit(limit)
        )
        with self._db.reading("read the outbox") as t:
            return tuple((_webhook(hook), _message(row)) for hook, row in t.execute(query))

    def tried(self, message_id: str, answer: Answer) -> MessageState:
        """Note what came of a try. Returns: the message's state from now on."""
        with self._db.writing("note a delivery") as t:
            row = t.get(WebhookMessageRow, message_id)
            if row is None:  # its webhook was removed meanwhile
                return "dead"
            now = self._now()
            row.attempts += 1
            row.last_result = answer.said[:300]
            wait_s = next_try_s(row.attempts, answer.wait_s)
            if answer.ok:
                row.state, row.ended_at = "delivered", now
            elif wait_s is None or answer.gone:
                row.state, row.ended_at = "dead", now
            else:
                row.next_at = now + timedelta(seconds=wait_s)
            return cast("MessageState", row.state)

    def again(self, message_id: str) -> Message:
        """Try a dead message once more, from the first step. Raises: ProblemError 404, 409."""
        with self._db.writing("try a message again") as t:
            row = t.get(WebhookMessageRow, message_id)
            if row is None:
                raise ProblemError(404, "unknown-message", f"there is no message {message_id}")
            if row.state == "delivered":
                raise ProblemError(409, "message-delivered", f"message {message_id} was delivered")
            row.state, row.attempts, row.ended_at, row.next_at = "waiting", 0, None, self._now()
            return _message(row)

    def messages(
        self, webhook_id: str | None, state: MessageState | None, limit: int, before: str | None = None
    ) -> tuple[Message, ...]:
        """Newest first; ``before``: the id of the last one of the page before."""
        query = select(WebhookMessageRow).order_by(WebhookMessageRow.id.desc()).limit(limit)
        if webhook_id is not None:
            query = query.where(WebhookMessageRow.webhook_id == webhook_id)
        if state is not None:
            query = query.where(WebhookMessageRow.state == state)
        if before is not None:
            query = query.where(WebhookMessageRow.id < before)
        with self._db.reading("list messages") as t:
            return tuple(_message(row) for row in t.scalars(query))

    def counts(self) -> dict[tuple[str, str], int]:
        """(webhook id, state) -> messages."""
        query = select(WebhookMessageRow.webhook_id, WebhookMessageRow.state, func.count()).group_by(
            WebhookMessageRow.webhook_id, WebhookMessageRow.state
        )
        with self._db.reading("count messages") as t:
            return {(hook, state): count for hook, state, count in t.execute(query)}

    def tidy(self) -> None:
        """Forget what was delivered a week ago or is dead for a month."""
        with self._db.writing("tidy the outbox") as t:
            for state, kept in (("delivered", DELIVERED_KEPT), ("dead", DEAD_KEPT)):
                t.execute(
                    delete(WebhookMessageRow).where(
                        WebhookMessageRow.state == state, WebhookMessageRow.ended_at < self._now() - kept
                    )
                )

    def _write(self, news: list[WebhookMessageRow]) -> int:
        with self._db.writing("fill the outbox") as t:
            t.add_all(news)
            return len(news)


def _news(webhook: Webhook, kind: EventType, now: datetime) -> Select[EventRow]:
    """Events that this webhook is to be told of and has not been."""
    told = (
        select(WebhookMessageRow.id)
        .where(WebhookMessageRow.webhook_id == webhook.id, WebhookMessageRow.type == kind)
        .where(WebhookMessageRow.event_id == EventRow.id)
    )
    if kind == "event.reviewed":
        told = told.where(WebhookMessageRow.version == EventRow.review_version)
    moment = cast("ColumnElement[datetime]", _MOMENT[kind])
    query = (
        select(EventRow)
        .where(EventRow.started_at >= now - OUTBOX_REACH[kind], moment >= webhook.created_at, ~told.exists())
        .order_by(EventRow.started_at)
        .limit(FILL)
    )
    return query if webhook.elevators is None else query.where(EventRow.elevator_id.in_(webhook.elevators))


def _moment(row: EventRow, kind: EventType) -> datetime:
    return cast("datetime", getattr(row, _MOMENT[kind].key))


def _version(row: EventRow, kind: EventType) -> int:
    return row.review_version if kind == "event.reviewed" else 0


def _facts(row: EventRow) -> dict[str, object]:
    return {
        key: value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
        for key, value in asdict(event_of(row)).items()
    }


def _new(
    webhook_id: str, kind: MessageType, event_id: str, at: datetime, data: dict[str, object], now: datetime
) -> WebhookMessageRow:
    body = {"type": kind, "timestamp": at.astimezone(UTC).isoformat().replace("+00:00", "Z"), "data": data}
    return WebhookMessageRow(
        id=f"msg_{uuid7()}",
        webhook_id=webhook_id,
        type=kind,
        event_id=event_id,
        version=0,
        body=json.dumps(body, ensure_ascii=False, default=list),
        state="waiting",
        attempts=0,
        created_at=now,
        next_at=now,
        ended_at=None,
        last_result="",
    )


def _row(t: Transaction, webhook_id: str) -> WebhookRow:
    row = t.get(WebhookRow, webhook_id)
    if row is None:
        raise ProblemError(404, "unknown-webhook", f"there is no webhook {webhook_id}")
    return row


def _webhook(row: WebhookRow) -> Webhook:
    return Webhook(
        row.id,
        row.url,
        row.description,
        row.secret,
        cast("tuple[EventType, ...]", tuple(filter(None, row.types.split(",")))),
        None if row.elevators is None else frozenset(filter(None, row.elevators.split(","))),
        row.enabled,
        row.disabled_reason,
        row.created_at,
    )


def _message(row: WebhookMessageRow) -> Message:
    return Message(
        row.id,
        row.webhook_id,
        row.type,
        row.event_id,
        row.body,
        cast("MessageState", row.state),
        row.attempts,
        row.created_at,
        row.next_at,
        row.ended_at,
        row.last_result,
    )
