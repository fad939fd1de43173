"""Whatever is changed in the chain later shows: an edit, a removal, another order, an insertion."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from api.evidence.chain import GENESIS, Link, breaks, facts_of, next_hash
from api.evidence.files import EvidenceFile, FileKind, FileState

T0 = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
IDS = st.uuids(version=4).map(str)
FILES = st.builds(
    EvidenceFile,
    id=IDS,
    event_id=IDS,
    elevator_id=st.sampled_from(["car-1", "car-2"]),
    kind=st.sampled_from(get_args(FileKind)),
    segment=st.integers(0, 9),
    path=st.text(max_size=20),
    media_type=st.just("video/mp4"),
    state=st.sampled_from(get_args(FileState)),
    started_at=st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC)),
    duration_s=st.floats(0, 1e6),
    size_bytes=st.integers(0, 1 << 50),
    sha256=st.none() | st.text("0123456789abcdef", min_size=64, max_size=64),
    reason=st.none() | st.text(max_size=20),
)


def chain_of(files: list[EvidenceFile]) -> list[Link]:
    links, head = [], GENESIS
    for seq, file in enumerate(files, 1):
        facts = facts_of(file, T0 + timedelta(seconds=seq))
        head = next_hash(head, seq, facts)
        links.append(Link(seq, file.id, facts, head))
    return links


@given(st.lists(FILES, max_size=8))
def test_a_chain_that_nobody_touched_holds(files: list[EvidenceFile]) -> None:
    assert list(breaks(chain_of(files))) == []


@given(st.lists(FILES, min_size=1, max_size=8), FILES, st.data())
def test_every_edit_shows(files: list[EvidenceFile], other: EvidenceFile, data: st.DataObject) -> None:
    links = chain_of(files)
    at = data.draw(st.integers(0, len(links) - 1))
    name = data.draw(st.sampled_from(["facts", "file_id", "chain", "fact"]))
    if name == "fact":
        facts = json.loads(links[at].facts)
        key = data.draw(st.sampled_from(sorted(facts)))
        facts[key] = "something else"
        changed = replace(links[at], facts=json.dumps(facts, sort_keys=True, separators=(",", ":")))
    elif name == "facts":
        changed = replace(links[at], facts=facts_of(other, T0))
    elif name == "file_id":
        changed = replace(links[at], file_id="0" * 36)
    else:
        changed = replace(links[at], chain="0" * 64)
    assert list(breaks([*links[:at], changed, *links[at + 1 :]]))


@given(st.lists(FILES, min_size=2, max_size=8), st.data())
def test_every_removal_but_of_the_newest_shows_and_the_head_tells_of_that(
    files: list[EvidenceFile], data: st.DataObject
) -> None:
    links = chain_of(files)
    at = data.draw(st.integers(0, len(links) - 1))
    left = [*links[:at], *links[at + 1 :]]
    if at < len(links) - 1:
        assert list(breaks(left))
        renumbered = [replace(link, seq=seq) for seq, link in enumerate(left, 1)]
        assert list(breaks(renumbered))
    else:
        assert list(breaks(left)) == []
        assert links[-1].chain not in {link.chain for link in left}


@given(st.lists(FILES, min_size=2, max_size=8, unique_by=lambda f: f.id), st.data())
def test_every_other_order_shows(files: list[EvidenceFile], data: st.DataObject) -> None:
    links = chain_of(files)
    order = data.draw(st.permutations(range(len(links))).filter(lambda o: list(o) != sorted(o)))
    shuffled = [links[i] for i in order]
    assert list(breaks(shuffled))
    assert list(breaks([replace(link, seq=seq) for seq, link in enumerate(shuffled, 1)]))


@given(st.lists(FILES, min_size=1, max_size=6), FILES, st.data())
def test_an_insertion_shows(files: list[EvidenceFile], other: EvidenceFile, data: st.DataObject) -> None:
    links = chain_of(files)
    at = data.draw(st.integers(0, len(links) - 1))
    facts = facts_of(other, T0)
    previous = links[at - 1].chain if at else GENESIS
    forged = Link(at + 1, other.id, facts, next_hash(previous, at + 1, facts))
    after = [replace(link, seq=link.seq + 1) for link in links[at:]]
    assert list(breaks([*links[:at], forged, *after]))
