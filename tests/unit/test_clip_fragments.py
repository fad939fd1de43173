"""Cutting a broken clip: wherever it breaks off, the whole fragments before that play."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.packets import film, numbers_in
from vision.clips.fragments import cut_to_whole, whole_part
from vision.clips.mp4 import FRAGMENT_S, Mp4Writer


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A finished clip of 10 s."""
    path = tmp_path_factory.mktemp("whole") / "clip.mp4"
    packets = film(100)
    writer = Mp4Writer(path, packets[0])
    for packet in packets:
        writer.add(packet)
    written = writer.finish()
    assert written.packets == 100
    assert written.n_bytes == path.stat().st_size
    return path.read_bytes()


def test_a_finished_clip_is_whole(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "clip"
    path.write_bytes(whole)
    found = cut_to_whole(path)
    assert found.n_bytes == len(whole) == path.stat().st_size
    assert found.fragments == pytest.approx(10 / FRAGMENT_S, abs=1)


@given(share=st.floats(0, 1), tail=st.binary(max_size=40))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_wherever_it_breaks_off_the_rest_plays(
    whole: bytes, tmp_path: Path, share: float, tail: bytes
) -> None:
    cut = round(share * len(whole))
    path = tmp_path / "clip"
    path.write_bytes(whole[:cut] + (tail if cut < len(whole) else b""))
    before = whole_part(path)
    assert cut_to_whole(path) == before == whole_part(path)
    assert path.stat().st_size == before.n_bytes <= cut + len(tail)
    if before.fragments and before.n_bytes <= cut:  # else rubbish happened to fill the last box up
        numbers = numbers_in(path)
        assert numbers == [n % 31 for n in range(len(numbers))]
        assert len(numbers) >= (before.fragments - 1) * FRAGMENT_S * 10


@given(st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rubbish_is_no_clip(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "clip"
    path.write_bytes(data)
    assert cut_to_whole(path).fragments == 0
    assert path.stat().st_size == 0


def test_zeros_after_a_power_cut_are_cut_off(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "clip"
    path.write_bytes(whole[: len(whole) // 2] + bytes(4096))
    found = cut_to_whole(path)
    assert found.fragments > 5
    assert len(numbers_in(path)) >= 40
