"""Snapshots, thumbnails, and frames as the ring's packets."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pil

from api.evidence.naming import Piece
from api.evidence.photographer import NO_FRAME, Photographer
from api.evidence.studio import OFF, Studio
from api.records import new_event_id
from tests.support.clips import number_of, numbered
from tests.support.desk import Filmed, utc
from tests.support.fakes import FakeClock, make_detections
from tests.support.packets import bare, numbers_in
from tests.support.waiting import eventually
from vision.clips import encode
from vision.clips.rules import ClipRules
from vision.sources.packets import StreamInfo
from vision.types import Frame, Observation, Presence, Sighting, Track

BOX = (30.0, 20.0, 90.0, 80.0)
SIZE = (160, 120)


def seen(t_s: float, conf: float = 0.0, *, confirmed: bool = True) -> Observation:
    """A frame numbered by its time in tenths; with an e-bike if ``conf`` is above 0."""
    frame = Frame(numbered(round(t_s * 10), SIZE), t_s, round(t_s * 10))
    if not conf:
        return Observation(frame, make_detections(), (), Presence(t_s))
    track = Track(1, BOX, (0.0,) * 6, conf, 0.0, t_s, 3, 0)
    there = Sighting(1, "e_bike", "cabin", 0.9, confirmed, 0.0, BOX)
    return Observation(frame, make_detections((0, conf, BOX)), (track,), Presence(t_s, (there,)))


class Album:
    """A photographer whose pictures are kept in memory."""

    def __init__(self, folder: Path, *, wants_frames: bool = False) -> None:
        self.made = Filmed(folder)
        self.kept: dict[str, tuple[Piece, bytes]] = {}
        self.photographer = Photographer(
            self.made.desk, self.made.ring, self.keep, FakeClock(), lambda: wants_frames
        )

    def keep(self, piece: Piece, data: bytes) -> None:
        self.kept[piece.kind] = (piece, data)

    def see(self, *observations: Observation) -> None:
        for observation in observations:
            self.photographer.offer(observation)
            self.photographer.turn(observation.frame.t_s)


def decoded(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def test_the_clearest_frame_becomes_the_snapshot(tmp_path: Path) -> None:
    album = Album(tmp_path)
    album.see(seen(0.5, 0.99, confirmed=False), seen(1.0, 0.6), seen(1.2, 0.9))
    album.photographer.begin(new_event_id(), 1.2)
    album.see(seen(1.4, 0.7), seen(2.0), seen(3.1, 0.8), seen(3.3), seen(3.5, 0.99))
    piece, data = album.kept["snapshot"]
    assert piece.started_at == utc(1.2)
    assert number_of(decoded(data)) == 12
    boxed = decoded(album.kept["snapshot_boxes"][1])
    assert boxed.shape == (120, 160, 3)
    red = (boxed[:, :, 2].astype(int) - boxed[:, :, 1]) > 80
    assert red[20:22, 40:80].any()
    assert not red[90:, 100:].any()


def test_an_event_without_a_clear_frame_says_so(tmp_path: Path) -> None:
    album = Album(tmp_path)
    album.photographer.begin(new_event_id(), 1.0)
    album.see(seen(1.0), seen(3.1))
    assert [(f.kind, f.state, f.reason) for f in album.made.files] == [("snapshot", "failed", NO_FRAME)]


def test_a_vehicle_of_long_ago_is_not_this_ones_snapshot(tmp_path: Path) -> None:
    album = Album(tmp_path)
    album.see(seen(1.0, 0.99))
    album.see(seen(30.0, 0.5))
    album.photographer.begin(new_event_id(), 30.0)
    album.see(seen(32.1, 0.4))
    assert number_of(decoded(album.kept["snapshot"][1])) == 300 % 31


def test_the_thumbnail_moves_from_before_to_after_the_start(tmp_path: Path) -> None:
    album = Album(tmp_path)
    album.see(*(seen(n / 10) for n in range(100)))
    album.photographer.begin(new_event_id(), 9.9)
    album.see(*(seen(n / 10) for n in range(100, 145)))
    piece, data = album.kept["thumbnail"]
    with Pil.open(io.BytesIO(data)) as picture:
        frames = getattr(picture, "n_frames", 1)
        assert 13 <= frames <= 16
        assert picture.width == 160
    assert utc(7.9) <= piece.started_at <= utc(8.3)
    assert len(data) < 60_000


def test_frames_become_packets_where_the_cameras_own_are_no_use(tmp_path: Path) -> None:
    album = Album(tmp_path, wants_frames=True)
    album.see(*(seen(n / 10) for n in range(60)))
    clip = album.made.clip(3.0)
    clip.end(5.0)
    clip.advance(8.0)
    (piece,) = album.made.to_convert
    target = tmp_path / "clip.mp4"
    encode.convert(piece.part(tmp_path, "todo"), target)
    assert numbers_in(target) == [n % 31 for n in range(51)]


def studio(folder: Path, *, enabled: bool = True) -> tuple[Studio, Filmed]:
    made = Filmed(folder)
    return Studio(made.desk, ClipRules(), FakeClock(), enabled=enabled), made


def test_switched_off_every_event_says_so_and_nothing_is_kept(tmp_path: Path) -> None:
    off, made = studio(tmp_path, enabled=False)
    off.start()
    off.on_packet(bare(0.0, True))
    off.observe(seen(0.0, 0.9))
    off.begin(new_event_id(), 0.0)
    off.end(made.files[0].event_id, 0.0, 1.0)
    off.stop()
    assert [(f.kind, f.state, f.reason) for f in made.files] == [("clip", "failed", OFF)]
    assert off.ring.n_bytes == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("codec", "from_packets"), [("h264", True), ("rawvideo", False)])
def test_packets_are_used_where_they_can_be_kept(tmp_path: Path, codec: str, from_packets: bool) -> None:
    made, _ = studio(tmp_path)
    made.start()
    made.on_packet(bare(0.0, True, stream=StreamInfo(codec, None, SIZE, bare(0, True).stream.time_base)))
    assert (made.ring.n_bytes > 0) is from_packets
    made.observe(seen(0.1))
    made.observe(seen(0.3))
    if not from_packets:
        eventually(lambda: made.ring.n_bytes > 0)
    made.stop()
    kept = made.ring.taken_from(0).packets
    assert {p.stream.codec for p in kept} == {"h264" if from_packets else "mjpeg"}
