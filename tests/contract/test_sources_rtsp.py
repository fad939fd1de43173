"""Cameras that die, hang, lie or change their mind: a real RTSP server, and sockets that talk rubbish."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import av
import cv2
import pytest

from tests.support.clips import number_of, numbered, write_clip
from tests.support.fake_cameras import FakeCamera
from tests.support.rtsp_server import RtspServer, repeated, why_not
from tests.support.waiting import GENEROUS_S, eventually
from vision.sources import Backoff, EncodedPacket, open_source
from vision.types import FrameSource, SourceState

pytestmark = pytest.mark.rtsp

Opener = Callable[..., FrameSource]


@pytest.fixture(scope="session")
def rtsp() -> None:
    if reason := why_not():
        pytest.skip(f"NO RTSP SERVER ON THIS MACHINE, camera tests do not run: {reason}")


@pytest.fixture
def server(rtsp: None) -> Iterator[RtspServer]:
    with RtspServer() as running:
        yield running


@pytest.fixture
def opened() -> Iterator[Opener]:
    """`open_source` with short time-outs, closed at the end."""
    sources: list[FrameSource] = []

    def opener(address: str, **changes: object) -> FrameSource:
        options: dict[str, object] = {
            "open_timeout_s": 1.5,
            "stall_timeout_s": 1.0,
            "backoff": Backoff(0.05, 0.2),
            **changes,
        }
        sources.append(open_source(address, **options))  # type: ignore[arg-type]  # keywords of open_source
        return sources[-1]

    yield opener
    for source in sources:
        source.close()


def wait_for(source: FrameSource, *states: SourceState) -> str:
    eventually(lambda: source.status().state in states, what=source.status)
    return source.status().detail


def test_killed_and_restarted(server: RtspServer, opened: Opener, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "vision"):
        source = opened(server.url)
        assert source.read(GENEROUS_S) is not None
        server.kill()
        wait_for(source, "lost")
        eventually(lambda: "refuses the connection" in source.status().detail, what=source.status)
        last_before = source.status().frames
        lost_s = time.monotonic()
        server.start()
        wait_for(source, "live")
        eventually(lambda: source.status().frames > last_before + 3, what=source.status)
    frame = source.read(GENEROUS_S)
    assert frame is not None
    assert frame.t_s > lost_s
    assert source.status().reconnects == 1
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert [level for level, _ in told] == ["INFO", "WARNING", "INFO"]
    assert "is back after" in told[-1][1]


def test_stalls_without_closing_and_comes_back(server: RtspServer, opened: Opener) -> None:
    source = opened(server.url)
    assert source.read(GENEROUS_S) is not None
    server.freeze()
    assert "no picture came for 1." in wait_for(source, "stalled")
    while source.read(0) is not None:
        pass
    assert source.read(0.2) is None  # says nothing rather than hang
    assert "does not answer" in wait_for(source, "lost")
    server.thaw()
    wait_for(source, "live")
    assert source.read(GENEROUS_S) is not None
    assert source.status().reconnects == 1


def test_close_while_frozen(server: RtspServer, opened: Opener) -> None:
    source = opened(server.url, stall_timeout_s=60)
    assert source.read(GENEROUS_S) is not None
    server.freeze()
    asked_s = time.monotonic()
    source.close()
    assert time.monotonic() - asked_s < 5
    assert source.status().state == "closed"
    server.thaw()


def test_changes_resolution_mid_stream(server: RtspServer, opened: Opener) -> None:
    source = opened(server.url)
    frame = source.read(GENEROUS_S)
    assert frame is not None
    assert frame.image.shape == (240, 320, 3)
    for size_wh in ((640, 360), (176, 144)):
        server.resize(size_wh)
        eventually(lambda size=size_wh: source.status().size_wh == size, what=source.status)  # type: ignore[misc]
        frame = source.read(GENEROUS_S)
        assert frame is not None
        assert frame.image.shape == (size_wh[1], size_wh[0], 3)
        assert f"{size_wh[0]}x{size_wh[1]}" in source.status().detail
    assert (source.status().state, source.status().reconnects) == ("live", 0)


def test_reads_over_udp(server: RtspServer, opened: Opener) -> None:
    source = opened(server.url, rtsp_transport="udp")
    for _ in range(5):
        assert source.read(GENEROUS_S) is not None


def test_login(rtsp: None, opened: Opener, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), RtspServer(login=("admin", "hunter22")) as server:
        right = opened(server.url.replace("://", "://admin:hunter22@"))
        assert right.read(GENEROUS_S) is not None
        wrong = opened(server.url.replace("://", "://admin:wrongpass33@"))
        detail = wait_for(wrong, "lost")
        assert "refuses the user name or password (401)" in detail
        shown = caplog.text + detail + right.status().detail
    assert "hunter22" not in shown
    assert "wrongpass33" not in shown


def test_unknown_path(server: RtspServer, opened: Opener) -> None:
    assert "(404)" in wait_for(opened(server.url + "/nothing"), "lost")


def test_nobody_listens(opened: Opener) -> None:
    with FakeCamera() as camera:
        port = camera.port
    assert "refuses the connection" in wait_for(opened(f"rtsp://127.0.0.1:{port}/cam"), "lost")


def test_never_answers(opened: Opener) -> None:
    with FakeCamera() as camera:
        source = opened(camera.url)
        assert "does not answer" in wait_for(source, "lost")
        eventually(lambda: camera.accepted >= 2, what="tries again")
        assert source.read(0.1) is None


@pytest.mark.parametrize(
    "rubbish",
    [
        bytes(range(1, 256)) * 64,
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>router</html>" * 50,
        b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 999999999\r\n\r\nv=0\r\n" * 50,
        b"$\x00\xff\xff" * 1000,
    ],
    ids=["noise", "web page", "endless description", "stray packets"],
)
def test_answers_garbage(opened: Opener, rubbish: bytes) -> None:
    with FakeCamera(rubbish) as camera:
        source = opened(camera.url, open_timeout_s=0.5, stall_timeout_s=0.5)
        detail = wait_for(source, "lost")
        assert detail.startswith("No picture from rtsp://127.0.0.1")
        eventually(lambda: camera.accepted >= 2, what="tries again")
        source.close()


def test_web_page_instead_of_a_stream(opened: Opener) -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + b"<p>router</p>" * 5000
    with FakeCamera(page) as camera:
        wait_for(opened(camera.url.replace("rtsp", "http")), "lost")


def test_http_camera_with_motion_jpeg(opened: Opener) -> None:
    done, jpeg = cv2.imencode(".jpg", numbered(9, (320, 240)))
    assert done
    part = (
        f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode() + jpeg.tobytes()
    )
    greeting = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=next\r\n\r\n"
    with FakeCamera(part + b"\r\n", greeting) as camera:
        source = opened(camera.url.replace("rtsp", "http"))
        frame = source.read(GENEROUS_S)
        assert frame is not None
        assert (frame.image.shape, number_of(frame.image)) == ((240, 320, 3), 9)
        assert "320x240 from http://127.0.0.1" in source.status().detail
        source.close()


def test_packets_of_a_camera_make_a_clip(server: RtspServer, opened: Opener, tmp_path: Path) -> None:
    packets: list[EncodedPacket] = []
    source = opened(server.url, on_packet=packets.append)
    eventually(lambda: sum(packet.keyframe for packet in packets) >= 2, what=source.status)
    source.close()
    keyframe = [index for index, packet in enumerate(packets) if packet.keyframe][1]
    later = packets[keyframe : keyframe + 5]
    info = later[0].stream
    assert info.codec == "h264"
    with av.open(str(tmp_path / "clip.mp4"), "w") as output:
        stream = output.add_mux_stream(info.codec, rate=25, width=320, height=240)
        for item in later:
            packet = av.Packet(item.data)
            packet.pts, packet.dts, packet.time_base = item.pts, item.pts, info.time_base
            packet.is_keyframe = item.keyframe
            packet.stream = stream
            output.mux(packet)
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        assert len(list(clip.decode(video=0))) == len(later)


def test_a_file_served_as_a_camera(rtsp: None, opened: Opener, tmp_path: Path) -> None:
    """As the whole-way test does it with the sample clip."""
    clip = write_clip(tmp_path / "clip.mp4", 25, size_wh=(320, 240))
    longer = repeated(clip, 3, tmp_path / "longer.mp4")
    with av.open(str(longer)) as container:
        assert len(list(container.decode(video=0))) == 75
    with RtspServer(longer) as server:
        source = opened(server.url)
        numbers: list[tuple[int, int]] = []
        while len(numbers) < 20:
            frame = source.read(GENEROUS_S)
            assert frame is not None
            numbers.append((frame.seq, number_of(frame.image)))
        assert all(
            (later - earlier) % 25 == (seq - before) % 25
            for (before, earlier), (seq, later) in pairwise(numbers)
        )


def test_the_program_can_end_while_a_camera_hangs() -> None:
    """Threads inside FFmpeg must neither keep the interpreter alive nor crash it on its way out."""
    with FakeCamera() as camera:
        program = (
            "from vision.sources import open_source\n"
            f"source = open_source({camera.url!r}, open_timeout_s=60, stall_timeout_s=60)\n"
            "source.read(0.3)\n"
            "print(source.status().state, flush=True)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=GENEROUS_S * 2,
            check=False,
        )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "connecting", "")
