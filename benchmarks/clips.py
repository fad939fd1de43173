"""What clips cost: CPU and memory of the ring and the writer, and what filming does to the way of a frame.

Pictures of the bundled clip are scaled to 1080p and encoded as a camera would. The way of a frame (from its
capture until the hold can hear of it) is taken with the real detector, at the camera's pace, in turns without
a studio, with one that only keeps its ring, and with one that films all the time. Prints one JSON line.

    python -m benchmarks.clips [--seconds N] [--fps N ...]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from api.evidence.desk import Desk
from api.evidence.studio import Studio
from api.load import load_settings
from api.main import build_detector, build_perceiver
from api.records import new_event_id
from api.times import WallTime
from benchmarks.machine import where_measured
from vision.clips.mp4 import Mp4Writer
from vision.clips.pictures import jpeg, moving_webp, shrunk
from vision.clips.ring import OVERHEAD_BYTES, PacketRing
from vision.clips.rules import ClipRules
from vision.sources import iter_frames, open_source
from vision.sources.masked import black_out
from vision.sources.packets import EncodedPacket
from vision.sources.playback import VideoPass
from vision.types import Image

SIZE_WH = (1920, 1080)
GOP_S = 2  # between key frames, as cameras are delivered
BITRATE = 4_000_000  # bits/s, a usual setting for 1080p
RULES = ClipRules(segment_s=10, max_s=7200)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=20, help="length of each turn (default: 20)")
    parser.add_argument("--fps", type=int, nargs="+", default=[10, 25], help="frame rates (default: 10 25)")
    parser.add_argument("--turns", type=int, default=2, help="turns of each kind (default: 2)")
    arguments = parser.parse_args()
    pictures = [cv2.resize(f.image, SIZE_WH) for f in islice(iter_frames("sample"), 150, 350)]
    rates: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for fps in arguments.fps:
            path = Path(folder) / f"{fps}.mp4"
            record(path, pictures, fps, arguments.seconds)
            packets = [packet for shown in VideoPass(path, packets=True) for packet in shown.packets]
            rates[str(fps)] = {
                "ring": ring_cost(packets, fps),
                "writer": writer_cost(packets, fps, Path(folder)),
                "capture_to_presence_ms": way_of_a_frame(
                    path, Path(folder), arguments.seconds, arguments.turns
                ),
            }
    print(
        json.dumps(
            {
                "benchmark": "clips",
                "size_wh": SIZE_WH,
                "bits_per_s": BITRATE,
                "fps": rates,
                "pictures_ms": picture_cost([np.asarray(p, np.uint8) for p in pictures[:16]]),
                **where_measured(),
            }
        )
    )


def record(path: Path, pictures: list[Any], fps: int, seconds: int) -> None:
    """A camera's stream in a file."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(
            "libx264", rate=fps, options={"preset": "ultrafast", "tune": "zerolatency"}
        )
        assert isinstance(stream, VideoStream)  # noqa: S101 - for the type checker
        stream.width, stream.height = SIZE_WH
        stream.pix_fmt, stream.bit_rate = "yuv420p", BITRATE
        stream.codec_context.gop_size = fps * GOP_S
        for number in range(fps * seconds):
            image = pictures[number * 10 // fps % len(pictures)]  # the clip has 10 pictures/s
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def timed(packets: list[EncodedPacket], fps: int) -> Iterator[EncodedPacket]:
    """The packets of a minute as they would arrive."""
    for number in range(60 * fps):
        packet = packets[number % len(packets)]
        stamp = round(number / fps / packet.stream.time_base)
        yield EncodedPacket(packet.data, number / fps, stamp, stamp, packet.keyframe, packet.stream)


def ring_cost(packets: list[EncodedPacket], fps: int) -> dict[str, float]:
    """Microseconds per packet on the camera's thread, and memory held."""
    ring = PacketRing(RULES.pre_s + 10, RULES.ring_bytes)
    arriving = list(timed(packets, fps))
    start = time.perf_counter()
    for packet in arriving:
        ring.put(packet)
    spent = time.perf_counter() - start
    return {
        "put_us": round(spent / len(arriving) * 1e6, 2),
        "held_s": round(ring.span_s, 1),
        "held_mib": round(ring.n_bytes / 2**20, 2),
        "overhead_bytes_per_packet": OVERHEAD_BYTES,
        "dropped": ring.dropped,
    }


def writer_cost(packets: list[EncodedPacket], fps: int, folder: Path) -> dict[str, float]:
    """CPU and disk of a minute of clip, synced every half second as guard does five times a second."""
    cpu, wall = time.thread_time(), time.perf_counter()
    arriving = timed(packets, fps)
    first = next(arriving)
    writer = Mp4Writer(folder / "written.mp4", first)
    writer.add(first)
    for number, packet in enumerate(arriving):
        writer.add(packet)
        if number % max(1, fps // 5) == 0:
            writer.sync()
    written = writer.finish()
    cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
    (folder / "written.mp4").unlink()
    return {
        "cpu_percent_of_a_core": round(cpu / written.duration_s * 100, 3),
        "wall_percent": round(wall / written.duration_s * 100, 3),
        "mib_per_minute": round(written.n_bytes / 2**20, 1),
    }


def way_of_a_frame(path: Path, folder: Path, seconds: int, turns: int) -> dict[str, dict[str, float]]:
    """Capture to presence, in milliseconds, in turns of each kind."""
    taken: dict[str, list[float]] = {
        kind: [] for kind in ("no_studio", "ring_only", "filming", "filming_frames")
    }
    cpu: dict[str, float] = dict.fromkeys(taken, 0.0)
    settings = load_settings()
    detector = build_detector(settings)
    times = WallTime()
    for turn in range(turns):
        for kind, found in taken.items():
            evidence = folder / f"{path.stem}-{turn}-{kind}"  # nothing to repair from the turn before
            desk = Desk("car-1", evidence, lambda _: None, times.utc, lambda *_: None)
            studio = Studio(desk, RULES, times.clock, enabled=kind != "no_studio")
            masked = kind == "filming_frames"
            perceiver = build_perceiver(settings, settings.elevators[0], detector)
            source = open_source(str(path), on_packet=None if masked else studio.on_packet)
            studio.start()
            started = time.process_time()
            if kind.startswith("filming"):
                studio.begin(new_event_id(), times.clock())
            end_s = times.clock() + seconds
            while times.clock() < end_s and source.status().state not in {"ended", "closed"}:
                frame = source.read(0.5)
                if frame is None:
                    continue
                seen = perceiver.look(frame)
                found.append(times.clock() - frame.t_s)
                studio.observe(seen)
            cpu[kind] += time.process_time() - started
            source.close()
            studio.stop()
    return {
        kind: {**_named(found), "cpu_ms_per_frame": round(cpu[kind] / len(found) * 1000, 1)}
        for kind, found in taken.items()
    }


def picture_cost(pictures: list[Image]) -> dict[str, float]:
    """Milliseconds of one picture of each kind, and their size."""
    costs: dict[str, float] = {}
    small = [shrunk(p) for p in pictures]
    mask = [((0.1, 0.1), (0.4, 0.1), (0.4, 0.6), (0.1, 0.6))]
    kinds: dict[str, Callable[[], object]] = {
        "snapshot": lambda: jpeg(pictures[0]),
        "frame_for_the_ring": lambda: jpeg(pictures[0], 85),
        "shrink": lambda: shrunk(pictures[0]),
        "thumbnail": lambda: moving_webp(small),
        "mask": lambda: black_out(pictures[1], mask),
    }
    for name, make in kinds.items():
        spent = []
        for _ in range(5):
            start = time.perf_counter()
            made = make()
            spent.append(time.perf_counter() - start)
        costs[name] = round(float(np.median(spent)) * 1000, 2)
        if isinstance(made, bytes):
            costs[f"{name}_kib"] = round(len(made) / 1024, 1)
    return costs


def _named(values: list[float]) -> dict[str, float]:
    quantiles = np.percentile(np.array(values) * 1000, (50, 95, 99))
    named = zip(("p50", "p95", "p99"), quantiles, strict=True)
    return {"frames": len(values), **{name: round(float(value), 2) for name, value in named}}


if __name__ == "__main__":
    main()
