from __future__ import annotations

import logging
import random
import struct
import time
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from tests.support.clips import number_of, write_clip, write_images
from tests.support.waiting import GENEROUS_S, eventually
from vision.errors import SourceError
from vision.sources import EncodedPacket, iter_frames, open_source
from vision.types import Image


class HandClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", 20)


def test_replay_gives_every_frame_with_the_times_of_the_file(clip: Path) -> None:
    frames = list(iter_frames(clip))
    assert [number_of(frame.image) for frame in frames] == list(range(20))
    assert [frame.seq for frame in frames] == list(range(20))
    assert [frame.t_s for frame in frames] == pytest.approx([number / 25 for number in range(20)])


def test_replay_is_the_same_every_time(clip: Path) -> None:
    once, again = ([(f.t_s, f.seq, f.image.tobytes()) for f in iter_frames(clip)] for _ in range(2))
    assert once == again


def test_replay_with_another_rate(clip: Path) -> None:
    assert [f.t_s for f in iter_frames(clip, fps=5)] == pytest.approx([number / 5 for number in range(20)])


def test_replay_of_a_folder_skips_what_cannot_be_read_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_images(tmp_path, 12)
    (tmp_path / "3.png").write_bytes(b"")
    (tmp_path / "7.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    replay = iter_frames(tmp_path)
    with caplog.at_level(logging.WARNING):
        frames = list(replay)
    kept = [number for number in range(12) if number not in {3, 7}]
    assert [number_of(frame.image) for frame in frames] == kept
    assert [frame.seq for frame in frames] == kept
    assert [frame.t_s for frame in frames] == pytest.approx([number / 10 for number in kept])
    assert (replay.total, replay.skipped) == (12, 2)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2


def test_replay_of_a_single_image(tmp_path: Path) -> None:
    write_images(tmp_path, 6)
    (frame,) = iter_frames(tmp_path / "5.png")
    assert number_of(frame.image) == 5


@pytest.mark.parametrize("address", ["0", "rtsp://user:hunter22@cam/live"])
def test_cameras_cannot_be_replayed(address: str) -> None:
    with pytest.raises(SourceError, match="only files and folders") as caught:
        iter_frames(address)
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf"), 1e9])
def test_senseless_rates(clip: Path, fps: float) -> None:
    with pytest.raises(ValueError, match="frames per second"):
        iter_frames(clip, fps)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty.mp4", b"", r"is empty \(0 bytes\)"),
        ("noise.mp4", random.Random(1).randbytes(20_000), "not a video"),
        ("zeros.mp4", bytes(20_000), "not a video"),
        ("letter.txt", b"Dear sir or madam,\n" * 200, "not a video"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "not a video"),
        ("list.ffconcat", b"ffconcat version 1.0\nfile clip.mp4\n", "not a video"),
    ],
)
def test_files_that_are_no_video(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(SourceError, match=says):
        open_source(str(path))
    with pytest.raises(SourceError, match=says):
        iter_frames(path)


def test_sound_without_pictures_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        frame.rate = 8000
        output.mux([*stream.encode(frame), *stream.encode(None)])
    with pytest.raises(SourceError, match="no video in it"):
        open_source(str(path))


def test_file_cut_off_in_the_middle_gives_what_is_there(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.ts", 20)
    cut = tmp_path / "cut.ts"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    frames = list(iter_frames(cut))
    assert 3 < len(frames) < 20
    assert [number_of(frame.image) for frame in frames] == list(range(len(frames)))


def test_times_rise_even_where_the_stamps_of_the_file_run_back(tmp_path: Path) -> None:
    """As in a recording that a recorder pieced together from two."""
    once = write_clip(tmp_path / "once.ts", 8)
    twice = tmp_path / "twice.ts"
    twice.write_bytes(once.read_bytes() * 2)
    frames = list(iter_frames(twice))
    assert [number_of(frame.image) for frame in frames] == [*range(8), *range(8)]
    assert all(earlier.t_s < later.t_s for earlier, later in pairwise(frames))
    assert frames[-1].t_s == pytest.approx(15 / 25)


def test_damaged_pictures_are_skipped_counted_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "damaged.avi", 12, codec="mjpeg", damage=(4, 5, 9))
    replay = iter_frames(path)
    assert [number_of(frame.image) for frame in replay] == [n for n in range(12) if n not in {4, 5, 9}]
    assert replay.skipped == 3
    source = open_source(str(path), real_time=False)
    while source.read(GENEROUS_S) is not None:
        pass
    assert source.status().state == "ended"
    assert "9 pictures, 3 damaged skipped" in source.status().detail
    source.close()


def test_real_time_follows_the_clock_it_is_given(clip: Path) -> None:
    clock = HandClock()
    source = open_source(str(clip), clock=clock)
    first = source.read(GENEROUS_S)
    assert first is not None
    assert (number_of(first.image), first.t_s) == (0, 100.0)
    assert source.read(0.2) is None  # time stands still, and so does the film
    clock.now_s += 0.04
    second = source.read(GENEROUS_S)
    assert second is not None
    assert number_of(second.image) == 1
    assert second.t_s == pytest.approx(100.04)
    clock.now_s += 0.40
    eventually(lambda: source.status().frames == 12, what=source.status)  # 10 more are due by now
    newest = source.read(0)
    assert newest is not None
    assert number_of(newest.image) == 11
    assert source.status().dropped == 9
    source.close()


def test_after_a_long_sleep_the_film_goes_on_without_a_rush(clip: Path) -> None:
    clock = HandClock()
    source = open_source(str(clip), clock=clock)
    assert source.read(GENEROUS_S) is not None
    clock.now_s += 3600
    frame = source.read(GENEROUS_S)
    assert frame is not None
    assert number_of(frame.image) == 1
    assert source.read(0.2) is None
    source.close()


def test_a_long_hole_in_a_recording_is_not_waited_for(tmp_path: Path) -> None:
    clip = write_clip(
        tmp_path / "hole.mp4", 4, stamp=lambda number: number if number < 2 else number + 25 * 3600
    )
    assert [frame.t_s for frame in iter_frames(clip)] == pytest.approx([0, 0.04, 3600.08, 3600.12])
    clock = HandClock()
    source = open_source(str(clip), clock=clock)
    for number in (0, 1, 2, 3):
        frame = source.read(GENEROUS_S)
        assert frame is not None
        assert number_of(frame.image) == number
        clock.now_s += 0.04
    source.close()


def test_unhurried_playback_loses_nothing_and_ends_once(clip: Path) -> None:
    source = open_source(str(clip), real_time=False)
    numbers = []
    while (frame := source.read(GENEROUS_S)) is not None:
        numbers.append((number_of(frame.image), frame.seq))
    assert numbers == [(number, number) for number in range(20)]
    status = source.status()
    assert (status.state, status.frames, status.dropped, status.size_wh) == ("ended", 20, 0, (64, 48))
    source.close()


def test_a_reader_that_overlooks_the_end_does_not_spin(clip: Path) -> None:
    source = open_source(str(clip), real_time=False)
    while source.read(GENEROUS_S) is not None:
        pass
    asked_s = time.monotonic()
    assert source.read(0.3) is None
    assert time.monotonic() - asked_s >= 0.29
    source.close()


def test_loop_starts_again_and_goes_on_counting(clip: Path) -> None:
    source = open_source(str(clip), real_time=False, loop=True)
    frames = [source.read(GENEROUS_S) for _ in range(50)]
    assert [number_of(frame.image) for frame in frames if frame] == [number % 20 for number in range(50)]
    assert [frame.seq for frame in frames if frame] == list(range(50))
    source.close()


def test_folder_plays_at_its_rate_and_loops(tmp_path: Path) -> None:
    write_images(tmp_path, 3)
    clock = HandClock()
    source = open_source(str(tmp_path), clock=clock, folder_fps=2, loop=True)
    for number in range(7):
        frame = source.read(GENEROUS_S)
        assert frame is not None
        assert number_of(frame.image) == number % 3
        assert frame.t_s == pytest.approx(100.0 + number / 2)
        clock.now_s += 0.5
    source.close()


def test_folder_with_nothing_readable_ends_even_when_looping(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"rubbish")
    source = open_source(str(tmp_path), loop=True)
    assert source.read(GENEROUS_S) is None
    assert source.status().state == "ended"
    assert "1 damaged skipped" in source.status().detail
    source.close()


def test_recording_that_vanishes_between_repeats_ends_with_the_reason(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", 3)
    source = open_source(str(path), real_time=False, loop=True)
    assert source.read(GENEROUS_S) is not None
    path.unlink()
    while source.read(GENEROUS_S) is not None:
        pass
    assert source.status().state == "ended"
    assert "No such file" in source.status().detail
    source.close()


def test_packets_are_offered_and_make_a_playable_clip(clip: Path, tmp_path: Path) -> None:
    """Cut from the second key frame on, which is only possible with the parameter sets inside the packets."""
    packets: list[EncodedPacket] = []
    source = open_source(str(clip), real_time=False, on_packet=packets.append)
    while source.read(GENEROUS_S) is not None:
        pass
    source.close()
    assert len(packets) == 20
    assert [index for index, packet in enumerate(packets) if packet.keyframe] == [0, 10]
    info = packets[0].stream
    assert (info.codec, info.size_wh, packets[0].keyframe) == ("h264", (64, 48), True)
    assert all(earlier.t_s <= later.t_s for earlier, later in pairwise(packets))

    cut = tmp_path / "cut.mp4"
    with av.open(str(cut), "w") as output:
        stream = output.add_mux_stream(info.codec, rate=25, width=info.size_wh[0], height=info.size_wh[1])
        for item in packets[10:]:
            packet = av.Packet(item.data)
            packet.pts, packet.dts, packet.time_base = item.pts, item.dts, info.time_base
            packet.is_keyframe = item.keyframe
            packet.stream = stream
            output.mux(packet)
    assert [number_of(frame.image) for frame in iter_frames(cut)] == list(range(10, 20))


def test_a_packet_taker_that_fails_does_not_stop_the_picture(
    clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    calls = []

    def taker(packet: EncodedPacket) -> None:
        calls.append(packet)
        raise RuntimeError("disk full")

    source = open_source(str(clip), real_time=False, on_packet=taker)
    count = 0
    while source.read(GENEROUS_S) is not None:
        count += 1
    source.close()
    assert count == 20
    assert len(calls) == 1
    assert "disk full" in caplog.text


def left_half_white(_number: int, size_wh: tuple[int, int]) -> Image:
    picture = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    picture[:, : size_wh[0] // 2] = 255
    return picture


def test_sideways_recordings_are_turned_upright(tmp_path: Path) -> None:
    """As phones write them: the track header's matrix says "turn a quarter clockwise to show"."""
    path = write_clip(tmp_path / "phone.mp4", 3, draw=left_half_white)
    upright = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    clockwise = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    movie, track, rest = path.read_bytes().split(upright)
    path.write_bytes(movie + upright + track + clockwise + rest)
    frames = list(iter_frames(path))
    assert [frame.image.shape for frame in frames] == [(64, 48, 3)] * 3
    assert frames[0].image[:20].mean() > 240  # what was left is now on top
    assert frames[0].image[-20:].mean() < 15
    source = open_source(str(path), real_time=False)
    assert source.read(GENEROUS_S) is not None
    assert source.status().size_wh == (48, 64)
    source.close()


def test_a_packet_carries_the_time_at_which_its_picture_is_shown(clip: Path) -> None:
    packets: list[EncodedPacket] = []
    source = open_source(str(clip), on_packet=packets.append)
    frames = []
    deadline_s = time.monotonic() + GENEROUS_S
    while source.status().state != "ended" and time.monotonic() < deadline_s:
        frame = source.read(0.1)
        frames += [frame] if frame else []
    source.close()
    assert len(packets) == 20, "though the decoder runs ahead"
    shown = {number_of(frame.image): frame.t_s for frame in frames}
    assert shown
    for number, t_s in shown.items():
        assert packets[number].t_s == t_s
