"""The clip of an event: what it shows, how it is cut, and what is told when the disk fails."""

from __future__ import annotations

import errno
import math
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from api.evidence.maker import POLL_S
from api.evidence.salvage import duration_of
from tests.support.desk import Filmed, utc
from tests.support.packets import film, numbers_in
from vision.clips.files import GrowingFile, sha256_of
from vision.clips.fragments import cut_to_whole
from vision.clips.mp4 import FRAGMENT_S
from vision.clips.rules import ClipRules


def test_it_shows_from_the_key_frame_before_to_after_the_end(tmp_path: Path) -> None:
    made = Filmed(tmp_path)
    packets = film(300)  # 30 s, a key frame each second
    made.feed(packets[:125])
    clip = made.clip(12.5)
    made.feed(packets[125:160], clip)
    clip.end(22.0)
    made.feed(packets[160:], clip)
    (file,) = made.files
    assert [f.state for f in made.store.told] == ["writing", "writing", "stored"]
    assert file.started_at == utc(7.0)  # 5 s before 12.5 s lies between two key frames
    assert numbers_in(made.path(file)) == [n % 31 for n in range(70, 221)]
    assert file.duration_s == pytest.approx(15.1, abs=0.01)
    assert file.size_bytes == made.path(file).stat().st_size
    assert file.sha256 == sha256_of(made.path(file))
    assert file.reason is None
    assert made.left_over == []
    assert oct(made.path(file).stat().st_mode & 0o777) == "0o600"
    assert {oct(p.stat().st_mode & 0o777) for p in made.path(file).parents if tmp_path in p.parents} == {
        "0o700"
    }


def test_a_long_hold_goes_on_in_further_files_without_a_hole(tmp_path: Path) -> None:
    made = Filmed(tmp_path, ClipRules(pre_s=2, segment_s=10, max_s=600))
    packets = film(400)
    made.feed(packets[:50])
    clip = made.clip(5.0)
    made.feed(packets[50:350], clip)
    clip.end(34.95)
    made.feed(packets[350:], clip)
    assert [f.segment for f in made.files] == [0, 1, 2, 3]
    assert [f.started_at for f in made.files] == [utc(3), utc(13), utc(23), utc(33)]
    shown = [n for f in made.files for n in numbers_in(made.path(f))]
    assert shown == [n % 31 for n in range(30, 350)]
    assert len({f.path for f in made.files}) == 4


def test_an_e_bike_parked_for_hours_does_not_fill_the_disk(tmp_path: Path) -> None:
    made = Filmed(tmp_path, ClipRules(pre_s=0, segment_s=10, max_s=25))
    clip = made.clip(0.0)
    made.feed(film(600), clip)
    assert sum(f.duration_s for f in made.files) == pytest.approx(25, abs=0.2)
    assert "evidence.max_s" in str(made.files[-1].reason)
    assert not clip.advance(60.0)
    assert len(made.files) == 3


def test_overlapping_events_share_what_was_filmed(tmp_path: Path) -> None:
    made = Filmed(tmp_path)
    packets = film(400)
    made.feed(packets[:100])
    first = made.clip(10.0)
    made.feed(packets[100:150], first)
    first.end(25.0)
    second = made.clip(15.0)
    made.feed(packets[150:300], first, second)
    second.end(30.0)
    made.feed(packets[300:], second)
    one, two = (numbers_in(made.path(f)) for f in made.files)
    assert one == [n % 31 for n in range(50, 251)]
    assert two == [n % 31 for n in range(100, 301)]


@pytest.mark.parametrize("fps", [5, 10, 25])
def test_whenever_the_power_goes_all_but_the_last_second_is_whole(tmp_path: Path, fps: int) -> None:
    made = Filmed(tmp_path / "evidence")
    clip = made.clip(0.0)
    look_s, worst_s = 0.0, 0.0
    for number, packet in enumerate(film(6 * fps, fps=fps)):
        made.ring.put(packet)
        worst_s = max(worst_s, (number + 1) / fps - whole_s(made, tmp_path))
        if packet.t_s >= look_s:
            clip.advance(packet.t_s)
            look_s += POLL_S
    fragment_s = math.ceil(FRAGMENT_S * fps) / fps  # of whole pictures
    assert 0 < worst_s <= fragment_s + POLL_S + 1 / fps + 0.001
    assert worst_s < 1.0


def whole_s(made: Filmed, folder: Path) -> float:
    """Seconds that would be left of the clip that is being written."""
    if not made.left_over:
        return 0.0
    copy = folder / "copy.mp4"
    shutil.copy(made.desk.parts / made.left_over[0], copy)
    return duration_of(copy) if cut_to_whole(copy).fragments else 0.0


def test_a_camera_that_gave_nothing_leaves_a_reason(tmp_path: Path) -> None:
    made = Filmed(tmp_path)
    clip = made.clip(10.0)
    clip.end(20.0)
    assert clip.advance(21.0)
    assert not clip.advance(22.5)
    (file,) = made.files
    assert (file.state, file.reason) == ("failed", "no picture came from the camera")


def test_a_camera_that_is_lost_ends_the_clip(tmp_path: Path) -> None:
    made = Filmed(tmp_path)
    clip = made.clip(0.0)
    made.feed(film(50), clip)
    clip.end(30.0)
    assert not clip.advance(33.0)
    assert made.files[0].state == "stored"
    assert made.files[0].duration_s == pytest.approx(5, abs=0.01)


def test_a_new_connection_of_the_same_kind_goes_on_in_the_same_file(tmp_path: Path) -> None:
    made = Filmed(tmp_path)
    clip = made.clip(0.0)
    made.feed(film(50), clip)
    made.feed(film(50, start_s=8.0, stream=replace), clip)  # back after 3 s
    clip.finish()
    (file,) = made.files
    assert file.duration_s == pytest.approx(13, abs=0.15)
    assert len(numbers_in(made.path(file))) == 100


def test_another_picture_size_begins_another_file(tmp_path: Path) -> None:
    made = Filmed(tmp_path)
    clip = made.clip(0.0)
    made.feed(film(50), clip)
    made.feed(film(50, start_s=5.0, size_wh=(96, 64)), clip)
    clip.finish()
    assert [f.segment for f in made.files] == [0, 1]
    assert [len(numbers_in(made.path(f))) for f in made.files] == [50, 50]


@pytest.mark.parametrize("codec", ["libx265", "mjpeg"])
def test_what_browsers_do_not_play_waits_for_its_conversion(tmp_path: Path, codec: str) -> None:
    made = Filmed(tmp_path)
    clip = made.clip(0.0)
    made.feed(film(50, codec=codec), clip)
    clip.finish()
    (piece,) = made.to_convert
    assert made.files[0].state == "writing"
    assert made.left_over == [piece.part(made.folder, "todo").name]
    assert len(numbers_in(piece.part(made.folder, "todo"))) == 50


def test_a_stream_that_announced_no_size_is_measured(tmp_path: Path) -> None:
    made = Filmed(tmp_path)
    clip = made.clip(0.0)
    made.feed(film(20, stream=lambda info: replace(info, size_wh=(0, 0), extradata=None)), clip)
    clip.finish()
    assert len(numbers_in(made.path(made.files[0]))) == 20


def test_a_disk_too_slow_costs_pictures_and_says_so(tmp_path: Path) -> None:
    made = Filmed(tmp_path, ClipRules(pre_s=0, ring_bytes=12_000))  # some two groups of these pictures
    packets = film(200)
    clip = made.clip(0.0)
    made.feed(packets[:20], clip)
    made.feed(packets[20:150])  # nobody takes them
    made.feed(packets[150:], clip)
    clip.finish()
    (file,) = made.files
    assert file.state == "stored"
    assert "pictures are missing" in str(file.reason)
    assert file.duration_s == pytest.approx(20, abs=0.1)  # what came later stands at its own time


class FullDisk:
    """Stands in for `os.write` and fails once so many bytes are written, until it is emptied."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._write = os.write

    def __call__(self, fd: int, data: memoryview) -> int:
        n = min(len(data), self.room)
        if n == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= n
        return self._write(fd, data[:n])


def test_a_full_disk_keeps_what_was_whole_and_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Filmed(tmp_path)
    packets = film(400)
    disk = FullDisk(6_000)
    monkeypatch.setattr(os, "write", disk)
    clip = made.clip(0.0)
    made.feed(packets[:200], clip)
    first = made.files[0]
    assert first.state == "repaired"
    assert "No space left" in str(first.reason)
    kept = numbers_in(made.path(first))
    assert kept == [n % 31 for n in range(len(kept))]
    assert len(kept) >= 10
    assert first.sha256 == sha256_of(made.path(first))
    disk.room = 10**9
    made.feed(packets[200:], clip)
    clip.finish()
    assert made.files[-1].state == "stored"
    assert made.files[-1].segment == made.files[-2].segment + (made.files[-2].state != "failed")
    assert made.left_over == []


def test_a_disk_full_from_the_start_leaves_one_row_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "write", FullDisk(0))
    made = Filmed(tmp_path)
    clip = made.clip(0.0)
    made.feed(film(400), clip)
    clip.finish()
    (file,) = made.files
    assert file.state == "failed"
    assert "No space left" in str(file.reason)
    assert made.left_over == []


def test_a_folder_that_may_not_be_written_costs_the_clip_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: GrowingFile, path: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(GrowingFile, "__init__", refuse)
    made = Filmed(tmp_path)
    clip = made.clip(0.0)
    made.feed(film(50), clip)
    clip.finish()
    assert made.files[0].state == "failed"
    assert "Permission denied" in str(made.files[0].reason)
