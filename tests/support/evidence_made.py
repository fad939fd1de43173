"""Evidence files that a browser can show, made from the rendered sample."""

from __future__ import annotations

import functools
import hashlib
import io
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import av
from PIL import Image

from api.evidence.files import EvidenceFile
from api.records import Event
from api.store import Store
from tests.support.events import make_event, make_file, write_file

SAMPLE = Path(__file__).parents[2] / "vision" / "samples" / "elevator.mp4"


@functools.cache
def clip_of_sample(start_s: float, length_s: float) -> bytes:
    """A piece of the sample as an MP4 file, cut at a key frame without re-encoding."""
    out = io.BytesIO()
    with av.open(str(SAMPLE)) as source, av.open(out, "w", format="mp4") as target:
        video = source.streams.video[0]
        source.seek(int(start_s * 1_000_000), backward=True)
        copy = target.add_stream_from_template(video)
        first: int | None = None
        for packet in source.demux(video):
            if packet.dts is None or packet.pts is None or packet.time_base is None:
                continue
            first = packet.dts if first is None else first
            if float((packet.dts - first) * packet.time_base) > length_s:
                break
            packet.pts -= first
            packet.dts -= first
            packet.stream = copy
            target.mux(packet)
    return out.getvalue()


@functools.cache
def pictures_of_sample(at_s: float) -> tuple[bytes, bytes]:
    """A JPEG picture and a small animated WebP from that time of the sample."""
    frames = []
    with av.open(str(SAMPLE)) as source:
        source.seek(int(at_s * 1_000_000), backward=True)
        for frame in source.decode(video=0):
            if frame.time is not None and frame.time >= at_s:
                frames.append(Image.fromarray(frame.to_ndarray(format="rgb24")))
            if len(frames) == 12:
                break
    jpeg, webp = io.BytesIO(), io.BytesIO()
    frames[0].save(jpeg, "JPEG", quality=80)
    small: list[Image.Image] = [frame.resize((224, 126)) for frame in frames[::4]]
    small[0].save(webp, "WEBP", save_all=True, append_images=small[1:], duration=400, loop=0, quality=60)
    return jpeg.getvalue(), webp.getvalue()


def give_evidence(store: Store, root: Path, event: Event, start_s: float, length_s: float = 15.0) -> None:
    """A clip that begins 5 s before the event, a picture and a thumbnail."""
    jpeg, webp = pictures_of_sample(start_s + 5)
    new = make_event(event.started_at, event.elevator_id, id=event.id)
    for kind, content in (
        ("clip", clip_of_sample(start_s, length_s)),
        ("snapshot_boxes", jpeg),
        ("thumbnail", webp),
    ):
        made = make_file(new, kind)
        made = replace(
            made,
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            duration_s=length_s if kind == "clip" else 0.0,
            started_at=event.started_at - timedelta(seconds=5),
        )
        write_file(root, made, content)
        store.put_file(made)


def failed_clip(store: Store, event: Event, why: str) -> EvidenceFile:
    """No clip, and the reason."""
    made = replace(
        make_file(make_event(event.started_at, event.elevator_id, id=event.id)),
        state="failed",
        reason=why,
        sha256=None,
        size_bytes=0,
    )
    store.put_file(made)
    return made
