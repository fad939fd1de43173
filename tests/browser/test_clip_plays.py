"""Clips in a real browser: what guard writes plays, seeks and knows its length."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.support.chromium import CHROMIUM, WHY_NOT
from tests.support.desk import Filmed
from tests.support.packets import film
from vision.clips import encode
from vision.clips.fragments import cut_to_whole

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)]

PLAY = """async () => {
    const video = document.querySelector("video");
    const happens = name => new Promise((done, fail) => {
        video.addEventListener(name, done, {once: true});
        video.addEventListener("error", () => fail(new Error(video.error.message)), {once: true});
    });
    const ready = happens("canplaythrough");
    video.src = `/clip.mp4?${performance.now()}`;
    await ready;
    const length = video.duration;
    const sought = happens("seeked");
    video.currentTime = 7.05;
    await sought;
    const canvas = document.createElement("canvas");
    canvas.getContext("2d").drawImage(video, 0, 0);
    const grey = canvas.getContext("2d").getImageData(20, 20, 1, 1).data[0];
    const ended = happens("ended");
    video.currentTime = length - 0.3;
    await video.play();
    await ended;
    return {length, grey, type: video.canPlayType("video/mp4"), width: video.videoWidth};
}"""


class Handler(BaseHTTPRequestHandler):
    """A page with a video element, and the clip with byte ranges, which seeking needs."""

    protocol_version = "HTTP/1.1"
    clip = b""

    def do_GET(self) -> None:
        page = not self.path.startswith("/clip.mp4")
        body = b"<!doctype html><link rel=icon href=data:><video muted></video>" if page else self.clip
        first, _, last = (self.headers.get("range") or "bytes=0-").removeprefix("bytes=").partition("-")
        begin, end = int(first), min(int(last or len(body)), len(body) - 1)
        self.send_response(200 if page else 206)
        self.send_header("content-type", "text/html" if page else "video/mp4")
        self.send_header("content-length", str(end + 1 - begin))
        self.send_header("cache-control", "no-store")
        if not page:
            self.send_header("content-range", f"bytes {begin}-{end}/{len(body)}")
        self.end_headers()
        self.wfile.write(body[begin : end + 1])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """A browser that has seen enough hangs up: no error."""

    def handle_error(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{server.server_port}/")
    yield page
    page.close()
    server.shutdown()
    server.server_close()
    thread.join(20)


def make(folder: Path, codec: str) -> Path:
    """A clip of 10 s as guard makes it, and its whole way to what a browser gets."""
    made = Filmed(folder)
    clip = made.clip(0.0)
    made.feed(film(100, codec=codec), clip)
    clip.finish()
    if not made.to_convert:
        return made.path(made.files[0])
    target = folder / "converted.mp4"
    encode.convert(made.to_convert[0].part(folder, "todo"), target)
    return target


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mjpeg"])
def test_it_plays_seeks_and_knows_its_length(page: Page, tmp_path: Path, codec: str) -> None:
    Handler.clip = make(tmp_path, codec).read_bytes()
    said: dict[str, Any] = page.evaluate(PLAY)
    assert said["length"] == pytest.approx(10.0, abs=0.11)
    assert round(said["grey"] / 8) == 70 % 31  # the picture of 7.0 s
    assert said["type"]
    assert said["width"] == 64


def test_what_a_crash_left_plays_up_to_there(page: Page, tmp_path: Path) -> None:
    path = make(tmp_path, "libx264")
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"moof") + 40])
    assert cut_to_whole(path).fragments
    Handler.clip = path.read_bytes()
    said: dict[str, Any] = page.evaluate(PLAY)
    assert 9.0 <= said["length"] < 10.0
    assert round(said["grey"] / 8) == 70 % 31
