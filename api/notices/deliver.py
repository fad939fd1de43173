"""One try to deliver one message, in the Standard Webhooks form (https://www.standardwebhooks.com)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import httpx2
from standardwebhooks import Webhook as Signer

from api.notices.address import resolve
from api.notices.values import Answer, Message, Webhook
from vision.errors import LinkError

TIMEOUT_S: Final = 15.0
"""For the whole answer; Standard Webhooks advises 15 to 30 s."""
_GONE: Final = 410


class Deliverer:
    """Sends messages. Args: now: wall clock. local: whether this machine itself may be told."""

    def __init__(self, version: str, now: Callable[[], datetime], *, local: bool = False) -> None:
        self._agent = f"Liftguard/{version}"
        self._now = now
        self._local = local
        # No redirects: they would lead around the judgement of the address. No proxies of the environment.
        self._client = httpx2.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False)

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def send(self, webhook: Webhook, message: Message) -> Answer:
        """Try once. Never raises for what the receiver or the network does."""
        at = self._now().astimezone(UTC)
        headers = {
            "content-type": "application/json",
            "user-agent": self._agent,
            "webhook-id": message.id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Signer(webhook.secret).sign(message.id, at, message.body),
        }
        try:
            target = await resolve(webhook.url, local=self._local)
            parts = urlsplit(webhook.url)
            headers["host"] = parts.netloc
            host = f"[{target.address}]" if ":" in target.address else target.address
            pinned = urlunsplit((parts.scheme, f"{host}:{target.port}", parts.path or "/", parts.query, ""))
            async with self._client.stream(
                "POST",
                pinned,
                content=message.body.encode(),
                headers=headers,
                extensions={"sni_hostname": target.host},  # the certificate is that of the name
            ) as response:
                return _answer(response)  # its body is of no interest and may be endless
        except LinkError as exc:
            return Answer(False, str(exc))
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, OSError) as exc:
            return Answer(False, f"{type(exc).__name__}: {exc}".rstrip(": "))


def _answer(response: httpx2.Response) -> Answer:
    status = response.status_code
    if response.is_success:
        return Answer(True, f"HTTP {status}")
    wait = response.headers.get("retry-after", "")
    return Answer(
        False,
        f"HTTP {status} {response.reason_phrase}".strip(),
        gone=status == _GONE,
        wait_s=float(wait) if wait.isdigit() and len(wait) < 8 else None,
    )
