"""Keeps an MQTT broker told, for as long as web runs: reconnects, says things once, says when it is gone.

The network is paho's own thread: it connects, waits and connects again by itself. Everything else happens in
the event loop; the two meet in the callbacks of `MqttNotices._wire`, which only post to the loop.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from api.live import GuardState
from api.notices.home_assistant import OFFLINE, ONLINE, Topics, discovery, elevator_state
from vision.errors import ConfigError

log = logging.getLogger(__name__)

RETRY_S: Final = (1, 30)
"""Shortest and longest pause between two attempts to connect; it doubles from one to the other."""
QOS: Final = 0
"""Nothing is repeated by the protocol, as everything is said again on every new connection: a message that
paho still held for a broker that came back could arrive after the newer one and stay (it is retained)."""
KEEPALIVE_S: Final = 20
"""A connection that is silently gone is noticed after one and a half of these (MQTT 3.1.1, 3.1.2.10)."""
FAREWELL_S: Final = 2.0
"""How long the end of web waits until `offline` has been sent."""
REBUILD_S: Final = 30.0
"""Pause after a trouble of our own, such as a CA file that cannot be read."""


class SaysState(Protocol):
    """What this needs of the link to guard; `api.web_link.Link` has it."""

    def state_changes(self) -> AsyncGenerator[GuardState | None, None]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is. ``password`` is never shown."""

    host: str
    port: int = 1883
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    ca_file: Path | None = None
    client_id: str = "liftguard"


class MqttNotices:
    """Publishes state as it changes. ``run`` goes on until it is cancelled.

    ``connected``: the broker has accepted us; ``attempts``: how often it was tried since the start.
    """

    def __init__(
        self, broker: Broker, topics: Topics, link: SaysState, *, retry_s: tuple[int, int] = RETRY_S
    ) -> None:
        self._broker = broker
        self._topics = topics
        self._link = link
        self._retry_s = retry_s
        self._state: GuardState | None = None
        self._said: dict[str, str] = {}
        self._complained = False
        self.connected = False
        self.attempts = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._speak()
            except Exception as exc:  # the loop must go on: a disk with the CA file may be mounted late
                known = isinstance(exc, ConfigError)
                log.warning("MQTT: nothing is told (%s); tried again and again", exc, exc_info=not known)
            await asyncio.sleep(REBUILD_S)

    async def _speak(self) -> None:
        client = self._client()
        gone = self._wire(client, asyncio.get_running_loop())
        client.connect_async(self._broker.host, self._broker.port, KEEPALIVE_S)
        client.loop_start()
        try:
            async with aclosing(self._link.state_changes()) as states:
                async for state in states:
                    self._state = state
                    self._tell(client)
        finally:
            gone.clear()
            client.publish(self._topics.availability, OFFLINE, qos=QOS, retain=True)
            # Its thread ends by itself after this; joining it could wait for a broker that hangs.
            if client.disconnect() is MQTTErrorCode.MQTT_ERR_SUCCESS:
                with suppress(TimeoutError):
                    async with asyncio.timeout(FAREWELL_S):
                        await gone.wait()
            self.connected = False

    def _client(self) -> Client:
        broker = self._broker
        client = Client(CallbackAPIVersion.VERSION2, client_id=broker.client_id)
        if broker.username is not None:
            client.username_pw_set(broker.username, broker.password)
        if broker.tls:
            try:
                client.tls_set_context(ssl.create_default_context(cafile=broker.ca_file))
            except OSError as exc:
                raise ConfigError(f"mqtt.ca_file {broker.ca_file} cannot be read: {exc}") from exc
        client.will_set(self._topics.availability, OFFLINE, qos=1, retain=True)
        client.reconnect_delay_set(*self._retry_s)
        return client

    def _wire(self, client: Client, loop: asyncio.AbstractEventLoop) -> asyncio.Event:
        """Bring what happens in paho's thread into the loop. Returns what is set when a connection ends."""
        gone = asyncio.Event()

        def post(call: Callable[..., None], *args: object) -> None:
            with suppress(RuntimeError):  # the loop has ended before this thread did
                loop.call_soon_threadsafe(call, *args)

        def connected(_client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
            if reason.is_failure:
                post(self._refused, str(reason))
            else:
                post(self._greeted, client)

        def disconnected(_client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
            post(self._lost, str(reason))
            post(gone.set)

        def unreachable(_client: Client, _data: Any) -> None:
            post(self._refused, str(sys.exc_info()[1]))  # paho calls this while it handles the error

        client.on_connect = connected
        client.on_disconnect = disconnected
        client.on_connect_fail = unreachable
        return gone

    def _greeted(self, client: Client) -> None:
        log.info("MQTT: connected to %s:%d", self._broker.host, self._broker.port)
        self.attempts += 1
        self.connected, self._complained = True, False
        self._said.clear()  # a broker that was restarted may have forgotten what it retained
        self._tell(client)

    def _refused(self, why: str) -> None:
        self.attempts += 1
        self._complain(why)

    def _lost(self, why: str) -> None:
        if self.connected:
            self.connected = False
            self._complain(why)

    def _complain(self, why: str) -> None:
        """Once per outage: a broker may be off for days."""
        if not self._complained:
            where = f"{self._broker.host}:{self._broker.port}"
            log.warning("MQTT: %s cannot be told (%s); tried again and again", where, why)
            self._complained = True

    def _tell(self, client: Client) -> None:
        """Say what is, where it differs from what this connection has heard."""
        if not self.connected:
            return
        for topic, payload in self._sentences():
            if self._said.get(topic) != payload:
                sent = client.publish(topic, payload, qos=QOS, retain=True)
                if sent.rc is MQTTErrorCode.MQTT_ERR_SUCCESS:
                    self._said[topic] = payload

    def _sentences(self) -> list[tuple[str, str]]:
        if self._state is None:
            return [(self._topics.availability, OFFLINE)]
        return [
            *discovery(self._state, self._topics),
            *((self._topics.state(one.id), elevator_state(one)) for one in self._state.elevators),
            (self._topics.availability, ONLINE),
        ]
