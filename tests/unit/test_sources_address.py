from __future__ import annotations

from pathlib import Path

import pytest

from vision.errors import SourceError
from vision.sources import parse_address, redact


@pytest.mark.parametrize(
    ("text", "kind", "target"),
    [
        ("rtsp://10.0.0.5/live", "stream", "rtsp://10.0.0.5/live"),
        ("RTSPS://u:p@cam:322/x", "stream", "RTSPS://u:p@cam:322/x"),
        ("http://cam/video.mjpg", "stream", "http://cam/video.mjpg"),
        (" https://cam/a.m3u8 ", "stream", "https://cam/a.m3u8"),
        ("0", "v4l2", "/dev/video0"),
        ("02", "v4l2", "/dev/video2"),
        ("/dev/video11", "v4l2", "/dev/video11"),
    ],
)
def test_cameras(text: str, kind: str, target: str) -> None:
    address = parse_address(text)
    assert (address.kind, address.target) == (kind, target)


def test_files_and_folders(tmp_path: Path) -> None:
    clip = tmp_path / "0"
    clip.write_bytes(b"x")
    assert parse_address(str(clip)).kind == "file"
    assert parse_address(str(tmp_path)).kind == "folder"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("no/such/file.mp4", "does not exist"),
        ("/dev/null", "neither a file nor a folder"),
        ("rtmp://cam/live", "rtmp://"),
        ("udp://239.0.0.1:5000", "udp://"),
        ("rtsp://", "rtsp://"),
        ("x" * 5000, "cannot look at"),
        ("a\0b", "no path"),
    ],
)
def test_everything_else_is_an_error_that_says_what_to_try(text: str, says: str) -> None:
    with pytest.raises(SourceError, match=says) as caught:
        parse_address(text)
    assert "try rtsp://" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["rtmp://admin:hunter22@cam/x", "admin:hunter22@10.0.0.5/live", "rtsp:/admin:hunter22@10.0.0.5/live"],
)
def test_errors_do_not_repeat_passwords(text: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_address(text)
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://admin:pw@10.0.0.5:554/h264", "rtsp://***@10.0.0.5:554/h264"),
        ("rtsp://10.0.0.5:554/h264", "rtsp://10.0.0.5:554/h264"),
        ("rtsp://a:p@ss/wo?rd@cam/x", "rtsp://***@cam/x"),
        ("http://cam/img?user=bob&pwd=secret&res=hd", "http://cam/img?user=***&pwd=***&res=hd"),
        ("/data/clips/monday.mp4", "/data/clips/monday.mp4"),
        ("0", "0"),
    ],
)
def test_redact(address: str, shown: str) -> None:
    assert redact(address) == shown
