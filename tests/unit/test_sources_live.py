"""The watcher and its readers, with connections that a test scripts. The real thing is in tests/contract."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from random import Random

import av
import pytest

from tests.support.clips import number_of, numbered
from tests.support.waiting import GENEROUS_S, eventually
from vision.sources import Backoff, open_source
from vision.sources.live import Connect, LiveSource, _Link
from vision.sources.packets import OnPacket
from vision.types import Clock

ADDRESS = "rtsp://admin:hunter22@10.0.0.5/live"
Script = Iterator[av.VideoFrame | None]


def picture(number: int) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(numbered(number), format="bgr24")


class ScriptedConnection:
    def __init__(self, script: Script) -> None:
        self.damaged = 0
        self.hurry = False
        self.closed = threading.Event()
        self._script = script

    def pictures(self, on_packet: OnPacket | None = None, clock: Clock | None = None) -> Script:
        return self._script

    def close(self) -> None:
        self.closed.set()


def source_over(connect: Connect, kind: type[LiveSource] = LiveSource, **changes: object) -> LiveSource:
    options: dict[str, object] = {
        "clock": time.monotonic,
        "open_timeout_s": 0.05,  # and a second of grace
        "stall_timeout_s": 0.3,
        "backoff": Backoff(0.001, 0.01),
        "rng": Random(1),
        "on_packet": None,
    }
    return kind(ADDRESS, connect, **{**options, **changes})  # type: ignore[arg-type]  # plain values above


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What hanging connections wait for; set at the end, so that no thread outlives the test."""
    event = threading.Event()
    yield event
    event.set()


def then_hang(event: threading.Event, *pictures: av.VideoFrame | None) -> Script:
    yield from pictures
    event.wait()


def scripted(*scripts: Callable[[], Script]) -> Connect:
    """Connections that follow the scripts in turn, the last one again and again."""
    left = list(scripts)

    def connect() -> ScriptedConnection:
        return ScriptedConnection((left.pop(0) if len(left) > 1 else left[0])())

    return connect


def test_newest_frame_wins_and_the_rest_is_counted(released: threading.Event) -> None:
    source = source_over(scripted(lambda: then_hang(released, *map(picture, range(5)))), stall_timeout_s=60)
    eventually(lambda: source.status().frames == 5, what=source.status)
    frame = source.read(0)
    assert frame is not None
    assert (number_of(frame.image), frame.seq) == (4, 4)
    status = source.status()
    assert (status.state, status.frames, status.dropped, status.size_wh) == ("live", 5, 4, (64, 48))
    source.close()


def test_a_connection_that_hangs_while_opening_is_left_behind(released: threading.Event) -> None:
    """As a name server or a USB driver does it: nothing interrupts the call."""
    calls = []

    def connect() -> ScriptedConnection:
        calls.append(threading.current_thread())
        if len(calls) == 1:
            released.wait()
        return ScriptedConnection(then_hang(released, picture(3)))

    source = source_over(connect, stall_timeout_s=60)
    frame = source.read(GENEROUS_S)
    assert frame is not None
    assert number_of(frame.image) == 3
    assert source.status().state == "live"
    released.set()
    calls[0].join(GENEROUS_S)
    assert source.status().frames == 1  # what the first one brings in the end is not taken
    source.close()


def test_hanging_attempts_do_not_pile_up(released: threading.Event) -> None:
    calls: list[int] = []

    def connect() -> ScriptedConnection:
        calls.append(1)
        released.wait()
        raise OSError("too late")

    source = source_over(connect, open_timeout_s=0.001)
    eventually(lambda: "3 earlier attempts hang" in source.status().detail, what=source.status)
    assert source.status().state == "lost"
    assert source.read(0.1) is None
    assert len(calls) == 3
    released.set()
    eventually(lambda: len(calls) > 3, what="goes on when they have ended")
    source.close()


def test_a_stream_that_stalls_is_stated_and_replaced(released: threading.Event) -> None:
    connections: list[ScriptedConnection] = []
    second = threading.Event()

    def connect() -> ScriptedConnection:
        if connections:
            second.wait()
        script = then_hang(released, picture(len(connections)))
        connections.append(ScriptedConnection(script))
        return connections[-1]

    source = source_over(connect)
    eventually(lambda: source.status().state == "stalled", what=source.status)
    assert "no picture came" in source.status().detail
    second.set()
    eventually(lambda: source.status().state == "live", what=source.status)
    assert source.status().reconnects == 1
    source.close()
    released.set()
    assert connections[0].closed.wait(GENEROUS_S)  # the one left behind is freed when its call returns


def test_packets_without_pictures_are_patience_at_first_and_a_stall_later() -> None:
    """A camera may take 20 s to its first key frame; after that, packets that give no picture are no use."""

    def script() -> Script:
        pause = threading.Event()
        deadline_s = time.monotonic() + 0.9  # three times the stall time-out
        while time.monotonic() < deadline_s:
            pause.wait(0.02)
            yield None
        yield picture(1)
        while True:
            pause.wait(0.02)
            yield None

    states = []
    source = source_over(scripted(script))
    eventually(lambda: source.status().frames == 1, what=source.status)
    states.append(source.status().state)
    eventually(lambda: source.status().state == "stalled", what=source.status)
    assert states == ["live"]
    source.close()


@pytest.mark.parametrize(
    "error",
    [OSError(5, "Input/output error"), ValueError(ADDRESS), av.error.InvalidDataError(1, "x", ADDRESS)],
)
def test_errors_are_stated_logged_once_and_never_tell_the_password(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    attempts: list[int] = []

    def connect() -> ScriptedConnection:
        attempts.append(1)
        raise error

    with caplog.at_level(logging.DEBUG):
        source = source_over(connect)
        eventually(lambda: len(attempts) > 5, what=source.status)
        status = source.status()
        source.close()
    assert status.state == "lost"
    assert status.detail.startswith("No picture from rtsp://***@10.0.0.5/live: ")
    assert [record.levelname for record in caplog.records].count("WARNING") == 1
    assert "hunter22" not in caplog.text + status.detail


def test_lost_and_back_are_logged_once_each(
    caplog: pytest.LogCaptureFixture, released: threading.Event
) -> None:
    attempts: list[int] = []

    def connect() -> ScriptedConnection:
        attempts.append(1)
        if 2 <= len(attempts) <= 9:
            raise ConnectionRefusedError
        return ScriptedConnection(
            iter([picture(1)]) if len(attempts) == 1 else then_hang(released, picture(2))
        )

    with caplog.at_level(logging.INFO):
        source = source_over(connect, stall_timeout_s=60)
        eventually(lambda: source.status().frames == 2, what=source.status)
        eventually(lambda: "is back" in caplog.text, what=lambda: caplog.text)
        source.close()
    told = [(record.levelname, record.getMessage().split(":")[1][:30]) for record in caplog.records]
    assert [level for level, _ in told] == ["INFO", "WARNING", "INFO"]
    assert source.status().reconnects == 1


def test_the_back_off_grows_while_a_camera_gives_one_picture_and_dies() -> None:
    """A picture alone does not start the back-off afresh: a flapping camera is spared."""
    asked: list[int] = []

    class Watched(Backoff):
        def delay_s(self, attempt: int, rng: Random) -> float:
            asked.append(attempt)
            return 0.0

    source = source_over(scripted(lambda: iter([picture(1)])), backoff=Watched())
    eventually(lambda: len(asked) >= 6, what=source.status)
    source.close()
    assert asked[:6] == [0, 1, 2, 3, 4, 5]


def test_the_watcher_outlives_what_it_did_not_expect(
    caplog: pytest.LogCaptureFixture, released: threading.Event
) -> None:
    class OutOfThreads(LiveSource):
        refusals = 3

        def _start_reader(self) -> _Link:
            if self.refusals:
                self.refusals -= 1
                raise RuntimeError("can't start new thread")
            return super()._start_reader()

    source = source_over(
        scripted(lambda: then_hang(released, picture(1))), kind=OutOfThreads, stall_timeout_s=60
    )
    eventually(lambda: source.status().state == "live", what=source.status)
    source.close()
    assert caplog.text.count("watching camera rtsp://***@10.0.0.5/live failed") == 1


def test_close_returns_soon_while_everything_hangs(released: threading.Event) -> None:
    source = source_over(scripted(lambda: then_hang(released)), stall_timeout_s=60)
    eventually(
        lambda: any(thread.name.startswith("read rtsp://***@10.0.0.5") for thread in threading.enumerate())
    )
    asked_s = time.monotonic()
    source.close()
    source.close()
    assert time.monotonic() - asked_s < 2 * 2 + 2  # two seconds each, and a busy machine
    assert source.status().state == "closed"
    assert source.read(0) is None


def test_close_wakes_a_waiting_reader(released: threading.Event) -> None:
    source = source_over(scripted(lambda: then_hang(released)), stall_timeout_s=60)
    answers: list[object] = []
    reader = threading.Thread(target=lambda: answers.append(source.read(600)))
    reader.start()
    source.close()
    reader.join(GENEROUS_S)
    assert answers == [None]


def test_a_usb_camera_that_is_not_there_is_stated_and_waited_for() -> None:
    source = open_source("/dev/video63", open_timeout_s=0.2)
    eventually(lambda: source.status().state == "lost", what=source.status)
    assert "/dev/video63: there is no such device" in source.status().detail
    source.close()


@pytest.mark.parametrize("name", ["open_timeout_s", "stall_timeout_s"])
def test_time_outs_that_make_no_sense(name: str) -> None:
    with pytest.raises(ValueError, match="time-outs must be above 0"):
        open_source(ADDRESS, **{name: 0.0})  # type: ignore[arg-type]  # one of two float keywords
