"""What must always hold of the pre-roll ring and of the times inside a clip."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.support.packets import BARE, bare
from vision.clips.ring import GROUP_MAX_S, OVERHEAD_BYTES, PacketRing
from vision.clips.timeline import JUMP_S, REORDER_S, TICKS_PER_S, Timeline
from vision.sources.packets import EncodedPacket, StreamInfo

OTHER = StreamInfo("h264", b"other", (64, 48), Fraction(1, 1000))

steps = st.lists(
    st.tuples(
        st.floats(0, 3),  # seconds since the packet before
        st.booleans(),  # key frame
        st.integers(1, 4000),  # bytes
        st.sampled_from([BARE, BARE, BARE, OTHER]),
        st.booleans(),  # the taker takes after it
    ),
    max_size=50,
)


def fill(ring: PacketRing, made: list[tuple[float, bool, int, StreamInfo, bool]]) -> list[EncodedPacket]:
    t_s, packets = 0.0, []
    for gap_s, key, size, stream, _ in made:
        t_s += gap_s
        packets.append(bare(t_s, key, size, stream))
        ring.put(packets[-1])
    return packets


def everything(ring: PacketRing, number: int = 0) -> list[EncodedPacket]:
    """All that the ring holds from ``number`` on, across holes."""
    found: list[EncodedPacket] = []
    while (taken := ring.taken_from(number)).packets:
        found += taken.packets
        number = taken.next
    return found


@given(steps, st.floats(0, 20), st.integers(500, 20_000))
def test_the_ring_keeps_its_bounds_and_starts_with_a_key_frame(
    made: list[tuple[float, bool, int, StreamInfo, bool]], keep_s: float, max_bytes: int
) -> None:
    ring = PacketRing(keep_s, max_bytes)
    t_s = 0.0
    for gap_s, key, size, stream, _ in made:
        t_s += gap_s
        ring.put(bare(t_s, key, size, stream))
        held = everything(ring)
        assert ring.n_bytes == sum(len(p.data) + OVERHEAD_BYTES for p in held) <= max_bytes
        if held:
            assert held[0].keyframe
            assert ring.span_s <= keep_s + GROUP_MAX_S
        for before, after in pairwise(held):
            assert after.stream is before.stream or after.keyframe


@given(steps, st.floats(0, 20))
def test_what_is_young_enough_is_there_as_long_as_the_bytes_suffice(
    made: list[tuple[float, bool, int, StreamInfo, bool]], keep_s: float
) -> None:
    ring = PacketRing(keep_s, 10**9)
    packets = fill(ring, made)
    if not packets:
        return
    now_s = packets[-1].t_s
    held = {id(p) for p in everything(ring)}
    stream, broken, since = None, True, now_s - keep_s
    for packet in packets:  # all that can be decoded and is young enough
        if packet.stream is not stream:
            stream, broken = packet.stream, True
        broken = broken and not packet.keyframe
        if not broken and packet.t_s > since and now_s - packets[0].t_s <= GROUP_MAX_S:
            assert id(packet) in held


@given(steps, st.integers(500, 20_000), st.integers(1, 7))
def test_a_slow_taker_gets_every_packet_once_in_order_or_hears_how_many_it_missed(
    made: list[tuple[float, bool, int, StreamInfo, bool]], max_bytes: int, limit: int
) -> None:
    ring = PacketRing(5.0, max_bytes)
    t_s, at, missed = 0.0, 0, 0
    got: list[EncodedPacket] = []
    sent: list[EncodedPacket] = []

    def take() -> bool:
        nonlocal at, missed
        taken = ring.taken_from(at, limit)
        assert len(taken.packets) <= limit
        if taken.missed and taken.packets:
            assert taken.packets[0].keyframe
        assert taken.next - at == len(taken.packets) + taken.missed
        at, missed = taken.next, missed + taken.missed
        got.extend(taken.packets)
        return bool(taken.packets)

    for gap_s, key, size, stream, takes in made:
        t_s += gap_s
        sent.append(bare(t_s, key, size, stream))
        ring.put(sent[-1])
        if takes:
            take()
    while take():
        pass
    assert len(got) + missed == len(sent) == at
    order = {id(p): n for n, p in enumerate(sent)}
    places = [order[id(p)] for p in got]
    assert places == sorted(set(places))


@given(steps, st.floats(0, 400))
def test_a_clip_starts_at_the_key_frame_before(
    made: list[tuple[float, bool, int, StreamInfo, bool]], from_s: float
) -> None:
    ring = PacketRing(10.0, 10**9)
    fill(ring, made)
    held = everything(ring)
    found = everything(ring, ring.start_for(from_s))
    if not held:
        assert not found
        return
    assert found[0].keyframe
    before = [p for p in held if p.keyframe and p.t_s <= from_s]
    assert found[0] is (before[-1] if before else held[0])


stamps = st.one_of(st.none(), st.integers(-(2**40), 2**40))


@given(
    st.lists(
        st.tuples(st.floats(0, 5), stamps, stamps, st.sampled_from([BARE, OTHER])), min_size=1, max_size=40
    )
)
def test_times_in_a_clip_rise_from_zero_and_stay_near_the_arrival(
    made: list[tuple[float, int | None, int | None, StreamInfo]],
) -> None:
    line, t_s, last = Timeline(), 100.0, -1
    for gap_s, pts, dts, stream in made:
        t_s += gap_s
        placed, shown = line.place(replace(bare(t_s, True), pts=pts, dts=dts, stream=stream))
        assert placed > last
        assert 0 <= shown - placed <= REORDER_S * TICKS_PER_S
        arrived = (t_s - (100.0 + made[0][0])) * TICKS_PER_S
        assert placed <= max(arrived + JUMP_S * TICKS_PER_S, last + 1) + 1
        assert placed >= arrived - JUMP_S * TICKS_PER_S - 1
        last = placed
    assert line.last == last


@given(st.integers(1, 60), st.lists(st.floats(0, 0.4), min_size=2, max_size=50))
def test_the_cameras_own_times_are_kept_whatever_the_network_does(fps: int, late_s: list[float]) -> None:
    line = Timeline()
    for n, late in enumerate(late_s):
        packet = replace(
            bare(50.0 + n / fps + late, n == 0), pts=round(n / fps * 90_000), dts=round(n / fps * 90_000)
        )
        assert abs(line.place(packet)[0] - n / fps * TICKS_PER_S) <= 1
