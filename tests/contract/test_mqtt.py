"""MQTT for Home Assistant against a real Mosquitto: discovery, state, being gone, coming back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest

from api.live import GuardState
from api.notices.home_assistant import Topics
from api.notices.mqtt import Broker, MqttNotices
from tests.api.live_values import make_elevator, make_state
from tests.support.mosquitto import PASSWORD, USER, Mosquitto

# slow: on a busy machine the client library now and then loses a cancellation and a test then waits in vain.
pytestmark = [pytest.mark.mosquitto, pytest.mark.slow, pytest.mark.anyio]
GENEROUS_S = 20.0


class TalkingLink:
    """A guard whose states a test gives one by one."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.now: GuardState | None = make_state()

    def say(self, state: GuardState | None) -> None:
        self.now = state
        self.changed.set()

    async def state_changes(self) -> AsyncGenerator[GuardState | None, None]:
        while True:
            self.changed.clear()
            yield self.now
            await self.changed.wait()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.stop()


class Listener:
    """Home Assistant's ears: the latest payload of every topic."""

    def __init__(self) -> None:
        self.heard: dict[str, str] = {}
        self.changed = asyncio.Event()

    async def listen(self, port: int, connected: asyncio.Event) -> None:
        async with aiomqtt.Client("127.0.0.1", port, username=USER, password=PASSWORD) as client:
            await client.subscribe("#", qos=1)
            connected.set()
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                self.heard[str(message.topic)] = message.payload.decode()
                self.changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(GENEROUS_S):
            while not holds():
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def listening(port: int) -> AsyncIterator[Listener]:
    listener, connected = Listener(), asyncio.Event()
    task = asyncio.create_task(listener.listen(port, connected))
    await asyncio.wait_for(connected.wait(), GENEROUS_S)
    try:
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def telling(broker: Mosquitto, link: TalkingLink) -> AsyncIterator[MqttNotices]:
    notices = MqttNotices(
        Broker("127.0.0.1", broker.port, USER, PASSWORD), Topics(), link, retry_s=(0.05, 0.1)
    )
    task = asyncio.create_task(notices.run())
    try:
        yield notices
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_discovery_and_state_arrive_and_follow_guard(broker: Mosquitto) -> None:
    link = TalkingLink()
    async with listening(broker.port) as ears, telling(broker, link):
        await ears.until(lambda: ears.heard.get("liftguard/availability") == "online")
        config = json.loads(ears.heard["homeassistant/binary_sensor/liftguard_car-1/held/config"])
        assert config["state_topic"] == "liftguard/car-1/state"
        assert json.loads(ears.heard["liftguard/car-1/state"])["held"] == "OFF"

        link.say(make_state(make_elevator(energised=True, open_event_id="e1")))
        await ears.until(lambda: json.loads(ears.heard["liftguard/car-1/state"])["held"] == "ON")
        assert json.loads(ears.heard["liftguard/car-1/state"])["e_bike"] == "ON"

        link.say(None)  # guard is silent
        await ears.until(lambda: ears.heard["liftguard/availability"] == "offline")


async def test_a_listener_that_comes_later_hears_what_is(broker: Mosquitto) -> None:
    link = TalkingLink()
    async with telling(broker, link):
        async with listening(broker.port) as first:
            await first.until(lambda: first.heard.get("liftguard/availability") == "online")
        async with listening(broker.port) as late:
            await late.until(lambda: len(late.heard) == 8)  # six entities, state, availability: all retained


async def test_the_broker_says_offline_when_we_end(broker: Mosquitto) -> None:
    async with listening(broker.port) as ears:
        async with telling(broker, TalkingLink()):
            await ears.until(lambda: ears.heard.get("liftguard/availability") == "online")
        await ears.until(lambda: ears.heard["liftguard/availability"] == "offline")


async def test_a_broker_that_is_killed_is_found_again_and_told_everything_again(broker: Mosquitto) -> None:
    async def until(holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(GENEROUS_S):
            while not holds():
                await asyncio.sleep(0.01)

    wait: Callable[[Callable[[], bool]], Awaitable[None]] = until
    async with telling(broker, TalkingLink()) as notices:
        await wait(lambda: notices.connected)
        broker.stop()
        await wait(lambda: not notices.connected)
        broker.start()
        await wait(lambda: notices.connected)
        async with listening(broker.port) as ears:
            await ears.until(lambda: ears.heard.get("liftguard/availability") == "online")
            assert "liftguard/car-1/state" in ears.heard


async def test_a_wrong_password_is_logged_once_and_shown_nowhere(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    notices = MqttNotices(
        Broker("127.0.0.1", broker.port, USER, "wrong-secret"), Topics(), TalkingLink(), retry_s=(0.02,)
    )
    task = asyncio.create_task(notices.run())
    async with asyncio.timeout(GENEROUS_S):
        while notices.attempts < 5:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(caplog.records) == 1
    assert "wrong-secret" not in caplog.text
    assert "wrong-secret" not in repr(notices._broker)
