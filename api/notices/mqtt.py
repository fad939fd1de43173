"""Keeps an MQTT broker told, for as long as web runs: reconnects, says things once, says when it is gone."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import aiomqtt

from api.live import GuardState
from api.notices.home_assistant import OFFLINE, ONLINE, Topics, discovery, elevator_state
from vision.errors import ConfigError

log = logging.getLogger(__name__)

Say = Callable[[str, str], Awaitable[None]]

RETRY_S: Final = (1.0, 2.0, 5.0, 15.0, 30.0)
"""Pauses between attempts to connect; the last one from then on."""
QOS: Final = 1
TIMEOUT_S: Final = 10.0


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
    """Publishes state as it changes. ``run`` goes on until it is cancelled."""

    def __init__(
        self, broker: Broker, topics: Topics, link: SaysState, *, retry_s: tuple[float, ...] = RETRY_S
    ) -> None:
        self._broker = broker
        self._topics = topics
        self._link = link
        self._retry_s = retry_s
        self.connected = False
        self.attempts = 0

    async def run(self) -> None:
        """Until cancelled."""
        failed = 0
        while True:
            self.attempts += 1
            try:
                async with self._client() as client:
                    log.info("MQTT: connected to %s:%d", self._broker.host, self._broker.port)
                    self.connected, failed = True, 0
                    await self._speak(client)
            except Exception as exc:
                # The loop must go on: a broker may be off for days. Unless it is being stopped: the library
                # turns a cancellation that meets a broken connection into an error of its own.
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise asyncio.CancelledError from exc
                if failed == 0:
                    known = isinstance(exc, (aiomqtt.MqttError, OSError, ConfigError))
                    log.warning(
                        "MQTT: %s:%d cannot be told (%s); tried again and again",
                        self._broker.host,
                        self._broker.port,
                        exc,
                        exc_info=None if known else exc,
                    )
                failed += 1
            finally:
                self.connected = False
            await asyncio.sleep(self._retry_s[min(failed, len(self._retry_s)) - 1])

    def _client(self) -> aiomqtt.Client:
        broker = self._broker
        try:
            context = ssl.create_default_context(cafile=broker.ca_file) if broker.tls else None
        except OSError as exc:
            raise ConfigError(f"mqtt.ca_file {broker.ca_file} cannot be read: {exc}") from exc
        return aiomqtt.Client(
            broker.host,
            broker.port,
            username=broker.username,
            password=broker.password,
            identifier=broker.client_id,
            tls_context=context,
            timeout=TIMEOUT_S,
            will=aiomqtt.Will(self._topics.availability, OFFLINE, qos=QOS, retain=True),
        )

    async def _speak(self, client: aiomqtt.Client) -> None:
        said: dict[str, str] = {}

        async def say(topic: str, payload: str) -> None:
            if said.get(topic) != payload:
                await client.publish(topic, payload, qos=QOS, retain=True)
                said[topic] = payload

        try:
            async with aclosing(self._link.state_changes()) as states:
                async for state in states:
                    await self._tell(state, say)
        finally:
            with suppress(aiomqtt.MqttError):  # the broker says it for us when it is the one that is gone
                await client.publish(self._topics.availability, OFFLINE, qos=QOS, retain=True)

    async def _tell(self, state: GuardState | None, say: Say) -> None:
        if state is None:
            await say(self._topics.availability, OFFLINE)
            return
        for topic, payload in discovery(state, self._topics):
            await say(topic, payload)
        for elevator in state.elevators:
            await say(self._topics.state(elevator.id), elevator_state(elevator))
        await say(self._topics.availability, ONLINE)
