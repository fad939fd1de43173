"""Still images: which files count, in which order, and how to read them without being blown up by one."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from vision.errors import SourceError
from vision.types import Image

IMAGE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
MAX_PIXELS: Final = 64_000_000  # 192 MB as BGR; the largest phone and 8K camera pictures stay below
MAX_FILE_BYTES: Final = 256 * 1024 * 1024  # a 64 MP picture stored without compression

_JPEG_SOI: Final = b"\xff\xd8"
# Start-of-frame markers carry the size; C4, C8, CC in their range do not. Source: ITU-T T.81, table B.1.
_JPEG_SOF: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE: Final = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts ``frame_2`` before ``frame_10`` and ignores case."""
    parts = re.findall(r"(\d+)|(\D+)", name)
    return tuple((0, int(digits), digits) if digits else (1, 0, text.casefold()) for digits, text in parts)


def list_images(folder: Path) -> list[Path]:
    """The images directly inside ``folder`` in natural name order; hidden files do not count.

    Raises: SourceError if the folder cannot be listed or holds no image.
    """
    try:
        names = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
        images = [entry for entry in names if entry.suffix.lower() in IMAGE_SUFFIXES and entry.is_file()]
    except OSError as exc:
        raise SourceError(
            f"cannot list the folder {str(folder)!r}: {exc.strerror}; check its permissions"
        ) from exc
    if not images:
        raise SourceError(
            f"no image in the folder {str(folder)!r} ({len(names)} other entries): "
            f"put files ending in {', '.join(sorted(IMAGE_SUFFIXES))} there"
        )
    return sorted(images, key=lambda path: (natural_key(path.name), path.name))


def read_image(path: Path) -> Image:
    """Read one image, turned upright as its EXIF orientation says.

    The size is taken from the header first, so that a small file that unfolds to gigabytes is refused unread.

    Returns: (H, W, 3) uint8 BGR. Raises: SourceError if it cannot be read or has more than `MAX_PIXELS`.
    """
    try:
        n_bytes = path.stat().st_size
        if n_bytes > MAX_FILE_BYTES:
            raise SourceError(
                f"{str(path)!r} has {n_bytes} bytes, more than {MAX_FILE_BYTES}: use a smaller image"
            )
        data = path.read_bytes()
    except OSError as exc:
        if isinstance(exc, SourceError):
            raise
        raise SourceError(
            f"cannot read {str(path)!r}: {exc.strerror}; check that it exists and is readable"
        ) from exc
    if not data:
        raise SourceError(f"{str(path)!r} is empty (0 bytes): copy it again")
    size_wh = header_size_wh(data)
    if size_wh is None:
        raise SourceError(f"{str(path)!r} is not a JPEG, PNG, BMP or WebP image, or its header is damaged")
    width, height = size_wh
    if width * height > MAX_PIXELS:
        raise SourceError(
            f"{str(path)!r} is {width}x{height} pixels, more than {MAX_PIXELS // 1_000_000} megapixels: "
            "scale it down"
        )
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None:
        raise SourceError(f"{str(path)!r} cannot be decoded ({len(data)} bytes): the file is damaged")
    return np.asarray(image, np.uint8)


def header_size_wh(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels as the header of an encoded image states them. None: not a known image."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
            size: tuple[int, int] | None = struct.unpack_from(">II", data, 16)
        elif data.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", data, 18)
            size = (abs(width), abs(height))  # a negative height means rows from the top
        elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            size = _webp_size_wh(data)
        elif data.startswith(_JPEG_SOI):
            size = _jpeg_size_wh(data)
        else:
            size = None
    except struct.error:  # cut off inside the header
        return None
    return size if size is not None and min(size) > 0 else None


def _webp_size_wh(data: bytes) -> tuple[int, int] | None:
    """Source: RFC 9649, sections 2.5 to 2.7."""
    kind = data[12:16]
    if kind == b"VP8X":
        low_w, high_w, low_h, high_h = struct.unpack_from("<HBHB", data, 24)
        return (low_w | high_w << 16) + 1, (low_h | high_h << 16) + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _jpeg_size_wh(data: bytes) -> tuple[int, int] | None:
    for marker, at in _jpeg_segments(data):
        if marker in _JPEG_SOF:
            height, width = struct.unpack_from(">HH", data, at + 3)
            return width, height
    return None


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Marker and offset of the length field of each segment ahead of the picture data."""
    at = len(_JPEG_SOI)
    while at + 2 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _JPEG_BARE:
            at += 2
        else:
            yield marker, at + 2
            (length,) = struct.unpack_from(">H", data, at + 2)
            at += 2 + max(length, 2)
