"""How long a filtered page of events takes with a million of them, on SQLite and on PostgreSQL.

Builds its data itself (a few minutes each, with progress), asks for pages with every kind of filter from the
newest end, from the middle and backwards, and says for each the median and the 95th percentile of
`Store.search`. Prints one JSON line per database; ``--report`` writes a table too. Exit code 1 if the
95th percentile of any question is above the limit of 50 ms.

    python -m benchmarks.search [--events N] [--database sqlite|postgresql|both] [--report FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import Progress
from sqlalchemy import insert

from api.event_search import EventFilter
from api.records import Cursor
from api.store import Store
from api.tables import EventRow, EventWordRow
from benchmarks.machine import where_measured
from benchmarks.search_data import ELEVATORS, NEWEST, RETIRED, SPAN, rows
from tests.support.postgresql import postgresql

LIMIT_MS: Final = 50.0
REPEATS: Final = 15
MONTH: Final = timedelta(days=30)
QUESTIONS: Final[dict[str, EventFilter]] = {
    "everything": EventFilter(),
    "one elevator": EventFilter(elevator_id="car-3"),
    "three elevators": EventFilter(elevators=frozenset(ELEVATORS[:3])),
    "an elevator long out of service": EventFilter(elevator_id=RETIRED),
    "a month two years ago": EventFilter(since=NEWEST - 25 * MONTH, until=NEWEST - 24 * MONTH),
    "one elevator, that month": EventFilter(
        elevator_id="car-3", since=NEWEST - 25 * MONTH, until=NEWEST - 24 * MONTH
    ),
    "class bicycle (3 %)": EventFilter(class_name="bicycle"),
    "class of two years ago": EventFilter(class_name="kick_scooter"),
    "outcome left (90 %)": EventFilter(outcome="left"),
    "outcome interrupted (0.1 %)": EventFilter(outcome="interrupted"),
    "open (none)": EventFilter(outcome="open"),
    "longer than 2 minutes (0.3 %)": EventFilter(min_duration_s=120),
    "10 to 20 s (35 %)": EventFilter(min_duration_s=10, max_duration_s=20),
    "not judged (70 %)": EventFilter(verdict="none"),
    "unsure (1 %)": EventFilter(verdict="unsure"),
    "locked (0.2 %)": EventFilter(locked=True),
    "not locked, confirmed": EventFilter(locked=False, verdict="confirmed"),
    "false alarm and escalated": EventFilter(verdict="false_alarm", outcome="escalated"),
    "bicycle, blind, unsure": EventFilter(class_name="bicycle", outcome="blind", verdict="unsure"),
    "old class, one elevator, not judged": EventFilter(
        class_name="kick_scooter", elevator_id="car-3", verdict="none"
    ),
    "old class in the last month (none)": EventFilter(class_name="kick_scooter", since=NEWEST - MONTH),
    "retired elevator, false alarm, locked": EventFilter(
        elevator_id=RETIRED, verdict="false_alarm", locked=True
    ),
    "retired elevator, longer than 2 minutes": EventFilter(elevator_id=RETIRED, min_duration_s=120),
    "unsure, longer than 10 minutes (none)": EventFilter(verdict="unsure", min_duration_s=600),
    "label": EventFilter(label="misted lens"),
    "label, one elevator, false alarm": EventFilter(
        label="courier", elevator_id="car-3", verdict="false_alarm"
    ),
    "a word": EventFilter(text="ramp17"),
    "a beginning of many words": EventFilter(text="flo"),
    "two words (few)": EventFilter(text="ramp17 lobby42"),
    "two words (none)": EventFilter(text="ramp17 courier nosuchword"),
    "Chinese": EventFilter(text="轮椅误报"),
    "a word and a rare outcome": EventFilter(text="guard9", outcome="interrupted"),
    "words that are everywhere, an old class": EventFilter(text="door floor", class_name="kick_scooter"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """How one question went."""

    question: str
    found: int  # events on the first page
    p50_ms: float
    p95_ms: float
    best_ms: float
    cpu_ms: float  # of the calling thread, median: with SQLite this is all of the work


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000, help="events stored (default: 1000000)")
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--use", nargs="*", default=[], help="addresses of databases that are filled already")
    parser.add_argument("--report", type=Path, help="write a table (Markdown) into this file")
    arguments = parser.parse_args()
    chosen = ("sqlite", "postgresql") if arguments.database == "both" else (arguments.database,)
    answers: dict[str, list[Answer]] = {}
    for url in arguments.use:
        store = Store(url)
        database = "sqlite" if store.is_sqlite else "postgresql"
        answers[database] = measure(store)
        store.close()
        print(json.dumps(_line(database, arguments.events, answers[database])), flush=True)
    for database in () if arguments.use else chosen:
        with opened(database) as store:
            fill(store, arguments.events, database)
            answers[database] = measure(store)
        print(json.dumps(_line(database, arguments.events, answers[database])), flush=True)
    if arguments.report:
        arguments.report.write_text(report(arguments.events, answers), "utf-8")
    sys.exit(any(a.p95_ms > LIMIT_MS for all_ in answers.values() for a in all_))


@contextmanager
def opened(database: str) -> Iterator[Store]:
    """An empty store on a throwaway database with its default settings."""
    with tempfile.TemporaryDirectory() as folder:
        if database == "sqlite":
            store = Store(Path(folder) / "liftguard.db")
            yield from _ready(store)
        else:
            with postgresql() as cluster:
                yield from _ready(Store(cluster.url(cluster.new_database())))


def _ready(store: Store) -> Iterator[Store]:
    store.migrate()
    try:
        yield store
    finally:
        store.close()


def fill(store: Store, count: int, database: str) -> None:
    """Store the events."""
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task(f"{count:,} events into {database}", total=count)
        made = rows(count)
        while batch := list(islice(made, 5000)):
            with store.writing("fill the benchmark") as session:
                session.execute(insert(EventRow), [row for row, _ in batch])
                words = [word for _, found in batch for word in found]
                if words:
                    session.execute(insert(EventWordRow), words)
            progress.advance(task, len(batch))
    store.tidy()


def measure(store: Store) -> list[Answer]:
    """Ask every question from the newest end, from the middle, and backwards from there."""
    middle = NEWEST - SPAN / 2
    found = []
    for question, wanted in QUESTIONS.items():
        page = store.search(wanted)  # warms the cache, as the first look at a page does
        cursors = (
            None,
            page.next or Cursor(middle, "0"),
            Cursor(middle, "0"),
            Cursor(middle, "0", newer=True),
        )
        took_ms, cpu_ms = [], []
        for _ in range(REPEATS):
            for cursor in cursors:
                start, cpu = time.perf_counter(), time.thread_time()
                store.search(wanted, 50, cursor)
                took_ms.append((time.perf_counter() - start) * 1000)
                cpu_ms.append((time.thread_time() - cpu) * 1000)
        p50, p95 = (round(float(ms), 2) for ms in np.percentile(np.array(took_ms), (50, 95)))
        best, cpu = round(min(took_ms), 2), round(float(np.median(cpu_ms)), 2)
        found.append(Answer(question, len(page.events), p50, p95, best, cpu))
        print(f"{found[-1]}", file=sys.stderr)
    return found


def _line(database: str, count: int, answers: list[Answer]) -> dict[str, Any]:
    slowest = max(answers, key=lambda a: a.p95_ms)
    return {
        "benchmark": "search",
        "database": database,
        "events": count,
        "questions": len(answers),
        "p50_ms": round(float(np.median([a.p50_ms for a in answers])), 2),
        "slowest": slowest.question,
        "slowest_p95_ms": slowest.p95_ms,
        "slowest_cpu_ms": max(a.cpu_ms for a in answers),
        "limit_ms": LIMIT_MS,
        "load": [round(load, 1) for load in os.getloadavg()],
        **where_measured(),
    }


def report(count: int, answers: dict[str, list[Answer]]) -> str:
    """The figures as a page."""
    where = where_measured()
    lines = [
        f"# A filtered page out of {count:,} events",
        "",
        f"`python -m benchmarks.search`: pages of 50 through `Store.search`, {REPEATS} times each from the "
        "newest end, its second page, the middle, and backwards from the middle. Milliseconds: "
        "median / 95th percentile / best; processor time of the calling thread (with SQLite that is all of "
        f"the work). Limit for the 95th percentile: {LIMIT_MS:g} ms.",
        f"Machine: {where['machine']}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.0f} at the end, "
        f"commit {where['commit']}.",
        "",
        f"| question | {' | '.join(answers)} |",
        f"|---|{'---|' * len(answers)}",
    ]
    for of_each in zip(*answers.values(), strict=True):
        cells = (f"{a.p50_ms} / {a.p95_ms} / {a.best_ms}; {a.cpu_ms}" for a in of_each)
        lines.append(f"| {of_each[0].question} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
