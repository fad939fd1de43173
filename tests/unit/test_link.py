"""The local link over real sockets: nobody waits, nobody crashes, either side may come and go."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
import zmq

from api.link import COMMANDS, LIVE, MAX_COMMAND, GuardLink, frame_topic
from api.live import Command, ReleaseReply, ReleaseRequest
from api.web_link import WebLink
from tests.api.live_values import make_elevator, make_frame, make_state
from vision.errors import LinkError

DEADLINE_S = 20.0
REQUEST = ReleaseRequest(elevator_id="car-1", reason="test", by="me")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def guard(run_dir: Path) -> Iterator[GuardLink]:
    link = GuardLink(run_dir)
    yield link
    link.close()


@asynccontextmanager
async def web_on(run_dir: Path) -> AsyncIterator[WebLink]:
    link = WebLink(run_dir)
    async with link.running():
        yield link


async def until(condition: Callable[[], object], act: Callable[[], object] = lambda: None) -> None:
    """Act again and again until the condition holds."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            act()
            await asyncio.sleep(0.01)


@pytest.mark.anyio
async def test_state_metrics_and_frames_arrive(guard: GuardLink, run_dir: Path) -> None:
    async with web_on(run_dir) as web:
        assert web.state() is None
        assert web.metrics_text() is None
        state = make_state(make_elevator(name="东梯"))
        await until(web.state, lambda: guard.publish_state(state))
        assert web.state() == state
        await until(web.metrics_text, lambda: guard.publish_metrics("a 1\n"))
        assert web.metrics_text() == "a 1\n"

        async with aclosing(web.frames("car-1")) as frames:
            waiting = asyncio.ensure_future(anext(frames))
            await until(lambda: guard.frames_wanted("car-1"))
            guard.publish_frame(make_frame(7), b"jpeg")
            info, jpeg = await asyncio.wait_for(waiting, DEADLINE_S)
        assert (info, jpeg) == (make_frame(7), b"jpeg")


@pytest.mark.anyio
async def test_frames_are_wanted_only_while_somebody_looks(guard: GuardLink, run_dir: Path) -> None:
    async with web_on(run_dir) as web:
        assert not guard.frames_wanted("car-1")
        one, two = web.frames("car-1"), web.frames("car-1")
        waiting = [asyncio.ensure_future(anext(viewer)) for viewer in (one, two)]
        await until(lambda: guard.frames_wanted("car-1"))
        guard.publish_frame(make_frame(1), b"1")
        for got in await asyncio.wait_for(asyncio.gather(*waiting), DEADLINE_S):
            assert got[1] == b"1"  # both share one subscription
        assert not guard.frames_wanted("car-2")
        assert not guard.frames_wanted("car-10")
        assert not guard.frames_wanted("car")

        await one.aclose()
        third = asyncio.ensure_future(anext(two))
        await asyncio.sleep(0)
        guard.publish_frame(make_frame(2), b"2")
        assert (await asyncio.wait_for(third, DEADLINE_S))[1] == b"2"
        await two.aclose()
        await until(lambda: not guard.frames_wanted("car-1"))


@pytest.mark.anyio
async def test_a_web_process_that_dies_no_longer_wants_frames(guard: GuardLink, run_dir: Path) -> None:
    script = """
import asyncio, sys
from pathlib import Path
from api.web_link import WebLink
async def main():
    link = WebLink(Path(sys.argv[1]))
    async with link.running():
        async for _ in link.frames("car-1"):
            pass
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", script, str(run_dir)]) as process:
        try:
            await until(lambda: guard.frames_wanted("car-1"))
        finally:
            process.kill()
    await until(lambda: not guard.frames_wanted("car-1"))


@pytest.mark.anyio
async def test_a_viewer_gets_the_newest_frame_not_the_backlog(guard: GuardLink, run_dir: Path) -> None:
    async with web_on(run_dir) as web, aclosing(web.frames("car-1")) as frames:
        waiting = asyncio.ensure_future(anext(frames))
        await until(lambda: guard.frames_wanted("car-1"))
        guard.publish_frame(make_frame(1), b"1")
        await asyncio.wait_for(waiting, DEADLINE_S)
        feed = web._feeds[frame_topic("car-1")]
        for seq in range(2, 20):  # the viewer is busy meanwhile
            before = feed.version
            guard.publish_frame(make_frame(seq), str(seq).encode())
            await until(lambda before=before: feed.version > before)  # type: ignore[misc]
        info, _ = await asyncio.wait_for(anext(frames), DEADLINE_S)
        assert info.seq == 19


@pytest.mark.anyio
async def test_publishing_never_waits_for_a_subscriber_that_does_not_read(
    guard: GuardLink, run_dir: Path
) -> None:
    context = zmq.Context()
    stuck = context.socket(zmq.SUB)
    stuck.set(zmq.RCVHWM, 1)
    stuck.subscribe(b"")
    stuck.connect(f"ipc://{run_dir / LIVE}")
    try:
        jpeg = bytes(300_000)
        done = threading.Event()

        def flood() -> None:
            for seq in range(2000):  # 600 MB would not fit into any queue
                guard.publish_frame(make_frame(seq), jpeg)
            done.set()

        await until(lambda: stuck.poll(0), lambda: guard.publish_state(make_state()))
        threading.Thread(target=flood, daemon=True).start()
        assert await asyncio.to_thread(done.wait, 60)
    finally:
        context.destroy(linger=0)


@pytest.mark.anyio
async def test_silence_is_noticed_and_guard_may_come_back(run_dir: Path) -> None:
    now = [100.0]
    web = WebLink(run_dir, clock=lambda: now[0])
    async with web.running():
        first = GuardLink(run_dir)
        await until(web.state, lambda: first.publish_state(make_state()))
        first.close()
        now[0] += 2.9
        assert web.state() is not None
        now[0] += 0.2
        assert web.state() is None
        second = GuardLink(run_dir)
        await until(web.state, lambda: second.publish_state(make_state(version="0.2.0")))
        second.close()
        state = web.state()
        assert state is not None
        assert state.version == "0.2.0"


@pytest.mark.anyio
async def test_state_changes_tells_each_reader(guard: GuardLink, run_dir: Path) -> None:
    async with web_on(run_dir) as web:
        a, b = web.state_changes(), web.state_changes()
        assert await anext(a) is None
        assert await anext(b) is None
        await until(web.state, lambda: guard.publish_state(make_state()))
        for reader in (a, b):
            async with asyncio.timeout(DEADLINE_S):
                while (state := await anext(reader)) is None:
                    pass
            assert state.version == "0.1.0"
            await reader.aclose()


@pytest.mark.anyio
async def test_iterators_end_when_the_link_is_closed(run_dir: Path) -> None:
    async def count(frames: AsyncIterator[object]) -> int:
        return len([1 async for _ in frames])

    web = WebLink(run_dir)
    async with web.running():
        readers = [asyncio.create_task(count(it)) for it in (web.frames("car-1"), web.state_changes())]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert await asyncio.wait_for(asyncio.gather(*readers), DEADLINE_S) == [0, 1]
    with pytest.raises(LinkError, match="closed"):
        await web.command(REQUEST)


# --- commands ----------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_release_reaches_guard_and_its_answer_comes_back(guard: GuardLink, run_dir: Path) -> None:
    heard: list[Command] = []

    def handler(request: Command) -> ReleaseReply:
        heard.append(request)
        return ReleaseReply(
            accepted=isinstance(request, ReleaseRequest) and request.elevator_id == "car-1", detail="let go"
        )

    guard.serve_commands(handler)
    async with web_on(run_dir) as web:
        assert await web.command(REQUEST, DEADLINE_S) == ReleaseReply(accepted=True, detail="let go")
        other = REQUEST.model_copy(update={"elevator_id": "car-9"})
        replies = await asyncio.gather(*(web.command(r, DEADLINE_S) for r in (REQUEST, other, REQUEST)))
        assert [r.accepted for r in replies] == [True, False, True]
    assert len(heard) == 4


@pytest.mark.anyio
async def test_a_release_without_guard_fails_and_does_not_arrive_later(run_dir: Path) -> None:
    heard: list[Command] = []

    def handler(request: Command) -> ReleaseReply:
        heard.append(request)
        return ReleaseReply(accepted=True, detail="")

    async with web_on(run_dir) as web:
        with pytest.raises(LinkError, match="did not answer"):
            await web.command(REQUEST, 0.1)
        guard = GuardLink(run_dir)
        later = REQUEST.model_copy(update={"reason": "second"})
        guard.serve_commands(handler)
        await web.command(later, DEADLINE_S)
        guard.close()
    assert heard == [later]


@pytest.mark.anyio
async def test_a_command_that_waited_too_long_in_a_hung_guard_is_not_done(run_dir: Path) -> None:
    guard = GuardLink(run_dir)
    heard: list[Command] = []

    def handler(request: Command) -> ReleaseReply:
        heard.append(request)
        return ReleaseReply(accepted=True, detail="")

    async with web_on(run_dir) as web:
        with pytest.raises(LinkError):
            await web.command(REQUEST, 0.5)  # guard does not look
    assert guard.poll_commands(handler, 0.2) == 0
    assert heard == []
    guard.close()


def test_what_is_not_understood_is_answered_counted_and_harmless(guard: GuardLink, run_dir: Path) -> None:
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.connect(f"ipc://{run_dir / COMMANDS}")
    late = repr(time.monotonic() + 60).encode()
    good = REQUEST.model_dump_json().encode()
    bad: list[list[bytes]] = [
        [b""],
        [b"1"],
        [b"1", late],
        [b"1", b"soon", good],
        [b"1", b"nan", good],
        [b"1", late, b"\xff\xfe"],
        [b"1", late, b"{}"],
        [b"1", late, good[:-1] + b', "extra": 1}'],
        [b"1", late, good, b"more"],
        [b"1" * 5000, late, b"[" * 10_000],
    ]

    def handler(request: Command) -> ReleaseReply:
        return ReleaseReply(accepted=True, detail="")

    try:
        for parts in bad:
            socket.send_multipart(parts)
            assert guard.poll_commands(handler, DEADLINE_S) == 0
            assert socket.poll(round(DEADLINE_S * 1000))
            reply = ReleaseReply.model_validate_json(socket.recv_multipart()[-1])
            assert not reply.accepted
        assert guard.invalid_commands == len(bad)
        socket.send_multipart([b"1", late, good])
        assert guard.poll_commands(handler, DEADLINE_S) == 1
    finally:
        context.destroy(linger=0)


def test_an_oversized_command_is_refused_by_the_socket(guard: GuardLink, run_dir: Path) -> None:
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    monitor = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    socket.connect(f"ipc://{run_dir / COMMANDS}")
    try:
        socket.send_multipart([b"1", b"1", bytes(MAX_COMMAND + 1)])
        assert monitor.poll(round(DEADLINE_S * 1000)), "guard should hang up"
        assert guard.poll_commands(lambda _: ReleaseReply(accepted=True, detail=""), 0.0) == 0
        assert guard.invalid_commands == 0  # it never got that far
    finally:
        socket.disable_monitor()
        context.destroy(linger=0)


@pytest.mark.anyio
async def test_a_handler_that_fails_does_not_end_the_thread(
    guard: GuardLink, run_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    calls = []

    def handler(request: Command) -> ReleaseReply:
        calls.append(request)
        if len(calls) == 1:
            raise RuntimeError("broken")
        return ReleaseReply(accepted=True, detail="")

    guard.serve_commands(handler)
    async with web_on(run_dir) as web:
        with pytest.raises(LinkError):
            await web.command(REQUEST, 1.0)
        assert (await web.command(REQUEST, DEADLINE_S)).accepted
    assert "answering a command failed" in caplog.text


# --- what web hears that it does not understand ---------------------------------------------------


@pytest.mark.anyio
async def test_web_counts_what_it_does_not_understand(
    guard: GuardLink, run_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with web_on(run_dir) as web:
        await until(web.state, lambda: guard.publish_state(make_state()))
        for parts in ([b"state"], [b"state", b"{"], [b"metrics", b"\xff"], [b"state", b"1", b"2"]):
            before = web.invalid_messages
            guard._publish(parts)
            await until(lambda before=before: web.invalid_messages > before)  # type: ignore[misc]
        assert web.state() is not None
    assert caplog.text.count("does not understand") == 1


@pytest.mark.anyio
async def test_web_understands_a_newer_guard(guard: GuardLink, run_dir: Path) -> None:
    """Web may be older for a while: what it does not know it leaves out, the rest it shows."""
    newer = json.loads(make_state().model_dump_json()) | {"weather": "rain"}
    newer["elevators"][0] |= {"mood": 1, "camera": newer["elevators"][0]["camera"] | {"lens": "wide"}}
    frame = json.loads(make_frame(7).model_dump_json()) | {"zoom": 2}
    frame["boxes"][0]["colour"] = "red"
    async with web_on(run_dir) as web:
        await until(web.state, lambda: guard._publish([b"state", json.dumps(newer).encode()]))
        assert web.state() == make_state()
        async with aclosing(web.frames("car-1")) as frames:
            waiting = asyncio.ensure_future(anext(frames))
            await until(lambda: guard.frames_wanted("car-1"))
            guard._publish([frame_topic("car-1"), json.dumps(frame).encode(), b"jpeg"])
            assert await asyncio.wait_for(waiting, DEADLINE_S) == (make_frame(7), b"jpeg")
        assert web.invalid_messages == 0


# --- the folder --------------------------------------------------------------------------------------------


def test_the_folder_is_private(run_dir: Path) -> None:
    run_dir.mkdir(mode=0o755)
    run_dir.chmod(0o755)
    guard = GuardLink(run_dir)
    assert run_dir.stat().st_mode & 0o777 == 0o700
    guard.close()
    guard.close()


def test_a_second_guard_is_refused_and_the_first_goes_on(guard: GuardLink, run_dir: Path) -> None:
    with pytest.raises(LinkError, match="another guard"):
        GuardLink(run_dir)
    guard.publish_state(make_state())


def test_what_a_crashed_guard_left_behind_is_taken_over(run_dir: Path) -> None:
    script = "import sys, os, pathlib, api.link as l; g = l.GuardLink(pathlib.Path(sys.argv[1])); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", script, str(run_dir)], check=False).returncode == 9
    assert (run_dir / LIVE).exists()
    GuardLink(run_dir).close()


def test_a_path_too_long_for_a_socket_is_said(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 120)
    for make in (GuardLink, WebLink):
        with pytest.raises(LinkError, match=r"107.*shorter"):
            make(long)
    assert not long.exists()


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LinkError, match="data_dir"):
        GuardLink(tmp_path / "file" / "run")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(run_dir: Path) -> None:
    run_dir.mkdir()
    os.chown(run_dir, 12345, -1)
    with pytest.raises(LinkError, match="belongs to user 12345"):
        GuardLink(run_dir)


def test_after_close_nothing_happens(run_dir: Path) -> None:
    guard = GuardLink(run_dir)
    guard.close()
    guard.publish_state(make_state())
    assert not guard.frames_wanted("car-1")
    assert guard.poll_commands(lambda _: ReleaseReply(accepted=True, detail="")) == 0
