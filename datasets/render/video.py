"""Turn rendered pictures into the sample clip: sensor noise, H.264 in MP4, and its description in JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # (H, W, 3) RGB


def enlarge(picture: Picture, size_wh: tuple[int, int]) -> Picture:
    """Resize smoothly (Lanczos) with the scaler that the encoder already brings."""
    width, height = size_wh
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    scaled = frame.reformat(width=width, height=height, interpolation="LANCZOS")
    return scaled.to_ndarray(format="rgb24").astype(np.uint8, copy=False)


def sensor_noise(picture: Picture, rng: np.random.Generator, sigma: float = 2.2) -> Picture:
    """Add the grain of a cheap camera (levels of 255), a little coarser than one pixel.

    Without it, frames that show the same moment would be identical, which no real camera ever delivers.
    """
    height, width = picture.shape[:2]
    fine = rng.normal(0.0, sigma, (height, width, 1))
    soft = (fine + np.roll(fine, 1, axis=0) + np.roll(fine, 1, axis=1)) / 1.7
    return np.clip(np.rint(picture + soft), 0, 255).astype(np.uint8)


def encode(
    pictures: Iterable[Picture], target: Path, size_wh: tuple[int, int], fps: int, crf: int = 25
) -> int:
    """Write an H.264 MP4 (yuv420p, index in front, a keyframe each second) and return the frame count."""
    options = {"crf": str(crf), "preset": "slow", "profile": "main", "bf": "0"}
    options["x264-params"] = f"keyint={fps}:min-keyint={fps}:scenecut=0"
    count = 0
    with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=fps, options=options)
        stream.width, stream.height = size_wh
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
            count += 1
        container.mux(stream.encode(None))
    return count


def sha256_of(path: Path) -> str:
    """Return the file's SHA-256 as lower-case hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
