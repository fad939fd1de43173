"""Clips that no browser plays: converted once by a process of its own, kept as they are if that fails."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from api.evidence.converter import Converter
from api.evidence.salvage import recover
from tests.support.desk import Filmed
from tests.support.packets import film, numbers_in
from tests.support.waiting import eventually
from vision.clips import encode
from vision.clips.files import sha256_of


@pytest.fixture
def converter() -> Iterator[Converter]:
    made = Converter()
    made.start()
    yield made
    made.stop()


def filmed(folder: Path, codec: str, size_wh: tuple[int, int] = (65, 49)) -> Filmed:
    """A camera that sends ``codec``; its clip of 3 s waits for its conversion."""
    made = Filmed(folder)
    size_wh = size_wh if codec == "mjpeg" else (64, 48)
    clip = made.clip(0.0)
    made.feed(film(30, codec=codec, size_wh=size_wh), clip)
    clip.finish()
    return made


@pytest.mark.parametrize("codec", ["libx265", "mjpeg"])
def test_it_becomes_h264_at_the_same_times(tmp_path: Path, converter: Converter, codec: str) -> None:
    made = filmed(tmp_path, codec)
    converter.put(made.desk, made.to_convert[0])
    eventually(lambda: made.files[0].state == "stored", 60.0)
    (file,) = made.files
    path = made.path(file)
    with av.open(str(path)) as clip:
        stream = clip.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert (stream.width, stream.height) == (64, 48)
    assert numbers_in(path) == [n % 31 for n in range(30)]
    assert file.duration_s == pytest.approx(3.0, abs=0.11)
    assert (file.size_bytes, file.sha256, file.reason) == (path.stat().st_size, sha256_of(path), None)
    eventually(lambda: made.left_over == [])


def test_what_cannot_be_converted_is_kept_as_it_is_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = filmed(tmp_path, "libx265")
    monkeypatch.setattr(Converter, "_run", lambda *_: (1, "", "told to fail"))
    converter = Converter()
    converter.start()
    converter.put(made.desk, made.to_convert[0])
    eventually(lambda: made.files[0].state != "writing")
    converter.stop()
    (file,) = made.files
    assert file.state == "stored"
    assert "told to fail" in str(file.reason)
    assert numbers_in(made.path(file)) == [n % 31 for n in range(30)]


def test_one_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = filmed(tmp_path, "libx265")
    hanging = tmp_path / "hanging"
    hanging.write_text("#!/bin/sh\nexec sleep 600\n")
    hanging.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(hanging))
    converter = Converter(limit_s=1.0)
    converter.start()
    converter.put(made.desk, made.to_convert[0])
    eventually(lambda: made.files[0].state == "stored")
    assert "TimeoutExpired" in str(made.files[0].reason)
    converter.stop()


def test_what_was_not_converted_when_guard_ended_is_converted_after_the_next_start(
    tmp_path: Path, converter: Converter
) -> None:
    made = filmed(tmp_path, "libx265")
    stopped = Converter()
    stopped.put(made.desk, made.to_convert[0])
    stopped.stop()
    half = made.to_convert[0].part(made.folder, "new")
    half.write_bytes(b"half")
    again = Filmed(tmp_path)
    assert recover(again.desk) == 1
    assert not half.exists()
    converter.put(again.desk, again.to_convert[0])
    eventually(lambda: bool(again.files) and again.files[0].state == "stored", 60.0)
    assert again.files[0].id == made.files[0].id
    eventually(lambda: again.left_over == [])


def test_an_encoder_that_is_not_there_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "ENCODERS", (("no-such-encoder", {}), encode.ENCODERS[0]))
    made = filmed(tmp_path, "mjpeg")
    target = tmp_path / "out.mp4"
    encode.convert(made.to_convert[0].part(made.folder, "todo"), target)
    assert len(numbers_in(target)) == 30
