"""Signs a report so that a later change shows: Ed25519 over every byte before the last line.

The private key is made on the box when it is first needed and never leaves it. Whoever wants to know that a
report came from a certain box compares the key's fingerprint with the one that the box shows.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from api.whole_file import write_whole
from vision.errors import StorageError

KEY_FILE: Final = "commission.key"
MAX_REPORT: Final = 64 * 1024 * 1024
"""Bytes of a report that is read to be verified; one with ten pictures has about 3 MB."""
# Hexadecimal, not base64: the latter writes the same bytes in several ways, and a changed digit must show.
_LINE: Final = re.compile(
    rb"<!-- liftguard-signature ed25519 (?P<key>[0-9a-f]{64}) (?P<signature>[0-9a-f]{128}) -->\n?\Z"
)


@dataclass(frozen=True, slots=True)
class Checked:
    """What looking at a signed report showed."""

    good: bool
    fingerprint: str | None  # of the key that it names; None if it carries no signature
    said: str  # for a person


def load_key(data_dir: Path) -> Ed25519PrivateKey:
    """This box's key, made now if there is none. Raises: StorageError if it cannot be read or kept."""
    path = data_dir / KEY_FILE
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _keep(path, Ed25519PrivateKey.generate())
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError) as exc:
        raise StorageError(
            f"the key {path} cannot be used: {exc}; move it away to have a new one made"
        ) from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise StorageError(f"the key {path} is no Ed25519 key; move it away to have a new one made")
    return key


def fingerprint(key: Ed25519PublicKey) -> str:
    """The first 16 bytes of the key's SHA-256, in groups that can be read aloud."""
    digest = hashlib.sha256(key.public_bytes_raw()).hexdigest()[:32]
    return " ".join(digest[i : i + 4] for i in range(0, 32, 4))


def sign(report: bytes, key: Ed25519PrivateKey) -> bytes:
    """The report with a last line that carries the public key and the signature of all before it."""
    public = key.public_key().public_bytes_raw().hex().encode()
    signature = key.sign(report).hex().encode()
    return report + b"<!-- liftguard-signature ed25519 " + public + b" " + signature + b" -->\n"


def check(signed: bytes) -> Checked:
    """Whether a signed report is as it was when it was signed."""
    found = _LINE.search(signed[-400:])
    if found is None:
        return Checked(False, None, "it carries no signature, or something was added after it")
    body = signed[: len(signed) - len(found[0])]
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(found["key"].decode()))
    try:
        key.verify(bytes.fromhex(found["signature"].decode()), body)
    except InvalidSignature:
        return Checked(False, fingerprint(key), "it was changed after it was signed")
    return Checked(True, fingerprint(key), "it is as it was when it was signed")


def check_file(path: Path) -> Checked:
    """`check` of a file. Raises: StorageError if it cannot be read."""
    try:
        if path.stat().st_size > MAX_REPORT:
            raise StorageError(f"{path} has {path.stat().st_size} bytes; a report has at most {MAX_REPORT}")
        return check(path.read_bytes())
    except OSError as exc:
        if isinstance(exc, StorageError):
            raise
        raise StorageError(f"cannot read the report {path}: {exc.strerror or exc}") from exc


def _keep(path: Path, key: Ed25519PrivateKey) -> None:
    """Whole or not at all: a key that is lost half-way would disown every report."""
    write_whole(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
