"""A real RTSP server on loopback: GStreamer's, in a process of its own that can be killed and restarted.

This file is both sides. Imported, it gives `RtspServer`. Run as a program it *is* the server; it runs under
the system's Python, since GStreamer's bindings (Debian: gir1.2-gst-rtsp-server-1.0, python3-gi) are there.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

SYSTEM_PYTHON = "/usr/bin/python3"
_START_S = 20.0  # generous: the machine may be busy
_CHECK = (
    "import gi; gi.require_version('Gst','1.0'); gi.require_version('GstRtspServer','1.0');"
    "from gi.repository import Gst, GstRtspServer; Gst.init(None);"
    "missing = [n for n in ('x264enc','h264parse','qtdemux','rtph264pay','videotestsrc')"
    " if Gst.ElementFactory.find(n) is None];"
    "raise SystemExit('missing GStreamer elements: ' + ' '.join(missing) if missing else 0)"
)


def why_not() -> str | None:
    """Why no RTSP server can be started on this machine, None if one can."""
    if not Path(SYSTEM_PYTHON).exists():
        return f"{SYSTEM_PYTHON} is missing"
    done = subprocess.run(
        [SYSTEM_PYTHON, "-c", _CHECK], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode == 0:
        return None
    return f"install the packages in .ci/apt.txt: {done.stderr.strip().splitlines()[-1]}"


class RtspServer:
    """A server at ``rtsp://127.0.0.1:port/cam``. Use as a context manager.

    Args:
        video: an H.264 MP4 file to serve at its own pace, from its start when the first client comes; when it
            ends so does the stream (see `repeated`). None serves a moving test picture without end.
        size_wh, fps: of the test picture.
        port: 0 takes a free one and keeps it over restarts.
        login: (user, password) that the server asks for.
    """

    def __init__(
        self,
        video: Path | None = None,
        *,
        size_wh: tuple[int, int] = (320, 240),
        fps: int = 25,
        port: int = 0,
        login: tuple[str, str] | None = None,
    ) -> None:
        self.port = port
        self._arguments = [f"--size={size_wh[0]}x{size_wh[1]}", f"--fps={fps}"]
        if video is not None:
            self._arguments.append(f"--video={video.resolve()}")
        if login is not None:
            self._arguments.append(f"--login={login[0]}:{login[1]}")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of the stream, without login."""
        return f"rtsp://127.0.0.1:{self.port}/cam"

    def start(self) -> Self:
        """Start, or start again on the same port. Returns when the port accepts connections."""
        assert self._process is None, "already running"
        self._process = subprocess.Popen(
            [SYSTEM_PYTHON, __file__, f"--port={self.port}", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "GST_REGISTRY_FORK": "no"},
        )
        self.port = int(self._answer("port"))
        return self

    def resize(self, size_wh: tuple[int, int]) -> None:
        """Change the test picture's size in the middle of the stream."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"size {size_wh[0]}x{size_wh[1]}\n".encode())
        self._process.stdin.flush()
        self._answer("sized")

    def kill(self) -> None:
        """End it as a power cut would: no goodbye."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None

    def freeze(self) -> None:
        """Stop it without closing a connection: the camera hangs."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _answer(self, word: str) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        deadline_s = time.monotonic() + _START_S
        while (left_s := deadline_s - time.monotonic()) > 0:
            if not select.select([self._process.stdout], [], [], left_s)[0]:
                break
            line = self._process.stdout.readline().decode()
            if not line:
                raise RuntimeError(f"the RTSP server ended with {self._process.wait()}")
            if line.startswith(word):
                return line.removeprefix(word).strip()
        raise TimeoutError(f"the RTSP server did not say {word!r} within {_START_S} s")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()


def repeated(video: Path, times: int, into: Path) -> Path:
    """Write ``video`` ``times`` over, back to back, without re-encoding. Returns: ``into``, an MP4 file."""
    import av  # here, since the server side of this file runs where PyAV is not

    with av.open(str(into), "w", format="mp4") as output, av.open(str(video)) as first:
        stream = output.add_stream_from_template(first.streams.video[0])
        assert first.streams.video[0].time_base is not None
        offset = 0
        for _ in range(times):
            with av.open(str(video)) as source:
                end = 0
                for packet in source.demux(source.streams.video[0]):
                    if packet.dts is None or packet.pts is None:
                        continue
                    end = max(end, packet.pts + (packet.duration or 0))
                    packet.pts += offset
                    packet.dts += offset
                    packet.stream = stream
                    output.mux(packet)
                offset += end
    return into


def _serve(options: argparse.Namespace) -> None:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer

    Gst.init(None)

    def caps(size: str) -> Any:
        width, height = size.split("x")
        return f"video/x-raw,format=I420,width={width},height={height},framerate={options.fps}/1"

    size = options.size
    # The parser repeats parameter sets once per key frame; the payloader would put them before every slice
    factory = GstRtspServer.RTSPMediaFactory()
    if options.video:
        factory.set_launch(
            f'( filesrc location="{options.video}" ! qtdemux ! h264parse config-interval=-1 '
            "! rtph264pay name=pay0 pt=96 )"
        )
    else:
        factory.set_launch(
            f"( videotestsrc is-live=true pattern=ball ! capsfilter name=size caps={caps(size)} "
            f"! x264enc tune=zerolatency speed-preset=ultrafast key-int-max={options.fps} bitrate=1500 "
            "! h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96 )"
        )
    factory.set_shared(True)
    media_now: list[Any] = []

    def configured(_factory: object, media: Any) -> None:
        media_now[:] = [media]

    factory.connect("media-configure", configured)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(options.port))
    server.get_mount_points().add_factory("/cam", factory)
    if options.login:
        user, password = options.login.split(":", 1)
        auth = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "guest")
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
        server.set_auth(auth)
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("guest", "media.factory.access", True)
        permissions.add_permission_for_role("guest", "media.factory.construct", True)
        factory.set_permissions(permissions)
    if not server.attach(None):
        sys.exit(f"cannot listen on port {options.port}")

    def command(*_: object) -> bool:
        line = sys.stdin.readline()
        if not line:  # the test is gone
            loop.quit()
            return False
        new_size = line.removeprefix("size").strip()
        for media in media_now:
            media.get_element().get_by_name("size").set_property("caps", Gst.Caps.from_string(caps(new_size)))
        print("sized", new_size, flush=True)
        return True

    loop = GLib.MainLoop()
    GLib.io_add_watch(
        sys.stdin.fileno(), GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN | GLib.IOCondition.HUP, command
    )
    print("port", server.get_bound_port(), flush=True)
    loop.run()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--size", default="320x240")
    parser.add_argument("--fps", type=int, default=25)
    parser.add_argument("--video", default="")
    parser.add_argument("--login", default="")
    _serve(parser.parse_args())
