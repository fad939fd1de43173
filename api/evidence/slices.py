"""A file, or a range of it, as an HTTP answer: what a browser needs to seek in a clip (RFC 9110, 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import BinaryIO, Final

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

CHUNK: Final = 256 * 1024
_RANGE: Final = re.compile(r"bytes=(?P<first>\d{0,18})-(?P<last>\d{0,18})")


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes ``first`` up to and with ``last``."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """Bytes in it."""
        return self.last - self.first + 1


class UnsatisfiableRangeError(ValueError):
    """The range lies behind the end of the file."""


def parse_range(header: str | None, size: int) -> Part | None:
    """What a Range header asks for. None: all of it; several ranges and what is no range count as all.

    Raises: UnsatisfiableRangeError.
    """
    match = None if header is None else _RANGE.fullmatch(header.strip().lower().replace(" ", ""))
    if match is None or not (match["first"] or match["last"]):
        return None
    if not match["first"]:  # the last so many bytes
        wanted = int(match["last"])
        if wanted == 0 or size == 0:
            raise UnsatisfiableRangeError(f"the file has {size} bytes; got {header!r}")
        return Part(max(0, size - wanted), size - 1)
    first = int(match["first"])
    last = min(int(match["last"]), size - 1) if match["last"] else size - 1
    if match["last"] and int(match["last"]) < first:
        return None  # RFC 9110: an invalid range is to be ignored
    if first >= size:
        raise UnsatisfiableRangeError(f"the file has {size} bytes; got {header!r}")
    return Part(first, last)


def etags(header: str | None) -> frozenset[str]:
    """The entity tags of an If-None-Match header, weak ones without their mark; ``*`` as it is."""
    if header is None:
        return frozenset()
    return frozenset(tag.strip().removeprefix("W/") for tag in header.split(",") if tag.strip())


class SliceResponse(Response):
    """Sends a part of an open file and closes it, also when the reader leaves early."""

    def __init__(
        self, file: BinaryIO, part: Part, *, status: int, media_type: str, headers: dict[str, str]
    ) -> None:
        self._file = file
        self._part = part
        super().__init__(status_code=status, media_type=media_type, headers=headers)
        self.headers["content-length"] = str(part.length)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Answer."""
        try:
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            await run_in_threadpool(self._file.seek, self._part.first)
            left = self._part.length
            while left > 0:
                chunk = await run_in_threadpool(self._file.read, min(CHUNK, left))
                if not chunk:  # shorter than a moment ago: the reader sees a broken answer, not a wrong one
                    raise OSError("the evidence file became shorter while it was being sent")
                left -= len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": left > 0})
            if self._part.length == 0:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._file.close()
