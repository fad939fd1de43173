"""A million made-up events for the search benchmark: skewed and clustered in time, as a real building's are.

Some filters let through almost everything, some next to nothing, and some only what is years old: an
elevator that was taken out of service, a class that an old model still told apart. Those are what a list that
is read in order of time is slowest at.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from api.event_word_rows import COPIED
from api.event_words import event_words
from api.records import NewEvent

NEWEST: Final = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
SPAN: Final = timedelta(days=3 * 365)
ELEVATORS: Final = tuple(f"car-{n}" for n in range(1, 17))
RETIRED: Final = "car-old"  # only in the first year
_WORDS: Final = tuple(
    f"{a}{b}"
    for a in ("lobby", "ramp", "guard", "child", "north", "south", "door", "floor")
    for b in range(250)
)
_PHRASES: Final = ("电动车推入轿厢", "住户已劝离", "轮椅误报", "快递员", "物业已通知", "镜子反光")
_LABELS: Final = ("repeat", "courier", "resident", "to-clarify", "reported", "misted lens")


def rows(count: int, seed: int = 20260301) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Events from old to new, each as the row of its table, with the rows of its words."""
    rng = random.Random(seed)  # noqa: S311 - made-up data, the same each time
    oldest = NEWEST - SPAN
    for number in range(count):
        at = oldest + SPAN * (number / count)
        yield _event(rng, number / count, at)


def event_id(rng: random.Random, at: datetime) -> str:
    """A UUIDv7 of that time (RFC 9562, 5.7)."""
    value = (round(at.timestamp() * 1000) << 80) | rng.getrandbits(80)
    value = value & ~(0xF << 76) | 7 << 76
    return str(UUID(int=value & ~(0x3 << 62) | 0x2 << 62))


def _event(rng: random.Random, age: float, at: datetime) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    old = age < 1 / 3
    elevator = RETIRED if old and rng.random() < 0.05 else rng.choice(ELEVATORS)
    class_name = "e_bike"
    if rng.random() < 0.03:
        class_name = "kick_scooter" if old and rng.random() < 0.3 else "bicycle"
    outcome = rng.choices(
        ("left", "escalated", "inhibited", "blind", "stopped", "interrupted"), (900, 40, 35, 20, 4, 1)
    )[0]
    duration = round(rng.lognormvariate(2.6, 0.8), 2)
    new = NewEvent(
        event_id(rng, at),
        elevator,
        f"{elevator}/cabin",
        class_name,
        "cabin",
        at,
        at,
        0.9,
        "m",
        "0" * 64,
        "r",
        "v",
    )
    row: dict[str, Any] = {name: getattr(new, name) for name in NewEvent.__dataclass_fields__}
    row |= {
        "last_seen_at": at + timedelta(seconds=duration),
        "ended_at": at + timedelta(seconds=duration),
        "outcome": outcome,
        "duration_s": duration,
        "hold_s": min(duration, 120.0),
        "pulses": 1 + int(duration // 21),
        "verdict": None,
        "verdict_reason": None,
        "note": "",
        "labels": [],
        "locked": rng.random() < 0.002,
        "review_version": 0,
    }
    if rng.random() < 0.3:
        row["verdict"] = rng.choices(("confirmed", "false_alarm", "unsure"), (85, 12, 3))[0]
    if rng.random() < 0.05:
        note = " ".join(rng.choice(_WORDS) for _ in range(rng.randint(2, 8)))
        row["note"] = f"{note} {rng.choice(_PHRASES)}" if rng.random() < 0.3 else note
    if rng.random() < 0.03:
        row["labels"] = sorted(rng.sample(_LABELS, rng.randint(1, 2)))
    words = event_words(row["note"], row["labels"])
    same = {"started_at": at, "event_id": new.id} | {name: row[name] for name in COPIED}
    return row, [{"word": word} | same for word in sorted(words)]
