"""A throwaway PostgreSQL server: a cluster in a temporary folder, reached over a Unix socket, gone after use.

PostgreSQL refuses to run as root; then it runs as the user ``postgres``, which Debian's package makes.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

STARTS_S = 120  # generous: a loaded machine
FAST = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
"""For tests of what is stored, not of what survives a power cut."""


def find_postgresql() -> Path | None:
    """The folder with `initdb`: the newest of Debian's, or on the PATH. None: it is not installed."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[-3]))
    if debian:
        return debian[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


class Cluster:
    """A running server. Each database is made from scratch."""

    def __init__(self, folder: Path, user: str) -> None:
        self._folder = folder
        self._user = user
        self._numbers = count(1)

    def url(self, database: str = "postgres") -> str:
        """The SQLAlchemy address of a database."""
        return f"postgresql+psycopg://{self._user}@/{database}?host={self._folder}"

    def new_database(self, like: str = "template1") -> str:
        """Make a database, a copy of ``like``. Returns: its name."""
        name = f"liftguard_{next(self._numbers)}"
        with psycopg.connect(
            host=str(self._folder), user=self._user, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(like))
            )
        return name


@contextmanager
def postgresql(*settings: str) -> Iterator[Cluster]:
    """A server with these options (``-c name=value``). Raises: FileNotFoundError if it is not installed."""
    programs = find_postgresql()
    if programs is None:
        raise FileNotFoundError("PostgreSQL is not installed; apt install postgresql")
    as_user = "postgres" if os.getuid() == 0 else None
    user = as_user or pwd.getpwuid(os.getuid()).pw_name
    folder = Path(tempfile.mkdtemp(prefix="liftguard-pg-", dir="/tmp"))
    if as_user:
        shutil.chown(folder, as_user, as_user)

    def run(*command: str) -> None:
        done = subprocess.run(
            command,
            user=as_user,
            group=as_user,
            extra_groups=None if as_user is None else [],
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            timeout=STARTS_S,
            check=False,
        )
        if done.returncode != 0:
            said = (folder / "log").read_text("utf-8", errors="replace")
            raise RuntimeError(f"{Path(command[0]).name} failed with {done.returncode}: {said[-2000:]}")

    try:
        with (folder / "log").open("wb") as log:
            data = str(folder / "data")
            how = ("--auth=trust", "--encoding=UTF8", "--no-sync")
            run(str(programs / "initdb"), "-D", data, "-U", user, *how)
            options = " ".join(("-c listen_addresses=''", f"-c unix_socket_directories={folder}", *settings))
            control = (str(programs / "pg_ctl"), "-D", data, "-w", "-t", str(STARTS_S))
            run(*control, "-l", f"{folder}/server", "-o", options, "start")
            try:
                yield Cluster(folder, user)
            finally:
                run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
