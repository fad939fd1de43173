"""Covered copies of a clip, a picture and a thumbnail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import av
import numpy as np
from PIL import Image as Pillow
from PIL import ImageSequence, UnidentifiedImageError

from api.privacy.heads import FOUND_CONF, SPREAD, Region, cover, lasting, regions
from vision.clips.pictures import jpeg
from vision.errors import EvidenceError
from vision.sources import read_image
from vision.types import Detections, Image

RULES: Final = "v1"
"""Part of a copy's name: raise it when `api.privacy.heads` covers otherwise."""
JPEG_QUALITY: Final = 85
MAX_FRAMES: Final = 40_000
"""Over an hour at 10 frames per second; segments are a minute long."""

Detect = Callable[..., Detections]


def cover_picture(source: Path, target: Path, detect: Detect) -> None:
    """Copy a JPEG. Raises: SourceError if it cannot be read; StorageError, OSError."""
    picture = read_image(source)
    covered = cover(picture, _found(picture, detect))
    target.write_bytes(jpeg(covered, JPEG_QUALITY))


def cover_thumbnail(source: Path, target: Path, detect: Detect) -> None:
    """Copy an animated WebP. Raises: EvidenceError if it cannot be read; OSError."""
    try:
        with Pillow.open(source) as animation:
            waits = []
            images = []
            for frame in ImageSequence.Iterator(animation):
                images.append(np.asarray(frame.convert("RGB"))[:, :, ::-1].astype(np.uint8))
                waits.append(int(frame.info.get("duration", 200)))
    except (UnidentifiedImageError, SyntaxError) as exc:
        raise EvidenceError(f"{source.name} is no picture that can be read: {exc}") from exc
    # A thumbnail's frames lie far apart in time: all of them stay covered where one shows a person.
    everywhere = lasting([_found(image, detect) for image in images], spread=2)
    frames = [
        Pillow.fromarray(np.ascontiguousarray(cover(image, where)[:, :, ::-1]))
        for image, where in zip(images, everywhere, strict=True)
    ]
    frames[0].save(
        target, "WEBP", save_all=True, append_images=frames[1:], duration=waits, loop=0, quality=70
    )


def cover_clip(source: Path, target: Path, detect: Detect) -> None:
    """Copy an MP4, frame times kept, as H.264 that browsers play. Raises: EvidenceError; OSError.

    Read twice: the first time for where people are, so that a frame is covered before they are found, too.
    """
    try:
        per_frame = [_found(image, detect) for _, image in _frames(source)]
        if not per_frame:
            raise EvidenceError(f"{source.name} holds no picture")
        _write(source, target, lasting(per_frame, SPREAD))
    except av.error.FFmpegError as exc:
        raise EvidenceError(f"{source.name} could not be copied: {exc}") from exc


def _found(image: Image, detect: Detect) -> list[Region]:
    height, width = image.shape[:2]
    return regions(detect(image, FOUND_CONF), (width, height))


def _frames(source: Path) -> Any:
    """(presentation time in the stream's own units, picture (H, W, 3) BGR) of every frame."""
    with av.open(str(source)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number >= MAX_FRAMES:
                raise EvidenceError(f"{source.name} has more than {MAX_FRAMES} pictures")
            yield frame, frame.to_ndarray(format="bgr24")


def _write(source: Path, target: Path, everywhere: list[list[Region]]) -> None:
    with (
        av.open(str(source)) as given,
        av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as made,
    ):
        old = given.streams.video[0]
        stream = cast("Any", made.add_stream("libx264", rate=old.average_rate or 10))
        stream.width, stream.height = old.codec_context.width & ~1, old.codec_context.height & ~1
        stream.pix_fmt = "yuv420p"
        stream.time_base = old.time_base
        stream.codec_context.time_base = old.time_base
        stream.codec_context.thread_count = 1
        stream.options = {"preset": "veryfast", "crf": "26"}
        last: list[Region] = everywhere[-1]
        for number, (frame, image) in enumerate(_frames(source)):
            where = everywhere[number] if number < len(everywhere) else last
            picture = cover(image, where)[: stream.height, : stream.width]
            fresh = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
            fresh.pts, fresh.time_base = frame.pts, frame.time_base
            made.mux(stream.encode(fresh))
        made.mux(stream.encode(None))
