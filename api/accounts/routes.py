"""Every route of accounts, as one router."""

from __future__ import annotations

from fastapi import APIRouter

from api.accounts import api_audit, api_me, api_users, pages_account, pages_oidc, pages_sign_in, pages_users

router = APIRouter()
for module in (api_me, api_users, api_audit, pages_sign_in, pages_oidc, pages_account, pages_users):
    router.include_router(module.router)
