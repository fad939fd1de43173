"""Which addresses a webhook may have: none that only this box may reach."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import anyio

from vision.errors import ConfigError, LinkError

MAX_URL: Final = 2000


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect: the address was looked up once, so that it cannot change after it was judged."""

    host: str
    port: int
    address: str  # IPv4 or IPv6


def check_url(url: str) -> str:
    """The URL if it may be used. Raises: ConfigError that says why not; it shows no password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigError("this is no address; write it as https://host/path") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(
            f"the address begins with {parts.scheme!r}; it must be http or https and name a host"
        )
    if parts.username or parts.password:
        raise ConfigError(
            "the address holds a name or a password; the signature shows who sends, leave it out"
        )
    if len(url) > MAX_URL or not url.isascii() or any(c.isspace() for c in url):
        raise ConfigError(f"the address must have at most {MAX_URL} plain characters without spaces")
    if parts.fragment or port == 0:
        raise ConfigError("the address has a fragment (#…) or port 0; leave it out")
    return url


def allowed(address: str, *, local: bool) -> bool:
    """Whether an IP address may be told. The estate's own network may, this machine only with ``local``."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    if mapped is not None:
        ip = mapped
    if ip.is_loopback:
        return local
    # Link-local is where clouds keep their metadata service (169.254.169.254).
    return not (ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip.is_reserved)


async def resolve(url: str, *, local: bool) -> Target:
    """Look the host up. Raises: LinkError if it has no address that may be told."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as exc:
        raise LinkError(f"{host} has no address: {exc.strerror or exc}") from exc
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if allowed(address, local=local):
            return Target(host, port, address)
    raise LinkError(
        f"{host} is at {', '.join(addresses) or 'no address'}, which is this machine or not a host; "
        "webhooks.allow_local = true allows this machine"
    )
