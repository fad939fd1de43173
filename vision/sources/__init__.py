"""Where frames come from: RTSP and HTTP streams, USB cameras, video files and folders of images.

`open_source` gives a live `vision.types.FrameSource`, `iter_frames` a deterministic iteration for replays.
"""

from vision.sources.address import Address, parse_address, redact
from vision.sources.backoff import Backoff
from vision.sources.images import IMAGE_SUFFIXES, MAX_PIXELS, list_images, read_image
from vision.sources.opening import open_source
from vision.sources.packets import EncodedPacket, StreamInfo
from vision.sources.replay import ReplayFrames, iter_frames

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "Address",
    "Backoff",
    "EncodedPacket",
    "ReplayFrames",
    "StreamInfo",
    "iter_frames",
    "list_images",
    "open_source",
    "parse_address",
    "read_image",
    "redact",
]
