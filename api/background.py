"""What runs beside the web application for as long as it does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

log = logging.getLogger(__name__)


class Background(Protocol):
    """Something that goes on by itself until it is cancelled, and deals with its own troubles."""

    async def run(self) -> None: ...  # noqa: D102


@contextlib.asynccontextmanager
async def running(background: Sequence[Background]) -> AsyncIterator[None]:
    """Run all of them inside this context. One that ends by an error is logged; the others go on."""

    async def watch(one: Background) -> None:
        try:
            await one.run()
        except Exception:  # the page must go on without it
            log.exception("%s ended and is not started again before web is", type(one).__name__)

    tasks = [asyncio.create_task(watch(one), name=type(one).__name__) for one in background]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
