"""Webhooks and their messages as values, and when a failed message is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias, get_args

EventType: TypeAlias = Literal["event.started", "event.escalated", "event.ended", "event.reviewed"]
MessageType: TypeAlias = Literal[EventType, "webhook.test"]
MessageState: TypeAlias = Literal["waiting", "delivered", "dead"]
EVENT_TYPES: Final[tuple[EventType, ...]] = get_args(EventType)

RETRY_S: Final = (30, 120, 600, 1800, 3600, 7200, 14400, 28800, 57600, 86400)
"""Seconds before each further try: 30 s to 24 h, as Standard Webhooks advises; some 2.3 days in all."""
DELIVERED_KEPT: Final = timedelta(days=7)
DEAD_KEPT: Final = timedelta(days=30)
OUTBOX_REACH: Final[dict[EventType, timedelta]] = {
    "event.started": timedelta(days=3),
    "event.escalated": timedelta(days=3),
    "event.ended": timedelta(days=3),
    "event.reviewed": timedelta(days=31),
}
"""Events that began longer ago are no news: longer than a box is off over a weekend, shorter than a flood. A
month-old event may still be reviewed."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Somebody who is told. ``secret``: as in Standard Webhooks, ``whsec_`` and base64."""

    id: str
    url: str
    description: str
    secret: str
    types: tuple[EventType, ...]
    elevators: frozenset[str] | None  # None: all
    enabled: bool
    disabled_reason: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one webhook."""

    id: str
    webhook_id: str
    type: str
    event_id: str
    body: str  # JSON, the same bytes at every try
    state: MessageState
    attempts: int
    created_at: datetime
    next_at: datetime
    ended_at: datetime | None
    last_result: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one try."""

    ok: bool
    said: str  # for people, at most 300 characters
    gone: bool = False  # 410: the receiver wants no more
    wait_s: float | None = None  # the receiver asked for that much time


def next_try_s(attempts: int, asked_s: float | None = None) -> float | None:
    """Seconds until the next try after so many failed ones; None: no further try.

    A receiver that asks for time (Retry-After) gets it, up to the longest step.
    """
    if attempts > len(RETRY_S):
        return None
    return max(RETRY_S[attempts - 1], min(asked_s or 0.0, RETRY_S[-1]))
