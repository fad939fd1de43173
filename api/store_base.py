"""What every part of the store stands on: the database, its schema, and transactions with clear errors."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, func, inspect, select, text
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import Function

from api.storage_engine import WRITE, describe, open_engine, storage_errors
from api.tables import EventRow
from vision.errors import RefusedWriteError, StorageError

MIGRATIONS: Final = Path(__file__).parent / "migrations"


REVISION: Final = "SELECT number FROM revisions WHERE name = 'events'"
VERSION: Final = "PRAGMA data_version"


@dataclass(slots=True)
class _Watch:
    """A connection for one question about changes."""

    connection: sqlite3.Connection | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class StoreBase:
    """A database with Liftguard's tables. Safe to use from several threads and several processes.

    Each area of the store (events, evidence files, reviews, …) is a class on top of this one, and `api.store`
    puts them together; a program that needs one area only may open that one alone.

    Args: url is an SQLAlchemy URL, or the path of an SQLite file. busy_timeout_s: how long a write waits for
    another process that is writing. Raises: StorageError if the address cannot be used.
    """

    def __init__(self, url: str | Path, *, busy_timeout_s: float = 5.0) -> None:
        self._engine: Engine = open_engine(url, busy_timeout_s)
        self._writer: Engine = self._engine.execution_options(**{WRITE: True})
        self._where = describe(self._engine)
        self._watching = {question: _Watch() for question in (REVISION, VERSION)}

    @property
    def where(self) -> str:
        """The file, or the address without its password."""
        return self._where

    @property
    def is_sqlite(self) -> bool:
        """The database is a file of this machine; otherwise it is PostgreSQL."""
        return self._engine.url.get_backend_name() == "sqlite"

    def close(self) -> None:
        """Close every connection. Idempotent."""
        for watch in self._watching.values():
            with watch.lock:
                if watch.connection is not None:
                    watch.connection.close()
                    watch.connection = None
        self._engine.dispose()

    def migrate(self) -> None:
        """Bring the schema up to this program's. Several processes may call it at once.

        Raises: StorageError if the database is newer than this program, or cannot be written.
        """
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        if self.is_sqlite and self._engine.url.database:
            with storage_errors(self._where, "make the folder of the store"):
                Path(self._engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        with storage_errors(self._where, "prepare the tables"), self._writer.begin() as connection:
            if not self.is_sqlite:  # SQLite's write lock is taken already; see `open_engine`
                connection.execute(select(_lock(MIGRATION_LOCK)))
            heads = set(MigrationContext.configure(connection).get_current_heads())
            if heads - known:
                raise StorageError(
                    f"the store {self._where} was written by a newer Liftguard (schema "
                    f"{', '.join(sorted(heads - known))}); install that version again, or restore a backup"
                )
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def made(self) -> bool:
        """Whether the tables are there. Guard makes them after its first look at the cameras, and web at its
        start: before that nothing was stored, and there is nothing to read.

        Raises: StorageError if the database cannot be read.
        """
        with storage_errors(self._where, "look for the tables"):
            file = self._engine.url.database if self.is_sqlite else None
            if file and file != ":memory:" and not file.startswith("file:") and not Path(file).exists():
                return False  # looking would make an empty one
            return inspect(self._engine).has_table(EventRow.__tablename__)

    def check(self) -> None:
        """Raises: StorageError unless the store can be read now."""
        with self._reading("read the events") as session:
            session.execute(select(EventRow.id).limit(1)).first()

    def events_revision(self) -> int:
        """Goes up with every change of an event: triggers in the SQLite file count, whoever writes.

        Raises: StorageError.
        """
        return self._watch(REVISION) or 0

    def version(self) -> int | None:
        """Another number after every commit to the file, by whatever connection and process; costs no read.

        None where there is no such thing: in memory, and on PostgreSQL. Raises: StorageError.
        """
        return self._watch(VERSION)

    def _watch(self, question: str) -> int | None:
        """One number from a connection that never writes: its own commits would not count as changes
        (sqlite.org/pragma.html#pragma_data_version). One for each question: the version never waits for a
        read.
        """
        path = self._engine.url.database
        if not self.is_sqlite or not path or path == ":memory:" or path.startswith("file:"):
            return None
        watch = self._watching[question]
        with watch.lock, storage_errors(self._where, "look whether something has changed"):
            if watch.connection is None:
                watch.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            found = watch.connection.execute(question).fetchall()
        return int(found[0][0]) if found else None

    def integrity_check(self) -> str:
        """What SQLite's own check says; ``"ok"`` when all is well, and always on other databases."""
        if not self.is_sqlite:
            return "ok"
        with self._reading("check the file") as session:
            return "; ".join(str(row[0]) for row in session.execute(text("PRAGMA integrity_check")))

    def tidy(self) -> None:
        """Let the database look at what it holds, so that it finds the quickest way to an answer.

        Once a day is often enough; PostgreSQL does it by itself, too, but only when much has changed.
        """
        with storage_errors(self._where, "tidy up"):
            if self.is_sqlite:
                with self._writer.begin() as connection:
                    # a thousand rows of each index say enough, and take no time
                    connection.exec_driver_sql("PRAGMA analysis_limit = 1000")
                    connection.exec_driver_sql("ANALYZE")
                return
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                # After VACUUM a search in the index of words needs not look whether each row still stands.
                connection.exec_driver_sql("VACUUM (ANALYZE) events, event_words")
                connection.exec_driver_sql("ANALYZE")

    @contextmanager
    def _reading(self, doing: str) -> Iterator[Session]:
        """A session to read with. ``doing`` completes 'could not …' in an error."""
        with storage_errors(self._where, doing), Session(self._engine) as session:
            yield session

    @contextmanager
    def _writing(self, doing: str) -> Iterator[Session]:
        """A session in one transaction, committed at the end."""
        with storage_errors(self._where, doing), Session(self._writer) as session, session.begin():
            yield session

    def reading(self, doing: str) -> AbstractContextManager[Session]:
        """For the other areas of the store: a session to read with. ``doing`` completes 'could not …'."""
        return self._reading(doing)

    def writing(self, doing: str) -> AbstractContextManager[Session]:
        """For the other areas of the store: a session in one transaction, committed at the end."""
        return self._writing(doing)

    def _alone(self, session: Session, number: int) -> None:
        """Wait until no other transaction holds the lock ``number``; hold it until this one ends.

        On SQLite a writer is alone anyway.
        """
        if not self.is_sqlite:
            session.execute(select(_lock(number)))

    def _row(self, session: Session, event_id: str) -> EventRow:
        row = session.get(EventRow, event_id)
        if row is None:
            raise RefusedWriteError(
                f"there is no event {event_id} in {self._where}; was its start not stored?"
            )
        return row


MIGRATION_LOCK: Final = 0x4C_47_00_01
"""PostgreSQL advisory locks are plain numbers that programs agree on; ours begin with "LG"."""


def _lock(number: int) -> Function[None]:
    return func.pg_advisory_xact_lock(number)
