"""The composition root of web: the page and the API, in a process of their own that guard never loads."""

from __future__ import annotations

import logging
import os
import sys

from api.about import version
from api.accounts.oidc import Oidc
from api.accounts.rules import rules_of
from api.accounts.service import Accounts
from api.accounts.setup_code import print_code
from api.data_dir import make_private
from api.logs import set_up_logging
from api.main import build_head_detector
from api.notices.build import build_notices
from api.port import check_port
from api.privacy.blurrer import HeadBlurrer
from api.run_dir import current_run_dir
from api.settings import Settings
from api.store import Store
from api.web import create_app, make_server
from api.web_link import WebLink
from vision.errors import StorageError

log = logging.getLogger(__name__)

SWITCH_S = 0.0005
"""So long may one thread of web keep the interpreter from another that waits for it."""


def run_web(settings: Settings) -> int:
    """Serve the page and the API until a signal comes. Returns the exit code."""
    os.umask(0o077)  # as guard
    # Every send gives the interpreter away; with the usual 5 ms a busy thread would keep it from the thousand
    # messages a second of fifty live pages.
    sys.setswitchinterval(SWITCH_S)
    set_up_logging(settings.log_level, "web")
    check_port(settings.web.host, settings.web.port)
    make_private(settings.data_dir)
    store = Store(settings.store_url)
    try:
        store.migrate()
    except StorageError as exc:  # the page still shows the doors, and says that events cannot be read
        log.error("%s", exc)
    web = settings.web
    accounts = Accounts(store, rules_of(settings), oidc=Oidc(web.oidc) if web.oidc else None)
    link = WebLink(current_run_dir(settings))
    app = create_app(
        store,
        link,
        version=version(),
        allowed_hosts=web.allowed_hosts,
        settings=settings,
        evidence_dir=settings.evidence_dir,
        accounts=accounts,
        blurrer=HeadBlurrer(settings.data_dir / "blurred", lambda: build_head_detector(settings)),
        background=build_notices(settings, store, link, version()),
    )
    log.info("the page is at %s", web.address)
    if accounts.keeper.remembered_set_up() is False and not print_code(
        accounts.code, web.address, sys.stderr
    ):
        log.warning("no account has been made yet: run `liftguard user add` on this machine")
    tls = (web.tls_certificate, web.tls_key) if web.tls_certificate and web.tls_key else None
    make_server(app, web.host, web.port, tls=tls, trusted_proxies=web.trusted_proxies).run()
    store.close()
    return 0
