"""Every route of accounts, as one router."""

from __future__ import annotations

from fastapi import APIRouter

from api.accounts import pages_account, pages_sign_in, pages_users

router = APIRouter()
for module in (pages_sign_in, pages_account, pages_users):
    router.include_router(module.router)
