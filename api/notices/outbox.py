"""Fills the outbox and empties it, for as long as web runs."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import anyio.to_thread

from api.notices.deliver import Deliverer
from api.notices.values import Message, Webhook
from api.notices.webhook_store import Webhooks
from vision.errors import StorageError

log = logging.getLogger(__name__)

LOOK_S: Final = 2.0
"""How often the store is asked for news."""
AT_ONCE: Final = 4
BATCH: Final = 20
TIDY_EVERY: Final = 1800
"""Looks between two tidyings: about an hour."""


class Outbox:
    """Looks for news and delivers it. ``run`` goes on until it is cancelled."""

    def __init__(self, webhooks: Webhooks, deliverer: Deliverer, *, look_s: float = LOOK_S) -> None:
        self._webhooks = webhooks
        self._deliverer = deliverer
        self._look_s = look_s
        self._failing = False

    async def run(self) -> None:
        """Until cancelled."""
        looks = 0
        try:
            while True:
                try:
                    if looks % TIDY_EVERY == 0:
                        await anyio.to_thread.run_sync(self._webhooks.tidy)
                    await self.look()
                    self._failing = False
                except Exception as exc:
                    # The loop must go on: the store may be locked or full now and well in a minute.
                    if not self._failing:
                        known = isinstance(exc, StorageError)
                        log.error("webhooks wait: %s", exc, exc_info=None if known else exc)
                    self._failing = True
                looks += 1
                await asyncio.sleep(self._look_s)
        finally:
            await self._deliverer.close()

    async def look(self) -> int:
        """Fill, then try what is due. Returns: how many messages were tried."""
        await anyio.to_thread.run_sync(self._webhooks.fill)
        due = await anyio.to_thread.run_sync(self._webhooks.due, BATCH)
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(webhook: Webhook, message: Message) -> None:
            async with gate:
                await self._try(webhook, message)

        async with asyncio.TaskGroup() as group:
            for webhook, message in due:
                group.create_task(one(webhook, message))
        return len(due)

    async def _try(self, webhook: Webhook, message: Message) -> None:
        answer = await self._deliverer.send(webhook, message)
        state = await anyio.to_thread.run_sync(self._webhooks.tried, message.id, answer)
        if answer.gone:
            reason = "the receiver said that it wants no more (HTTP 410)"
            await anyio.to_thread.run_sync(self._webhooks.enable, webhook.id, False, reason)
            log.warning("webhook %s: %s; it is switched off", webhook.id, reason)
        elif state == "dead":
            log.error("webhook %s: message %s is given up: %s", webhook.id, message.id, answer.said)
