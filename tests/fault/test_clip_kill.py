"""Killed with -9 at random moments while filming: no event is lost, and of a clip at most a second."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from pathlib import Path
from random import Random

import pytest

from api.book import Write
from api.data_dir import StoreOpener
from api.evidence.files import EvidenceFile
from api.evidence.maker import POLL_S
from api.evidence.salvage import recover
from api.store import Store
from api.times import WallTime
from tests.support.filming_child import FPS, desk_in, film_until_killed, read_log, settings_in
from tests.support.packets import numbers_in
from vision.clips.files import sha256_of
from vision.clips.mp4 import FRAGMENT_S

AT_ONCE = 5  # processes that film at the same time
LONGEST_S = 1.6
BOUND_S = ceil(FRAGMENT_S * FPS) / FPS + POLL_S + 1 / FPS
"""What is not in a whole fragment yet, what has not been taken from the ring, and a picture: 0.56 s."""
SLACK = 3.0  # stalls of one thread are not those of another; a busy machine may stop each of them


@pytest.fixture(scope="module")
def context() -> multiprocessing.context.ForkServerContext:
    """Processes that come from one that has imported everything: ready in a moment, and no fork of pytest."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(["tests.support.filming_child"])
    return made


def kill(
    context: multiprocessing.context.ForkServerContext, folder: Path, after_s: float, long: bool
) -> None:
    folder.mkdir()
    process = context.Process(target=film_until_killed, args=(str(folder), after_s, long))
    process.start()
    process.join(60)
    assert process.exitcode == -9, process.exitcode


def start_again(folder: Path) -> tuple[Store, list[EvidenceFile]]:
    """What guard does when it starts after a crash, and what is then known."""
    settings = settings_in(folder)
    store = StoreOpener(settings)()

    def sink(write: Write) -> None:
        write.do(store)

    desk = desk_in(settings, WallTime(), sink)
    recover(desk)
    assert not list(desk.parts.glob("*"))
    events = store.events(limit=100).events
    return store, [file for event in events for file in store.files(event.id)]


def check(folder: Path, long: bool) -> list[EvidenceFile]:
    offered, worst_s, confirmed = read_log(folder)
    store, files = start_again(folder)
    known = {event.id for event in store.events(limit=100).events}
    assert set(confirmed) <= known, "an event that the store had confirmed is lost"
    assert {file.event_id for file in files} == known, "an event has neither a clip nor a reason"
    kept = settings_in(folder).evidence_dir
    for file in files:
        path = kept / file.path
        if file.state == "failed":
            assert file.reason
            assert not path.exists()
            continue
        assert file.state in {"stored", "repaired"}
        assert (file.size_bytes, file.sha256) == (path.stat().st_size, sha256_of(path))
        assert file.duration_s > 0
        assert numbers_in(path)
    for path in kept.rglob("*.mp4"):  # also of an event that was still on its way to the store
        rows = [f for f in store.files(path.name[:36]) if kept / f.path == path]
        assert [f.state for f in rows] in (["stored"], ["repaired"]), f"{path} is not known: {rows}"
    if long:
        shown = sum(len(numbers_in(kept / f.path)) for f in files if f.state != "failed")
        lost_s = (offered - shown) / FPS
        print(f"{lost_s:.2f} s lost; the machine stalled for up to {worst_s:.2f} s")
        assert lost_s <= BOUND_S + SLACK * worst_s, f"{lost_s:.2f} s of the clip are lost"
    store.close()
    return files


def many(
    context: multiprocessing.context.ForkServerContext, folder: Path, count: int, seed: int
) -> list[EvidenceFile]:
    rng = Random(seed)
    runs = [(folder / str(n), rng.uniform(0.05, LONGEST_S), n % 2 == 1) for n in range(count)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda run: kill(context, *run), runs))
    return [file for where, _, long in runs for file in check(where, long)]


def test_killed_ten_times_at_random_moments(
    context: multiprocessing.context.ForkServerContext, tmp_path: Path
) -> None:
    assert many(context, tmp_path, 10, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_a_hundred_and_twenty_times_at_random_moments(
    context: multiprocessing.context.ForkServerContext, tmp_path: Path
) -> None:
    found = many(context, tmp_path, 120, seed=2)
    assert {"repaired", "stored", "failed"} <= {file.state for file in found}
