"""How often somebody may fail: free tries first, then pauses that double. Nobody is locked out for good.

Counted in memory; `api.accounts.failures` keeps it over a restart.
"""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vision.types import Clock

Key = tuple[str, str]  # kind of limit, whom it counts


@dataclass(frozen=True, slots=True)
class Limit:
    """``free`` failures cost nothing; then one waits ``first_s``, doubled each time, at most ``most_s``."""

    free: int
    first_s: float
    most_s: float


LIMITS: Final[Mapping[str, Limit]] = {
    # One address at one account: what a person who mistypes meets.
    "pair": Limit(5, 1.0, 900.0),
    # One address at any account: guessing one password for many people.
    "address": Limit(20, 1.0, 900.0),
    # One account from anywhere: at most 95 tries in an hour (ASVS 2.2.1 allows 100), and never locked out for
    # longer than a minute by somebody else's guessing.
    "account": Limit(30, 1.0, 60.0),
    # The set-up code and one-time addresses.
    "code": Limit(5, 1.0, 900.0),
}
FORGET_S: Final = 3600.0
"""A failure is forgotten after an hour without another."""
KEPT: Final = 20_000
"""Counters in memory, the longest unused go first."""


@dataclass(frozen=True, slots=True)
class Count:
    """What is counted for one key, as seen from now."""

    failures: int
    ago_s: float  # the last one
    wait_s: float  # until the next may be; 0 or less: now


@dataclass(slots=True)
class _Count:
    failures: int
    last_s: float
    until_s: float


class Limiter:
    """Counts failures. Safe to use from several threads."""

    def __init__(self, clock: Clock, limits: Mapping[str, Limit] = LIMITS) -> None:
        self._clock = clock
        self._limits = limits
        self._counts: OrderedDict[Key, _Count] = OrderedDict()
        self._lock = threading.Lock()

    def attempt(self, *keys: Key) -> float:
        """Begin an attempt: it counts as a failure until `succeeded` says otherwise.

        Counting first keeps many attempts at once from all being free. Returns: 0.0, or the seconds to wait
        before trying again; then it was not counted.
        """
        with self._lock:
            now_s = self._clock()
            wait_s = max((self._wait_s(key, now_s) for key in keys), default=0.0)
            if wait_s > 0:
                return wait_s
            for key in keys:
                self._count(key, now_s)
            return 0.0

    def succeeded(self, *keys: Key) -> None:
        """The attempt was right: forget the failures of the first key, and this one of the others."""
        with self._lock:
            for index, key in enumerate(keys):
                count = self._counts.get(key)
                if count is None:
                    continue
                count.failures -= 1
                count.until_s = min(count.until_s, count.last_s)
                if index == 0 or count.failures <= 0:
                    del self._counts[key]

    def count(self, key: Key) -> Count | None:
        """What is counted for a key now; None: nothing."""
        with self._lock:
            count, now_s = self._counts.get(key), self._clock()
            if count is None:
                return None
            return Count(count.failures, now_s - count.last_s, count.until_s - now_s)

    def restore(self, key: Key, count: Count) -> None:
        """Go on from what was counted before, unless this process has counted already."""
        with self._lock:
            now_s = self._clock()
            if key not in self._counts:
                self._counts[key] = _Count(count.failures, now_s - count.ago_s, now_s + count.wait_s)

    def _wait_s(self, key: Key, now_s: float) -> float:
        count = self._counts.get(key)
        if count is None:
            return 0.0
        if now_s - count.last_s > FORGET_S:
            del self._counts[key]
            return 0.0
        return max(0.0, count.until_s - now_s)

    def _count(self, key: Key, now_s: float) -> None:
        limit = self._limits[key[0]]
        count = self._counts.setdefault(key, _Count(0, now_s, now_s))
        self._counts.move_to_end(key)
        count.failures += 1
        count.last_s = now_s
        over = count.failures - limit.free
        if over >= 0:
            count.until_s = now_s + min(limit.most_s, limit.first_s * 2.0 ** min(over, 40))
        while len(self._counts) > KEPT:
            self._counts.popitem(last=False)


def network(address: str) -> str:
    """Who counts as one: an IPv4 address, or the /64 of an IPv6 address, of which one person has many."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False).network_address)
    return str(ip)


def keys_of(login: str, address: str) -> Sequence[Key]:
    """The counters of one sign-in, the pair first."""
    place = network(address)
    return (("pair", f"{place} {login}"), ("address", place), ("account", login))
