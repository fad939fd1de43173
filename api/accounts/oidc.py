"""Signing in at an OpenID Connect provider: authorization code with PKCE (S256), state and nonce.

What the browser must bring back (state, nonce, PKCE verifier) travels in a signed cookie for ten minutes, so
that nobody can fill this process's memory by beginning. The ID token's signature, issuer, audience, nonce and
times are checked with the provider's published keys; tokens of the provider are not kept.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from itsdangerous import BadSignature, URLSafeTimedSerializer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from api.accounts.csrf import same
from api.problems import ProblemError
from api.settings_web import OidcSettings
from api.times import WallClock, utc_now

log = logging.getLogger(__name__)

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
"""Signatures with a public key. Never `none`, never HS256: a client's secret signs nothing here."""
COOKIE: Final = "liftguard_oidc"
LASTS_S: Final = 600
"""From the button to coming back, in seconds: time to type a password and a second factor there."""
LEEWAY_S: Final = 60
KEEP_METADATA_S: Final = 3600.0
MOST_ANSWER: Final = 256 * 1024
"""Bytes of an answer of the provider."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the provider says it is."""

    issuer: str
    subject: str
    login: str
    name: str
    groups: frozenset[str]


class Oidc:
    """One provider.

    Args: now: wall clock, for the times in tokens. transport: for tests.
    """

    def __init__(
        self,
        settings: OidcSettings,
        *,
        now: WallClock = utc_now,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.settings = settings
        self._now = now
        self._transport = transport
        self._signer = URLSafeTimedSerializer(secrets.token_bytes(32), salt="liftguard oidc")
        self._metadata: tuple[datetime, Mapping[str, Any]] | None = None
        self._keys: KeySet | None = None

    async def begin(self, redirect_uri: str, next_path: str) -> tuple[str, str]:
        """Returns: the provider's address to go to, and the value of the cookie `COOKIE`.

        Raises: ProblemError 503 if the provider does not answer.
        """
        metadata = await self._provider()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        async with self._client(redirect_uri) as client:
            url, _ = client.create_authorization_url(
                _endpoint(metadata, "authorization_endpoint"),
                state=state,
                nonce=nonce,
                code_verifier=verifier,
            )
        kept = {"state": state, "nonce": nonce, "verifier": verifier, "next": next_path}
        return str(url), self._signer.dumps(kept)

    async def finish(
        self, cookie: str | None, query: Mapping[str, str], redirect_uri: str
    ) -> tuple[Identity, str]:
        """Who it is, and where to go next.

        Raises: ProblemError 401 if anything does not fit, 503 if the provider does not answer.
        """
        kept = self._kept(cookie)
        if not same(query.get("state"), kept["state"]):
            raise _refused("the state is not the one that was sent")
        if query.get("iss", self.settings.issuer).rstrip("/") != self.settings.issuer:  # RFC 9207
            raise _refused("the answer is of another provider")
        if "code" not in query:
            raise _refused(f"the provider said {query.get('error', 'nothing')[:60]!r}")
        try:
            claims = await self._claims(query["code"], kept, redirect_uri)
        except (httpx2.HTTPError, OSError) as exc:
            raise _failing(exc) from exc
        except (OAuthError, JoseError, ValueError, KeyError) as exc:
            raise _refused(f"{type(exc).__name__}: {exc}") from exc
        return self._identity(claims), kept["next"]

    # --- inside ------------------------------------------------------------------------------------------

    def _kept(self, cookie: str | None) -> dict[str, str]:
        try:
            kept: dict[str, str] = self._signer.loads(cookie or "", max_age=LASTS_S)
        except BadSignature as exc:
            raise _refused("it took too long, began in another browser, or web was restarted") from exc
        return kept

    async def _claims(self, code: str, kept: Mapping[str, str], redirect_uri: str) -> dict[str, Any]:
        metadata = await self._provider()
        async with self._client(redirect_uri) as client:
            token = await client.fetch_token(
                _endpoint(metadata, "token_endpoint"), code=code, code_verifier=kept["verifier"]
            )
            claims = await self._checked(str(token["id_token"]), kept["nonce"], metadata)
            wanted = {self.settings.login_claim, self.settings.groups_claim, "name"}
            if not wanted <= claims.keys() and "userinfo_endpoint" in metadata:
                answer = await client.get(_endpoint(metadata, "userinfo_endpoint"))
                answer.raise_for_status()
                more = answer.json()
                if more.get("sub") != claims["sub"]:
                    raise ValueError("userinfo is of somebody else")
                claims = more | claims
        return claims

    async def _checked(self, id_token: str, nonce: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
        try:
            token = jwt.decode(id_token, await self._key_set(metadata), algorithms=list(ALGORITHMS))
        except (JoseError, ValueError):
            # Perhaps the provider has new keys: fetch them, once.
            token = jwt.decode(
                id_token, await self._key_set(metadata, again=True), algorithms=list(ALGORITHMS)
            )
        jwt.JWTClaimsRegistry(
            now=int(self._now().timestamp()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self.settings.issuer},
            sub={"essential": True},
            aud={"essential": True, "value": self.settings.client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(token.claims)
        if token.claims.get("azp", self.settings.client_id) != self.settings.client_id:
            raise ValueError("the ID token was made for another client")
        return token.claims

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        groups = claims.get(self.settings.groups_claim, ())
        groups = [groups] if isinstance(groups, str) else groups
        subject = str(claims["sub"])[:255]
        login = str(claims.get(self.settings.login_claim) or claims.get("email") or subject)
        return Identity(
            issuer=self.settings.issuer,
            subject=subject,
            login=login,
            name=str(claims.get("name") or login),
            groups=frozenset(str(group) for group in groups)
            if isinstance(groups, (list, tuple))
            else frozenset(),
        )

    async def _provider(self) -> Mapping[str, Any]:
        """The provider's metadata, fetched at most once an hour. Raises: ProblemError 503."""
        now = self._now()
        if self._metadata is not None and (now - self._metadata[0]).total_seconds() < KEEP_METADATA_S:
            return self._metadata[1]
        try:
            metadata = await self._get(f"{self.settings.issuer}/.well-known/openid-configuration")
            if str(metadata.get("issuer", "")).rstrip("/") != self.settings.issuer:
                raise ValueError(f"the metadata is of {str(metadata.get('issuer'))[:200]!r}")  # noqa: TRY301
        except (httpx2.HTTPError, OSError, ValueError) as exc:
            raise _failing(exc) from exc
        self._metadata, self._keys = (now, metadata), None
        return metadata

    async def _key_set(self, metadata: Mapping[str, Any], *, again: bool = False) -> KeySet:
        if self._keys is None or again:
            keys: Any = await self._get(_endpoint(metadata, "jwks_uri"))
            self._keys = KeySet.import_key_set(keys)
        return self._keys

    async def _get(self, url: str) -> dict[str, Any]:
        async with httpx2.AsyncClient(timeout=self.settings.timeout_s, transport=self._transport) as client:
            answer = await client.get(url)
            answer.raise_for_status()
            if len(answer.content) > MOST_ANSWER:
                raise ValueError(f"{url} answered with {len(answer.content)} bytes")
            found = answer.json()
        if not isinstance(found, dict):
            raise ValueError(f"{url} did not answer with an object")  # noqa: TRY004 - of another program
        return found

    def _client(self, redirect_uri: str) -> AsyncOAuth2Client:
        secret = self.settings.client_secret
        return AsyncOAuth2Client(
            self.settings.client_id,
            secret.get_secret_value() if secret else None,
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
            scope=" ".join(self.settings.scopes),
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            timeout=self.settings.timeout_s,
            transport=self._transport,
        )


def _endpoint(metadata: Mapping[str, Any], name: str) -> str:
    """Raises: ValueError if it is missing, or not https though it is not this machine."""
    url = str(metadata.get(name, ""))
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname in {"127.0.0.1", "localhost", "::1"}:
        return url
    raise _failing(ValueError(f"{name} is {url[:200]!r}, which is not https"))


def _refused(why: str) -> ProblemError:
    log.warning("a sign-in elsewhere was refused: %s", why[:300])
    return ProblemError(401, "not-signed-in", "the sign-in elsewhere did not succeed; try again")


def _failing(exc: BaseException) -> ProblemError:
    log.warning("the OpenID provider fails: %s: %s", type(exc).__name__, str(exc)[:300])
    return ProblemError(503, "provider-failing", "the sign-in service does not answer; try again later")
