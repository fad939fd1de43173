"""The web process: API under ``/api/v1``, Prometheus at ``/metrics``, the page at ``/``.

``python -m api.web`` prints the OpenAPI document, which is kept in docs/openapi.json.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

from api import (
    problems,
    routes_cameras,
    routes_events,
    routes_evidence,
    routes_health,
    routes_live,
    routes_pages,
    routes_review,
    routes_settings,
    routes_storage,
    routes_stream,
)
from api.accounts.gate import Gate
from api.accounts.routes import router as accounts_router
from api.accounts.service import Accounts
from api.background import Background, running
from api.conditional import KeptAnswers
from api.evidence.blur import Blurrer
from api.evidence.folder import EvidenceFolder
from api.evidence.serve import EvidenceDesk
from api.idempotency.memory import RecentKeys
from api.idempotency.middleware import Idempotency
from api.idempotency.store import StoredKeys
from api.notices import routes as routes_webhooks
from api.openapi_examples import illustrate
from api.pages import live
from api.protect import Protect
from api.settings import Settings
from api.settings_web import LOOPBACK
from api.shared_frames import SharedFrames
from api.store import Store
from api.web_link import Link, WebLink
from api.web_metrics import CountRequests
from api.web_parts import MAX_PICTURES, MAX_STREAMS, Parts
from vision.errors import StorageError

log = logging.getLogger(__name__)

MAX_BODY: Final = 48 * 1024
"""Bytes of a request body. The largest, a review, has up to 2000 characters of note and 20 labels of 40, each
character up to 12 bytes in escaped JSON."""
API_VERSION: Final = "1"
MAX_CONNECTIONS: Final = 600
"""Connections at once: a page has its streams, its pictures and up to six for the rest."""
CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Forward secrecy and authenticated encryption only (RFC 9325, 4.2)."""
SWEEP_S: Final = 3600.0
"""Between two looks for sessions and audit entries that are over."""


class _App(FastAPI):
    """FastAPI, with the problem that every route may answer with in its OpenAPI document."""

    def openapi(self) -> dict[str, Any]:
        """The document, with `Problem` and what it is made of."""
        schema = super().openapi()
        known = schema["components"]["schemas"]
        if "Problem" not in known:
            problem = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            known |= problem.pop("$defs") | {"Problem": problem}
            for item in schema["paths"].values():
                for method, operation in item.items():
                    if method in {"post", "put", "patch", "delete"}:
                        _describe_write(operation)
            illustrate(schema)
        return schema


def _describe_write(operation: dict[str, Any]) -> None:
    """What `api.protect` and `api.idempotency` may answer, and the key that a write may have."""
    for status in (403, 409, 411, 413, 415):
        operation["responses"].setdefault(str(status), problems.responses()[422])
    operation.setdefault("parameters", []).append(
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "A new UUID for each write: sent again with the same, it is not done again, and "
            "the first answer comes again",
            "schema": {
                "type": "string",
                "minLength": 1,
                "maxLength": 255,
                "pattern": r"^[!#-\[\]-~]{1,255}$",
            },
            "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
        }
    )


def create_app(
    store: Store,
    link: Link,
    *,
    version: str,
    allowed_hosts: Sequence[str] = LOOPBACK,
    max_pictures: int = MAX_PICTURES,
    max_streams: int = MAX_STREAMS,
    accounts: Accounts | None = None,
    settings: Settings | None = None,
    evidence_dir: Path = Path("evidence"),
    blurrer: Blurrer | None = None,
    background: Sequence[Background] = (),
) -> FastAPI:
    """The web application. It starts and stops the link; the store stays the caller's.

    Args: version: of Liftguard, for the page. allowed_hosts: names without port that browsers may use, IPv6
    in brackets. max_pictures, max_streams: live pictures and state streams that may be open at once.
    accounts: None takes the defaults, in this store.
    settings: of this box, for the pages about it.
    evidence_dir: where evidence files lie. blurrer: None shows originals only, to those who may see them.
    background: what runs as long as the application does.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        sweeping = asyncio.create_task(_sweep(known, keys), name="sweep-accounts")
        async with link.running(), running(background):
            yield
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)

    app = _App(
        title="Liftguard",
        version=API_VERSION,
        description="Keeps electric bicycles out of elevators. Errors: `application/problem+json` (RFC 9457)",
        lifespan=lifespan,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # their scripts come from another site, which the page's own policy forbids
        redoc_url=None,
        redirect_slashes=False,
    )
    known = accounts or Accounts(store)
    keys = StoredKeys(store, known.now)
    with suppress(StorageError):  # then nobody comes in before the store can be read
        known.keeper.set_up()
    desk = EvidenceDesk(EvidenceFolder(evidence_dir), store, blurrer)
    app.state.parts = Parts(
        store,
        link,
        version,
        known,
        desk,
        settings=settings,
        max_pictures=max_pictures,
        max_streams=max_streams,
    )
    problems.install(app)
    for module in (
        routes_cameras,
        routes_events,
        routes_evidence,
        routes_review,
        routes_storage,
        routes_stream,
        routes_health,
        routes_live,
        routes_settings,
        routes_webhooks,
        routes_pages,
    ):
        app.include_router(module.router)
    app.include_router(accounts_router)
    app.mount("/static", routes_pages.static)
    app.add_middleware(Idempotency, stored=keys, recent=RecentKeys(known.keeper.clock))
    app.add_middleware(KeptAnswers, kept=(routes_events.KEPT, live.KEPT))
    app.add_middleware(Gate, keeper=known.keeper, open_until_set_up=known.rules.open_until_set_up)
    app.add_middleware(Protect, allowed_hosts=allowed_hosts, max_body=MAX_BODY)
    app.add_middleware(CountRequests, metrics=app.state.parts.metrics)
    return app


async def _sweep(accounts: Accounts, keys: StoredKeys) -> None:
    """Keep house for as long as the application runs."""
    while True:
        try:
            await asyncio.to_thread(accounts.sweep)
            await asyncio.to_thread(keys.sweep)
        except StorageError as exc:
            log.warning("old sessions and audit entries stay: %s", exc)
        await asyncio.sleep(SWEEP_S)


def make_server(
    app: FastAPI,
    host: str,
    port: int,
    *,
    tls: tuple[Path, Path] | None = None,
    trusted_proxies: Sequence[str] = (),
) -> uvicorn.Server:
    """A server for `create_app` with its limits set: small messages in, few connections, quick to stop.

    Args: tls: PEM files of certificate and key. trusted_proxies: addresses or networks whose word counts on
    who asks and whether they came over TLS.
    """
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,  # the program's own logging stands
            access_log=False,
            server_header=False,
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=list(trusted_proxies),
            ssl_certfile=tls[0] if tls else None,
            ssl_keyfile=tls[1] if tls else None,
            ssl_ciphers=CIPHERS,  # of TLS 1.2; Python offers nothing older, and 1.3 has its own
            ws=SharedFrames,
            ws_max_size=1024,  # browsers say nothing on the live socket
            ws_max_queue=4,
            ws_per_message_deflate=False,  # JPEG does not get smaller
            limit_concurrency=MAX_CONNECTIONS,
            backlog=256,  # everybody comes back at once after a restart
            timeout_keep_alive=10,
            timeout_graceful_shutdown=2,  # live streams never end by themselves
        )
    )


def openapi_json() -> str:
    """The OpenAPI document, stable from run to run."""
    app = create_app(Store("sqlite://"), WebLink(Path("run")), version="")
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(openapi_json())
