"""From an address to a running source."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from random import Random
from typing import Literal

from vision.sources.address import Address, parse_address
from vision.sources.backoff import Backoff
from vision.sources.connection import Connection, stream_options
from vision.sources.live import LiveSource
from vision.sources.packets import OnPacket
from vision.sources.playback import PlaybackSource
from vision.sources.replay import DEFAULT_FOLDER_FPS, open_recording
from vision.types import Clock, FrameSource


def open_source(
    address: str,
    *,
    clock: Clock = time.monotonic,
    loop: bool = False,
    real_time: bool = True,
    rtsp_transport: Literal["tcp", "udp"] = "tcp",
    open_timeout_s: float = 5.0,
    stall_timeout_s: float = 5.0,
    folder_fps: float = DEFAULT_FOLDER_FPS,
    on_packet: OnPacket | None = None,
    may_skip: bool = True,
    rng: Random | None = None,
    backoff: Backoff | None = None,
) -> FrameSource:
    """Start reading from a camera, a file or a folder.

    Args:
        address: ``rtsp(s)://`` or ``http(s)://`` stream, camera number or ``/dev/videoN``, video file, image,
            folder of images, or ``sample`` for the bundled clip.
        clock: stamps frames, paces recordings and measures time-outs.
        loop: play a recording again and again. Cameras do not care.
        real_time: play a recording at its own pace; False: each frame waits to be read, none is dropped.
        rtsp_transport: how RTSP carries pictures. TCP loses none and passes firewalls.
        open_timeout_s: how long each of the two steps of connecting may take.
        stall_timeout_s: how long an open connection may give no picture before it is replaced.
        folder_fps: images per second for a folder.
        on_packet: gets every encoded packet of a stream, device or video file, see `vision.sources.packets`.
        may_skip: a camera may leave out pictures that no other is built on while the box cannot keep up.
        rng, backoff: how long to wait between attempts to connect.
    Returns: a source that is already at work. A camera that cannot be reached, or a USB camera that is not
        plugged in, is no error here: the source says so in `status` and keeps trying.
    Raises: SourceError if the address is not understood or a recording cannot be read; ValueError for
        time-outs or rates that make no sense.
    """
    if min(open_timeout_s, stall_timeout_s) <= 0:
        raise ValueError(f"time-outs must be above 0 s; got {open_timeout_s} and {stall_timeout_s}")
    found = parse_address(address)
    if found.kind in {"file", "folder"}:
        path = Path(found.target)
        open_pass = partial(open_recording, path, None, folder_fps, packets=on_packet is not None)
        return PlaybackSource(
            str(path), open_pass, clock=clock, loop=loop, real_time=real_time, on_packet=on_packet
        )
    return LiveSource(
        found.target,
        partial(_connect, found, rtsp_transport, (open_timeout_s, stall_timeout_s)),
        clock=clock,
        open_timeout_s=open_timeout_s,
        stall_timeout_s=stall_timeout_s,
        backoff=backoff or Backoff(),
        rng=rng or Random(),  # noqa: S311 - spreads retries, guards nothing
        on_packet=on_packet,
        may_skip=may_skip,
    )


def _connect(found: Address, transport: Literal["tcp", "udp"], timeout_s: tuple[float, float]) -> Connection:
    if found.kind == "v4l2":
        return Connection(found.target, {}, format_name="v4l2", timeout_s=timeout_s)
    return Connection(
        found.target, stream_options(found.target, transport, timeout_s[1]), timeout_s=timeout_s
    )
