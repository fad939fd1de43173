"""Every page, as one router; the pages themselves are in `api.pages`."""

from __future__ import annotations

from fastapi import APIRouter

from api.pages import audit, devices, event, live, review, settings, statistics, webhooks
from api.pages.shell import static

__all__ = ["router", "static"]

router = APIRouter(include_in_schema=False)
for page in (live, review, event, statistics, devices, settings, webhooks, audit):
    router.include_router(page.router)
