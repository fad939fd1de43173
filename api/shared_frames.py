"""Live pictures for many: the WebSocket frames of a picture are made once, everybody gets the same bytes.

What a server sends is not masked (RFC 6455, 5.1), so the frames of fifty watchers are equal byte for byte.
With an own copy for each, in two messages, framing cost more than all else that web does while people watch.

The server offers this as an ASGI extension, `EXTENSION`; where it is missing (another server, a test client)
the pictures go out as ordinary messages.
"""

from __future__ import annotations

import struct
from typing import Any, Final

from starlette.websockets import WebSocket
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.protocol import State

EXTENSION: Final = "liftguard.frames"
"""Key of the scope's ``extensions``, and in a ``websocket.send`` of bytes that are whole frames already."""
_TEXT: Final = 0x81  # final frame of a text message
_BINARY: Final = 0x82


def framed(text: bytes, binary: bytes) -> bytes:
    """A text message and a binary one, as a server sends them: not masked, not compressed."""
    return b"".join((_head(_TEXT, len(text)), text, _head(_BINARY, len(binary)), binary))


def _head(kind: int, length: int) -> bytes:
    """RFC 6455, 5.2: lengths from 126 on take two or eight more bytes."""
    if length < 126:
        return bytes((kind, length))
    if length < 65536:
        return struct.pack(">BBH", kind, 126, length)
    return struct.pack(">BBQ", kind, 127, length)


def takes_frames(socket: WebSocket) -> bool:
    """The server under this socket knows `EXTENSION`."""
    return EXTENSION in socket.scope.get("extensions", {})


async def send_frames(socket: WebSocket, frames: bytes) -> None:
    """Send what `framed` made. Waits, as any message does, until the socket can take more."""
    await socket.send({"type": "websocket.send", EXTENSION: frames})


class SharedFrames(WebSocketsSansIOProtocol):
    """Uvicorn's WebSocket, which also takes whole frames."""

    def handle_connect(self, event: Request) -> None:
        """Offer it to the application, which begins after this returns."""
        super().handle_connect(event)
        scope = getattr(self, "scope", None)  # there is none where the handshake was refused
        if scope is not None:
            scope["extensions"][EXTENSION] = {}

    async def send(self, message: Any) -> None:
        """See ASGI; with `EXTENSION` in the message, write its bytes as they are."""
        frames = message.get(EXTENSION)
        if frames is None or not self.handshake_complete:
            await super().send(message)
            return
        await self.writable.wait()
        if self.disconnected or self.close_sent or self.conn.state is not State.OPEN:
            raise ClientDisconnected
        self.transport.write(frames)
