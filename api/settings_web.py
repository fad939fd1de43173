"""Settings of the page and the API: where it listens, TLS, sessions, sign-in elsewhere (OpenID Connect)."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from api.accounts.records import Grant
from api.accounts.rights import Role
from api.settings_table import Table

LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
_LOOPBACK_ADDRESSES: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class OidcRoleSettings(Table):
    """A role for whoever the provider says is in a group."""

    group: str = Field(min_length=1, max_length=200, description="Value of the groups claim")
    role: Role = Field(description="admin, manager, guard or viewer; admin only for the whole box")
    estate: str | None = Field(None, max_length=80, description="Only in this estate")
    elevator_id: str | None = Field(None, max_length=64, description="Only at this elevator")

    @model_validator(mode="after")
    def _a_grant(self) -> OidcRoleSettings:
        self.grant()  # its ValueError says what is wrong
        return self

    def grant(self) -> Grant:
        """The role as accounts keep it."""
        return Grant(self.role, self.estate, self.elevator_id)


class OidcSettings(Table):
    """Signing in at an OpenID Connect provider. docs/sign-in.md has an example."""

    issuer: str = Field(
        min_length=8, max_length=300, description="Address of the provider, https; its metadata is below it"
    )
    client_id: str = Field(min_length=1, max_length=300, description="As the provider knows Liftguard")
    client_secret: SecretStr | None = Field(
        None, description="Secret of the client; None: a public client, PKCE alone"
    )
    name: str = Field("OpenID", min_length=1, max_length=40, description="On the button: Sign in with …")
    scopes: tuple[str, ...] = Field(
        ("openid", "profile", "email"), min_length=1, max_length=16, description="What is asked for"
    )
    login_claim: str = Field(
        "preferred_username", max_length=60, description="Claim that becomes the login name"
    )
    groups_claim: str = Field("groups", max_length=60, description="Claim that lists the groups")
    roles: tuple[OidcRoleSettings, ...] = Field(
        (), max_length=200, description="Roles by group; renewed at every sign-in"
    )
    default_role: Literal["manager", "guard", "viewer"] | None = Field(
        None, description="For whoever is in none of these groups; None: they may not sign in"
    )
    timeout_s: float = Field(10.0, ge=1, le=60, description="Longest wait for the provider")

    @field_validator("issuer")
    @classmethod
    def _https(cls, value: str) -> str:
        parts = urlsplit(value)
        local = parts.hostname in _LOOPBACK_ADDRESSES
        if not parts.hostname or parts.scheme not in ({"https", "http"} if local else {"https"}):
            raise ValueError(f"issuer {value!r} is no https address; plain http is for this machine only")
        return value.rstrip("/")

    @field_validator("scopes")
    @classmethod
    def _openid(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in value:
            raise ValueError("scopes must name 'openid'; without it nobody is signed in")
        return value


class WebSettings(Table):
    """The page and the API."""

    host: str = Field(
        "127.0.0.1",
        description="Address to listen on. Anything but loopback needs tls_certificate or trusted_network",
    )
    port: int = Field(8080, ge=1, le=65535, description="TCP port")
    allowed_hosts: tuple[str, ...] = Field(
        LOOPBACK, min_length=1, description="Host names that browsers may use for this page"
    )
    trusted_network: bool = Field(
        False,
        description="Plain HTTP on an address that is not loopback: only where nobody can listen in, "
        "because passwords and pictures travel readable",
    )
    tls_certificate: Path | None = Field(None, description="PEM file: certificate and those above it")
    tls_key: Path | None = Field(None, description="PEM file: private key of the certificate")
    trusted_proxies: tuple[str, ...] = Field(
        (),
        max_length=16,
        description="Addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto count",
    )
    session_idle_minutes: int = Field(
        60, ge=5, le=1440, description="A session without a request for this long is over"
    )
    session_hours: int = Field(24, ge=1, le=720, description="A session is over after this long anyway")
    audit_days: int = Field(400, ge=31, le=3650, description="The audit trail is kept for this long")
    oidc: OidcSettings | None = Field(None, description="Sign-in at an OpenID Connect provider; None: off")

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                ipaddress.ip_network(text)
            except ValueError as exc:
                raise ValueError(
                    f"trusted_proxies: {text!r} is no address or network such as 10.0.0.0/8"
                ) from exc
        return value

    @model_validator(mode="after")
    def _no_open_door(self) -> WebSettings:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together; set both or none")
        if not (self.on_loopback or self.tls_certificate or self.trusted_network):
            raise ValueError(
                f"host {self.host!r} would send passwords and pictures readable over the network; "
                "set web.tls_certificate and web.tls_key, or keep 127.0.0.1 behind a proxy with TLS, "
                "or say web.trusted_network = true if nobody can listen in there"
            )
        return self

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the port."""
        return self.host in _LOOPBACK_ADDRESSES

    @property
    def open_until_set_up(self) -> bool:
        """Whether nobody but this machine can be meant: no other name, no proxy in front."""
        return self.on_loopback and not self.trusted_proxies and set(self.allowed_hosts) <= set(LOOPBACK)

    @property
    def address(self) -> str:
        """Where a browser on this machine finds the page."""
        scheme = "https" if self.tls_certificate else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"
