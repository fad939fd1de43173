"""What a camera address means, and how to speak of it without giving its password away."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from vision.errors import SourceError

AddressKind = Literal["stream", "v4l2", "file", "folder"]

SAMPLE_WORD: Final = "sample"
SAMPLE_PATH: Final = Path(__file__).parent.parent / "samples" / "elevator.mp4"

_STREAM: Final = re.compile(r"(?i)^(rtsps?|https?)://[^/?#]")
_SCHEME: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://")
_DEVICE: Final = re.compile(r"^/dev/video\d+$")
# User name and password, also where the scheme is missing or mistyped: //u:p@host, rtsp:/u:p@host, u:p@host
_USERINFO: Final = re.compile(r"(?s)(?<=://).*@|^(?!.*://)/{0,2}[^/]*:.*@")
# Names under which cameras take a password in path or query: ?password=…, /user=admin_password=x_channel=1
_SECRET: Final = re.compile(
    r"(?i)((?:pass(?:word|wd|phrase)?|pwd|user(?:name)?|usr|login|token|auth\w*|api_?key|key|secret|sig(?:nature)?)=)"
    r"[^&;/#\s]*"
)
_TRY: Final = (
    "try rtsp://host/path, http(s)://host/path, a camera number such as 0, /dev/video0, a video file, "
    f"an image, a folder of images, or the word '{SAMPLE_WORD}'"
)


@dataclass(frozen=True, slots=True)
class Address:
    """An address that has been understood. ``target`` may hold a password: show `redact(target)` only."""

    kind: AddressKind
    target: str  # URL, device path or file system path


def parse_address(text: str) -> Address:
    """Tell what kind of source ``text`` names. Looks at the file system, connects to nothing.

    A number is a camera (``0`` is /dev/video0); write ``./0`` for a file or folder with such a name.

    Raises: SourceError if it is none of the known kinds, or a path at which there is nothing to read.
    """
    text = text.strip()
    if _STREAM.match(text):
        return Address("stream", text)
    if scheme := _SCHEME.match(text):
        raise SourceError(f"cannot read {scheme.group(1)}:// addresses ({redact(text)}): {_TRY}")
    if text.isascii() and text.isdigit():
        return Address("v4l2", f"/dev/video{int(text)}")
    if _DEVICE.match(text):
        return Address("v4l2", text)
    if text == SAMPLE_WORD:
        return _existing(SAMPLE_PATH, "the bundled sample clip is missing; reinstall Liftguard")
    if not text or "\0" in text:
        raise SourceError(f"the source address {text!r} is empty or no path: {_TRY}")
    return _existing(Path(text).expanduser(), _TRY)


def _existing(path: Path, advice: str) -> Address:
    try:
        if path.is_dir():
            return Address("folder", str(path))
        if path.is_file():
            return Address("file", str(path))
        exists = path.exists()
    except (OSError, ValueError) as exc:  # no right to look, name too long, a zero byte in the name
        raise SourceError(
            f"cannot look at {redact(str(path))!r}: {exc.__class__.__name__}; {advice}"
        ) from None
    what = "is neither a file nor a folder" if exists else "does not exist"
    raise SourceError(f"{redact(str(path))!r} {what}: {advice}")


def redact(address: str) -> str:
    """``address`` without user name, password or token, fit for logs and pages.

    Errs on the side of hiding: everything between ``://`` and the last ``@`` goes, since passwords are often
    written with unescaped ``/``, ``?`` or ``@`` in them.
    """
    return _SECRET.sub(r"\1***", _USERINFO.sub("***@", address, count=1))


def scrub(text: str, address: str) -> str:
    """``text`` from elsewhere (an error of a library) with ``address`` and anything like it made harmless."""
    return redact(text.replace(address, redact(address)))
