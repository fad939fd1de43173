"""OWASP ASVS 4.0.3, chapters 8 (caches), 9 (TLS, over a real server on loopback) and 14 (headers)."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fastapi import FastAPI

from api.accounts.records import Grant
from api.accounts.service import Accounts
from api.settings_web import WebSettings
from api.web import make_server
from tests.support.accounts import PASSWORD, Visitor, add_user, form_token
from tests.support.waiting import eventually
from tests.support.whole import free_port

pytestmark = pytest.mark.anyio


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of our own for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "liftguard test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    files = folder / "cert.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


@pytest.fixture
def served(box: FastAPI, accounts: Accounts, tmp_path: Path) -> Iterator[tuple[str, ssl.SSLContext]]:
    """The box over TLS: its address, and a context that trusts its certificate."""
    add_user(accounts, "ann", Grant("admin"))
    files = certificate(tmp_path)
    port = free_port()
    server = make_server(box, "127.0.0.1", port, tls=files)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started, 30.0)
    yield f"https://127.0.0.1:{port}", ssl.create_default_context(cafile=str(files[0]))
    server.should_exit = True
    thread.join(20)


def test_9_1_the_page_over_tls_with_secure_cookies_and_hsts(served: tuple[str, ssl.SSLContext]) -> None:
    address, trusting = served
    with httpx.Client(base_url=address, verify=trusting) as http:
        page = http.get("/sign-in")
        assert page.headers["strict-transport-security"] == "max-age=31536000"
        form = {"login": "ann", "password": PASSWORD, "csrf": form_token(page.text)}
        answer = http.post("/sign-in", data=form, headers={"origin": address})
        assert answer.status_code == 303
        assert "__Host-liftguard_session" in answer.headers["set-cookie"]
        assert http.get("/api/v1/me").json()["login"] == "ann"


def test_9_1_3_old_tls_and_weak_ciphers_are_refused(served: tuple[str, ssl.SSLContext]) -> None:
    address, trusting = served
    trusting.maximum_version = ssl.TLSVersion.TLSv1_2
    trusting.set_ciphers("ECDHE+AESGCM")
    with httpx.Client(base_url=address, verify=trusting) as http:
        assert http.get("/api/v1/health/live").status_code == 200
    trusting.set_ciphers("AES128-SHA:AES256-SHA:ECDHE-ECDSA-AES128-SHA")
    with httpx.Client(base_url=address, verify=trusting) as http, pytest.raises(httpx.ConnectError):
        http.get("/api/v1/health/live")


async def test_8_2_1_and_14_4_what_is_ones_own_is_not_kept_by_caches(
    visitor: Visitor, accounts: Accounts
) -> None:
    add_user(accounts, "ann", Grant("admin"))
    await visitor.sign_in("ann")
    for path in ("/", "/account", "/users", "/api/v1/me", "/api/v1/audit", "/sign-in"):
        headers = (await visitor.get(path)).headers
        assert headers["cache-control"] == "no-store", path
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-frame-options"] == "DENY"
        assert "strict-transport-security" not in headers, "only under TLS"
        assert "server" not in headers


async def test_14_5_no_page_of_accounts_has_inline_code(visitor: Visitor, accounts: Accounts) -> None:
    user = add_user(accounts, "ann", Grant("admin"))
    pages = [(await visitor.get("/sign-in")).text]
    await visitor.sign_in("ann")
    pages += [(await visitor.get(path)).text for path in ("/account", "/users", f"/users/{user.id}")]
    for text in pages:
        assert " style=" not in text
        assert " onclick=" not in text
        for script in text.split("<script")[1:]:
            assert 'src="/static/' in script.split(">")[0]
        for form in text.split("<form")[1:]:
            assert 'method="post"' in form.split(">")[0]
            assert 'name="csrf"' in form.partition("</form>")[0]


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"host": "0.0.0.0"}, "trusted_network"),
        ({"tls_certificate": "a"}, "go together"),
        ({"tls_key": "a"}, "go together"),
        ({"trusted_proxies": ["*"]}, "no address or network"),
        ({"trusted_proxies": ["proxy.local"]}, "no address or network"),
        ({"session_idle_minutes": 1}, "greater than or equal"),
    ],
)
def test_settings_that_would_leave_a_door_open_are_refused(values: dict[str, object], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        WebSettings.model_validate(values)


@pytest.mark.parametrize(
    ("values", "is_open"),
    [
        ({}, True),
        ({"host": "::1"}, True),
        ({"host": "0.0.0.0", "trusted_network": True}, False),
        ({"allowed_hosts": ["lift.example.org"]}, False),
        ({"trusted_proxies": ["127.0.0.1"]}, False),
        ({"host": "192.0.2.1", "tls_certificate": "a", "tls_key": "b"}, False),
    ],
)
def test_only_this_machine_alone_finds_the_page_open(values: dict[str, object], is_open: bool) -> None:
    assert WebSettings.model_validate(values).open_until_set_up is is_open
