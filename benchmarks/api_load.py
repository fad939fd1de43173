"""The guards and programs of the `api` benchmark: one process that only asks, listens and counts.

It reads what to do as one JSON line on stdin and writes what it found as one JSON line on stdout.

Requests are open-loop: each has its moment, and its latency counts from that moment even if everything before
it is late, so a server that stalls cannot hide it by keeping the next request waiting.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import uvloop

from benchmarks.api_clients import Events, Found, Pictures, Pool


class Load:
    """All of it, for so many seconds."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.found = Found()
        self.pool = Pool(plan["host"], plan["port"], self.found)
        self._seen: dict[int, str] = {}
        self.ending = False

    def _head(self, path: str, cookie: str, more: str = "") -> bytes:
        host = f"{self.plan['host']}:{self.plan['port']}"
        return (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: liftguard_session={cookie}\r\n{more}\r\n"
        ).encode()

    async def run(self) -> dict[str, Any]:
        """Open the pages, ask, and stop after the planned time."""
        loop = asyncio.get_running_loop()
        host, port, found = self.plan["host"], self.plan["port"], self.found
        for number, cookie in enumerate(self.plan["guards"]):
            pause_s = self.plan["open_within_s"] / max(1, len(self.plan["guards"]))
            key = base64.b64encode(os.urandom(16)).decode()
            upgrade = (
                f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                f"Sec-WebSocket-Version: 13\r\nOrigin: http://{host}:{port}\r\n"
            )
            elevator = self.plan["elevators"][number % len(self.plan["elevators"])]
            socket = self._head(f"/api/v1/elevators/{elevator}/live", cookie, upgrade)
            timed = number % 10 == 0
            await loop.create_connection(partial(Pictures, socket, found, timed), host, port)
            hear = self._page(number, cookie, timed)
            live = self._head("/api/v1/live", cookie)
            await loop.create_connection(partial(Events, live, found, hear), host, port)
            changes = self._head("/api/v1/stream", cookie)
            await loop.create_connection(partial(Events, changes, found, lambda *_: None), host, port)
            await asyncio.sleep(pause_s)
        before = resource.getrusage(resource.RUSAGE_SELF)
        began_s = time.monotonic()
        await self._ask(began_s)
        await asyncio.sleep(1.0)  # for the last answers
        after = resource.getrusage(resource.RUSAGE_SELF)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        errors = dict(found.errors)
        return {
            "began_s": began_s,
            "ended_s": time.monotonic(),
            "cpu_s": cpu_s,
            "list_ms": found.list_ms,
            "other_ms": found.other_ms,
            "behind_ms": found.behind_ms,
            "state_behind_ms": found.state_behind_ms,
            "late_ms": found.late_ms,
            "counts": dict(found.counts),
            "errors": errors,
        }

    def _page(self, number: int, cookie: str, timed: bool) -> Callable[[str, bytes], None]:
        """What the live page's script does with a state: when something has changed it asks for events."""
        fragment = self._head("/fragments/events?lang=zh", cookie)
        loop = asyncio.get_running_loop()

        def fetch() -> None:
            self._timed(fragment, self.found.other_ms, "fragment")

        def hear(kind: str, data: bytes) -> None:
            if kind != "state":
                return
            state = json.loads(data[6:])
            if timed:
                behind = time.time() - datetime.fromisoformat(state["at"]).timestamp()
                self.found.state_behind_ms.append(behind * 1000)
            key = " ".join(f"{e['open_event_id']} {e['events']} {e['phase']}" for e in state["elevators"])
            if self._seen.get(number) != key:
                self._seen[number] = key
                for delay_s in (0.0, 0.7):
                    loop.call_later(delay_s, fetch)

        def again() -> None:
            fetch()
            loop.call_later(30.0, again)

        loop.call_later(30.0 * number / max(1, len(self.plan["guards"])), again)
        return hear

    def _timed(self, request: bytes, into: list[float], name: str) -> None:
        asked_s = time.monotonic()

        def done(status: int) -> None:
            into.append((time.monotonic() - asked_s) * 1000)
            self._count(name, status)

        self.pool.ask(request, done)

    def _count(self, name: str, status: int) -> None:
        self.found.counts[f"{name} {status}"] += 1
        if status not in {200, 304}:
            self.found.errors[f"{name} {status}"] += 1

    async def _ask(self, began_s: float) -> None:
        """Requests to the event list, each at its moment."""
        rate, end_s = self.plan["rate"], self.plan["seconds"]
        requests = [
            self._head(path, cookie)
            for path, cookie in zip(
                _cycle(self.plan["paths"], 997), _cycle(self.plan["askers"], 997), strict=True
            )
        ]
        number = 0
        while number < rate * end_s:
            due_s = began_s + number / rate
            wait_s = due_s - time.monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            self._one(requests[number % len(requests)], due_s)
            number += 1

    def _one(self, request: bytes, due_s: float) -> None:
        self.found.late_ms.append((time.monotonic() - due_s) * 1000)

        def done(status: int) -> None:
            self.found.list_ms.append((due_s, (time.monotonic() - due_s) * 1000))
            self._count("list", status)

        self.pool.ask(request, done)


def _cycle(values: Sequence[str], n: int) -> list[str]:
    """``n`` of them in turn; two lists of different length then meet in every combination."""
    return [values[i % len(values)] for i in range(n)]


def work() -> None:
    """Do what stdin says."""
    plan = json.loads(sys.stdin.readline())
    os.nice(plan["nice"])
    load = Load(plan)
    found = uvloop.run(load.run())
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()
    os._exit(0)  # connections that are still open are no errors


if __name__ == "__main__":
    work()
