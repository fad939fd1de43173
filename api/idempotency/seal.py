"""Answers are kept so that only who was given them can read them: some hold a secret that is shown once."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from api.idempotency.values import Answer

_NONCE: Final = 12
"""Bytes that AES-GCM takes (NIST SP 800-38D, 5.2.1.1)."""


def secret_of(credential: str, key: str) -> bytes:
    """What an answer is kept under: made of a token or session (256 random bits) and the request's key.

    The store knows neither of them, only their digests.
    """
    return hashlib.sha256(f"liftguard answer\0{credential}\0{key}".encode()).digest()


def seal(answer: Answer, secret: bytes) -> bytes:
    """The answer as it is kept."""
    body = base64.b64encode(answer.body).decode()
    plain = json.dumps([answer.status, answer.headers, body]).encode()
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(secret).encrypt(nonce, plain, None)


def open_sealed(kept: bytes, secret: bytes) -> Answer | None:
    """The answer; None if it was not kept under this secret."""
    try:
        plain = AESGCM(secret).decrypt(kept[:_NONCE], kept[_NONCE:], None)
    except InvalidTag:
        return None
    status, headers, body = json.loads(plain)
    return Answer(status, tuple((name, value) for name, value in headers), base64.b64decode(body))
