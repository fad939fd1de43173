from __future__ import annotations

import os
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.clips import numbered, write_images
from vision.errors import SourceError
from vision.sources import list_images, open_source, read_image
from vision.sources.images import header_size_wh


def png_of(width: int, height: int, *, with_data: bool = False) -> bytes:
    """A PNG whose header claims a size, in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    tiff = b"MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 0x112, 3, 1, orientation, 0) + b"\0\0\0\0"
    exif = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


@contextmanager
def no_rights(path: Path) -> Iterator[None]:
    """Take away the right to read ``path``, also from root."""
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if user == 0:
            os.seteuid(user)
        path.chmod(0o700)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp"])
def test_reads_every_kind_and_its_header(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    assert cv2.imwrite(str(path), numbered(12, (70, 50)))
    assert header_size_wh(path.read_bytes()) == (70, 50)
    image = read_image(path)
    assert image.shape == (50, 70, 3)
    assert image.dtype == np.uint8
    assert abs(float(image.mean()) - 96) < 3


def test_lossless_and_extended_webp_headers() -> None:
    done, data = cv2.imencode(".webp", numbered(3, (70, 50)), [cv2.IMWRITE_WEBP_QUALITY, 101])
    assert done
    assert header_size_wh(data.tobytes()) == (70, 50)
    extended = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0" + b"\0\0\0\0" + b"\x45\0\0" + b"\x31\0\0"
    assert header_size_wh(extended) == (70, 50)


@pytest.mark.parametrize(
    ("orientation", "shape"), [(1, (40, 80)), (3, (40, 80)), (6, (80, 40)), (8, (80, 40))]
)
def test_photos_are_turned_upright(tmp_path: Path, orientation: int, shape: tuple[int, int]) -> None:
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[:, :40] = 255  # left half white
    _, jpeg = cv2.imencode(".jpg", picture)
    path = tmp_path / "photo.jpg"
    path.write_bytes(with_orientation(jpeg.tobytes(), orientation))
    image = read_image(path)
    assert image.shape[:2] == shape
    white_first = {1: image[:, :20], 3: image[:, -20:], 6: image[:20], 8: image[-20:]}[orientation]
    assert white_first.mean() > 250


def test_a_small_file_that_unfolds_to_gigabytes_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of(60_000, 60_000))
    with pytest.raises(SourceError, match="60000x60000 pixels, more than 64 megapixels"):
        read_image(path)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty.jpg", b"", "is empty"),
        ("text.jpg", b"not an image at all", "not a JPEG"),
        ("cut.png", png_of(10, 10)[:20], "header is damaged"),
        ("hollow.png", png_of(10, 10)[:40], "cannot be decoded"),
        ("zero.png", png_of(0, 10), "not a JPEG"),
    ],
)
def test_broken_images(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(SourceError, match=says):
        read_image(path)


def test_missing_image(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot read .*No such file"):
        read_image(tmp_path / "gone.jpg")


def test_natural_order_without_hidden_files_folders_and_other_files(tmp_path: Path) -> None:
    write_images(tmp_path, 12)
    (tmp_path / ".hidden.png").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in list_images(tmp_path)] == [f"{number}.png" for number in range(12)]


def test_folders_without_images(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no image in the folder .*\(0 other entries\)"):
        open_source(str(tmp_path))
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(SourceError, match=r"\(1 other entries\).*\.jpg"):
        open_source(str(tmp_path))


def test_permission_denied(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "pictures", 1)
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"x")
    for above in (tmp_path, *tmp_path.parents):  # pytest keeps its folders from other users
        if above == Path(tempfile.gettempdir()):
            break
        above.chmod(0o755)
    with no_rights(folder), pytest.raises(SourceError, match=r"cannot list .*Permission denied"):
        open_source(str(folder))
    with no_rights(clip), pytest.raises(SourceError, match=r"cannot read .*Permission denied"):
        open_source(str(clip))
