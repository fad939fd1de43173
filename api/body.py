"""A request's body read before the route that wants it, and given to that route again."""

from __future__ import annotations

from typing import Final

from starlette.types import Message, Receive

from api.problems import ProblemError

MOST: Final = 256 * 1024
"""Bytes; our own bodies have a few KB. `api.protect` refuses large ones by their stated length; a DELETE
need not state one."""


async def whole_body(receive: Receive) -> bytes:
    """Read to the end.

    Raises:
        ProblemError: 400 if the connection ends before the body does, 413 over `MOST` bytes.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ProblemError(400, "bad-request", "the connection ended before the request did")
        body += message.get("body", b"")
        if len(body) > MOST:
            raise ProblemError(413, "too-large", f"a body may have {MOST} bytes at most")
        if not message.get("more_body", False):
            return bytes(body)


def given_again(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that hands out ``body`` first and then goes on with what the connection says."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
