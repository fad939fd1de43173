"""MQTT for Home Assistant against a real Mosquitto: discovery, state, being gone, coming back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from api.live import GuardState
from api.notices.home_assistant import Topics
from api.notices.mqtt import Broker, MqttNotices
from tests.api.live_values import make_elevator, make_state
from tests.support.mosquitto import PASSWORD, USER, Mosquitto
from tests.support.whole import free_port

pytestmark = [pytest.mark.mosquitto, pytest.mark.anyio]
GENEROUS_S = 60.0


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
    """Home Assistant's ears: the latest payload of every topic. ``heard`` changes in the event loop only."""

    def __init__(self) -> None:
        self.heard: dict[str, str] = {}
        self.listening = asyncio.Event()
        self._changed = asyncio.Event()

    def connect(self, port: int) -> Client:
        """A client whose thread listens to everything, from the moment ``listening`` is set."""
        loop = asyncio.get_running_loop()

        def subscribed(*_: object) -> None:
            loop.call_soon_threadsafe(self.listening.set)

        def heard(_client: Client, _data: object, message: MQTTMessage) -> None:
            loop.call_soon_threadsafe(self._hear, message)

        client = Client(CallbackAPIVersion.VERSION2)
        client.username_pw_set(USER, PASSWORD)
        client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        client.on_subscribe = subscribed
        client.on_message = heard
        client.connect_async("127.0.0.1", port)
        client.loop_start()
        return client

    def _hear(self, message: MQTTMessage) -> None:
        self.heard[message.topic] = message.payload.decode()
        self._changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(GENEROUS_S):
            while not holds():
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def listening(port: int) -> AsyncIterator[Listener]:
    listener = Listener()
    client = listener.connect(port)
    try:
        async with asyncio.timeout(GENEROUS_S):
            await listener.listening.wait()
        yield listener
    finally:
        client.disconnect()
        client.loop_stop()


async def until(holds: Callable[[], bool]) -> None:
    """Until it holds: what changes is a flag without an event of its own."""
    async with asyncio.timeout(GENEROUS_S):
        while not holds():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def telling(broker: Mosquitto, link: TalkingLink) -> AsyncIterator[MqttNotices]:
    notices = MqttNotices(Broker("127.0.0.1", broker.port, USER, PASSWORD), Topics(), link, retry_s=(1, 1))
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
    async with telling(broker, TalkingLink()) as notices:  # whose guard says nothing new all the while
        await until(lambda: notices.connected)
        broker.stop()
        await until(lambda: not notices.connected)
        broker.start()  # it has forgotten what it retained
        await until(lambda: notices.connected)
        async with listening(broker.port) as ears:
            await ears.until(lambda: ears.heard.get("liftguard/availability") == "online")
            assert "liftguard/car-1/state" in ears.heard


async def test_what_happened_while_the_broker_was_away_is_said_as_it_is_now(broker: Mosquitto) -> None:
    link = TalkingLink()
    async with telling(broker, link) as notices:
        await until(lambda: notices.connected)
        broker.stop()
        await until(lambda: not notices.connected)
        link.say(make_state(make_elevator(energised=True, open_event_id="e1")))
        link.say(make_state(make_elevator(energised=False)))
        broker.start()
        async with listening(broker.port) as ears:
            await ears.until(lambda: ears.heard.get("liftguard/availability") == "online")
            assert json.loads(ears.heard["liftguard/car-1/state"])["held"] == "OFF"


async def test_a_broker_that_is_not_there_holds_up_neither_the_start_nor_the_end() -> None:
    notices = MqttNotices(Broker("127.0.0.1", free_port()), Topics(), TalkingLink(), retry_s=(1, 1))
    task = asyncio.create_task(notices.run())
    await until(lambda: notices.attempts > 0)
    task.cancel()
    async with asyncio.timeout(GENEROUS_S):
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()


async def test_a_wrong_password_is_logged_once_and_shown_nowhere(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    notices = MqttNotices(
        Broker("127.0.0.1", broker.port, USER, "wrong-secret"), Topics(), TalkingLink(), retry_s=(1, 1)
    )
    task = asyncio.create_task(notices.run())
    await until(lambda: notices.attempts >= 3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(caplog.records) == 1
    assert "wrong-secret" not in caplog.text
    assert "wrong-secret" not in repr(notices._broker)
