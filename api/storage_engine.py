"""Opening the database safely, and turning its errors into `StorageError` with what to try."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from vision.errors import ConfigError, RefusedWriteError, StorageError
from vision.sources import redact

WRITE: Final = "liftguard_write"
"""Execution option of an engine whose transactions take SQLite's write lock at once (see `_begin`)."""

POOL: Final = 20
"""Connections kept open. Web's thread pool has 40 threads, of which few read at a time."""

# Primary result codes, https://www.sqlite.org/rescode.html
_ADVICE: Final = {
    5: "another program holds it for too long; close database browsers and backups that lock it",
    6: "another program holds it for too long; close database browsers and backups that lock it",
    8: "it is read-only; give the Liftguard user write permission to the file and its folder",
    10: "the disk reports errors; check it (dmesg, smartctl) and restore from a backup",
    11: "the file is damaged; stop Liftguard, move it aside and restore from a backup",
    13: "the disk is full; free some space",
    14: "it cannot be opened; check that its folder exists and that the Liftguard user may write there",
    26: "the file is not a database; move it aside and restore from a backup",
}


def parse_address(url: str) -> URL:
    """The parts of a SQLAlchemy URL. Raises: ConfigError, which shows none of it: it may hold a password."""
    try:
        return make_url(url)
    except (SQLAlchemyError, ValueError):  # ValueError: a port that is no number
        raise ConfigError(
            "store.url is not a SQLAlchemy URL (it is not shown, it may hold a password); "
            "try sqlite:////path/liftguard.db, and write @ / ? : in a password as %40 %2F %3F %3A"
        ) from None


def shown_address(url: URL) -> str:
    """``url`` without a password, also where one with an unescaped ``@`` was cut short or is in the query."""
    text = url.render_as_string(hide_password=True)
    return text if url.get_backend_name() == "sqlite" else redact(text)


def open_engine(url: str | Path, busy_timeout_s: float) -> Engine:
    """An engine whose SQLite connections are durable (WAL, synchronous=FULL) and check foreign keys.

    Raises: StorageError if the URL cannot be read or its driver is missing.
    """
    try:
        parsed = URL.create("sqlite", database=str(url)) if isinstance(url, Path) else parse_address(url)
    except ConfigError as exc:
        raise StorageError(str(exc)) from None
    try:
        if parsed.get_backend_name() != "sqlite":
            return create_engine(parsed, pool_pre_ping=True)
        in_file = parsed.database not in {None, "", ":memory:"}
        # As many as threads may ask at once; beyond the pool each question would open the file anew.
        pool = {"pool_size": POOL, "max_overflow": POOL} if in_file else {}
        engine = create_engine(parsed, connect_args={"timeout": busy_timeout_s}, **pool)
    except (SQLAlchemyError, ImportError) as exc:
        raise StorageError(
            f"cannot use the store address {shown_address(parsed)}: {exc}; see store.url"
        ) from exc

    @event.listens_for(engine, "connect")
    def _connect(raw: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        raw.isolation_level = None  # we say BEGIN ourselves, below
        raw.execute(f"PRAGMA busy_timeout = {round(busy_timeout_s * 1000)}")
        _use_wal(raw, busy_timeout_s)
        raw.execute("PRAGMA synchronous = FULL")
        raw.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads first and writes later cannot wait for the lock (SQLITE_BUSY at once),
        # so writers take it at the start and wait up to the busy timeout.
        write = connection.get_execution_options().get(WRITE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _use_wal(raw: sqlite3.Connection, busy_timeout_s: float) -> None:
    """Switch to WAL. Two processes that switch a new file at once get SQLITE_BUSY without waiting."""
    deadline = time.monotonic() + busy_timeout_s
    while True:
        try:
            raw.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as exc:
            code = (exc.sqlite_errorcode or 0) & 0xFF
            if code == sqlite3.SQLITE_READONLY:
                return  # reading still works; the first write says what is wrong
            if code != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def describe(engine: Engine) -> str:
    """Where the store is, without a password."""
    url = engine.url
    if url.get_backend_name() == "sqlite":
        return url.database or "(memory)"
    return shown_address(url)


@contextmanager
def storage_errors(where: str, doing: str) -> Iterator[None]:
    """Translate what the database raises. ``doing`` completes 'could not …'."""
    try:
        yield
    except SQLAlchemyError as exc:
        reason: BaseException = exc
        advice = ""
        if isinstance(exc, DBAPIError) and exc.orig is not None:
            reason = exc.orig
            advice = _advice(exc.orig)
        refused = isinstance(exc, (IntegrityError, DataError))
        error = RefusedWriteError if refused else StorageError
        raise error(f"could not {doing} in {where}: {reason}{advice}") from exc
    except (sqlite3.Error, OSError) as exc:
        if isinstance(exc, StorageError):
            raise
        raise StorageError(f"could not {doing} in {where}: {exc}{_advice(exc)}") from exc


def _advice(exc: BaseException) -> str:
    if "no such table" in str(exc):
        return "; the tables are missing: start guard once, or run the migration"
    code = getattr(exc, "sqlite_errorcode", None)
    hint = _ADVICE.get(code & 0xFF) if isinstance(code, int) else None
    return f"; {hint}" if hint else ""
