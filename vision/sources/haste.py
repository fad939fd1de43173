"""When a camera's decoder should leave out what it can: pictures that no other picture is built on.

Decoding a 1080p picture takes about half as long as looking at it. A box that cannot look at every picture
decodes most of them for nothing; but only those that nothing refers to (H.264 and H.265 mark them: B-frames,
the upper layers of SVC) can be left out without harm to the next. A stream without any goes on as before.
"""

from __future__ import annotations

from collections import deque
from typing import Final

WINDOW_S: Final = 2.0
"""Over which the share of pictures that nobody read is taken: a burst of work is no reason."""
MANY: Final = 0.7
"""Of the pictures went unread: those that are left, a third with two B-frames in between, are enough. With
every second one unread, skipping made the age of what is known worse (`benchmarks/reports`, 8 cameras)."""
FEW: Final = 0.1
LAG_S: Final = 0.5
"""Pictures that come so much later than the quickest did: the decoder itself does not keep up."""
FORGET: Final = 0.001
"""Seconds per second by which the quickest way is forgotten; a camera's clock is off by a tenth of that."""
SETTLE_S: Final = 3.0
"""From the first picture on, in which none is late: a server sends what it has at once, and a decoder that
puts B-frames in order holds back what follows. Against that burst every later picture would be late."""
AT_LEAST_S: Final = 10.0
"""How long it stays on: it must not change with every passenger."""


class Haste:
    """Told of every picture, says whether to hurry. Not thread-safe: of one reader."""

    def __init__(self) -> None:
        self._pictures: deque[tuple[float, bool]] = deque()
        self._since_s: float | None = None
        self._first_s: float | None = None
        self._quickest_s: float | None = None  # clock minus the stream's own time, once it has settled
        self._newest_s = 0.0

    @property
    def on(self) -> bool:
        """Whether to hurry now."""
        return self._since_s is not None

    def note(self, now_s: float, stream_s: float | None, unread: bool) -> bool:
        """A picture was decoded. Returns: whether to hurry from here on.

        Args: ``stream_s``: its time in the stream, None: unknown; ``unread``: the one before it was replaced
            without having been read.
        """
        self._pictures.append((now_s, unread))
        while now_s - self._pictures[0][0] > WINDOW_S:
            self._pictures.popleft()
        late = self._late(now_s, stream_s) > LAG_S
        share = sum(lost for _, lost in self._pictures) / len(self._pictures)
        full = now_s - self._pictures[0][0] >= WINDOW_S / 2
        if self._since_s is None:
            if late or (full and share >= MANY):
                self._since_s = now_s
        elif now_s - self._since_s >= AT_LEAST_S and not late and share <= FEW:
            self._since_s = None
        return self.on

    def _late(self, now_s: float, stream_s: float | None) -> float:
        """Seconds by which this picture came later than the quickest one."""
        if self._first_s is None:
            self._first_s = now_s
        if stream_s is None or now_s - self._first_s < SETTLE_S:
            return 0.0
        way_s, gone_s = now_s - stream_s, now_s - self._newest_s
        before_s, self._newest_s = self._quickest_s, now_s
        self._quickest_s = way_s if before_s is None else min(way_s, before_s + FORGET * max(gone_s, 0.0))
        return way_s - self._quickest_s
