"""Takes an event's pictures: snapshots, a moving thumbnail, frames for the ring where packets are no use.

`offer` is called by the vision thread for every frame and only keeps references; scaling and encoding happen
on a thread of its own (OpenCV and Pillow let the others run meanwhile), writing on the thread of clips. Its
priority is left alone: a thread that holds Python's lock must not be one that the system lets wait.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from api.annotate import draw_boxes
from api.evidence.desk import Desk
from api.evidence.files import FileKind
from api.evidence.naming import Piece
from vision.clips.pictures import FramePackets, jpeg, moving_webp, shrunk
from vision.clips.ring import PacketRing
from vision.types import Clock, Image, Observation

log = logging.getLogger(__name__)

SETTLE_S: Final = 2.0  # the best frame up to then becomes the snapshot: soon enough for a notice to show it
FRESH_S: Final = 10.0  # an older frame shows another vehicle, see `HoldRules.rejoin_s`
BEFORE_S: Final = 2.0  # the thumbnail shows this long before the event
AFTER_S: Final = 4.0  # and this long after its start
THUMBNAIL_GAP_S: Final = 0.4  # between its pictures: at most 16 of them
RING_GAP_S: Final = 0.08  # between frames that are kept for clips: 12 a second
NO_FRAME: Final = "no frame was clear enough"


class Keep(Protocol):
    """Writes a picture and tells the store, on another thread."""

    def __call__(self, piece: Piece, data: bytes) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class _Order:
    """Pictures wanted for an event."""

    event_id: str
    started_s: float
    due_s: float
    take: Callable[[_Order], None]


class Photographer:
    """One elevator's pictures. `offer`, `begin` and `end` may be called from any thread and never wait.

    Args: ring gets frames as packets while ``wants_frames()``.
    """

    def __init__(
        self, desk: Desk, ring: PacketRing, keep: Keep, clock: Clock, wants_frames: Callable[[], bool]
    ) -> None:
        self._desk = desk
        self._ring = ring
        self._keep = keep
        self._clock = clock
        self._wants_frames = wants_frames
        self._packet_of = FramePackets()
        self._wake = threading.Condition()
        self._newest: Observation | None = None
        self._best: tuple[float, Observation] | None = None
        self._small: deque[tuple[float, Image]] = deque(
            maxlen=round((BEFORE_S + AFTER_S) / THUMBNAIL_GAP_S) + 1
        )
        self._orders: list[_Order] = []
        self._ring_s = float("-inf")
        self._stopping = False
        self._thread = threading.Thread(target=self._loop, name=f"pictures-{desk.elevator_id}", daemon=True)

    def start(self) -> None:
        """Begin working."""
        self._thread.start()

    def offer(self, seen: Observation) -> None:
        """A frame and what was seen in it. Keeps a reference until the next."""
        conf = _clearness(seen)
        with self._wake:
            self._newest = seen
            if conf > 0:
                best = self._best
                if best is None or conf >= best[0] or seen.frame.t_s - best[1].frame.t_s > FRESH_S:
                    self._best = (conf, seen)
            self._wake.notify_all()

    def begin(self, event_id: str, started_s: float) -> None:
        """Pictures are wanted of an event that has just started."""
        with self._wake:
            self._orders += [
                _Order(event_id, started_s, started_s + SETTLE_S, self._take_snapshots),
                _Order(event_id, started_s, started_s + AFTER_S, self._take_thumbnail),
            ]

    def stop(self) -> None:
        """Take what is still wanted from what there is, then end. Idempotent."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def turn(self, now_s: float) -> None:
        """Work on the newest frame, then on what is due."""
        with self._wake:
            seen, self._newest = self._newest, None
            due = [order for order in self._orders if order.due_s <= now_s]
            self._orders = [order for order in self._orders if order.due_s > now_s]
        if seen is not None:
            self._work_on(seen)
        for order in due:
            order.take(order)

    def _work_on(self, seen: Observation) -> None:
        t_s = seen.frame.t_s
        if not self._small or t_s - self._small[-1][0] >= THUMBNAIL_GAP_S:
            self._small.append((t_s, shrunk(seen.frame.image)))
        if t_s - self._ring_s >= RING_GAP_S and self._wants_frames():
            self._ring_s = t_s
            self._ring.put(self._packet_of(seen.frame))

    def _take_snapshots(self, order: _Order) -> None:
        with self._wake:
            best, self._best = self._best, None
        if best is None or abs(best[1].frame.t_s - order.started_s) > FRESH_S or best[1].detections is None:
            piece = self._desk.piece(order.event_id, "snapshot", 0, order.started_s)
            self._desk.tell(piece.file("failed", reason=NO_FRAME))
            return
        frame = best[1].frame
        self._make(order, "snapshot", frame.t_s, jpeg(frame.image))
        self._make(order, "snapshot_boxes", frame.t_s, jpeg(draw_boxes(frame.image, best[1].detections)))

    def _take_thumbnail(self, order: _Order) -> None:
        first_s, last_s = order.started_s - BEFORE_S, order.started_s + AFTER_S
        chosen = [(t_s, image) for t_s, image in self._small if first_s <= t_s <= last_s]
        same_size = [image for _, image in chosen if image.shape == chosen[-1][1].shape]
        if same_size:
            self._make(order, "thumbnail", chosen[0][0], moving_webp(same_size))

    def _make(self, order: _Order, kind: FileKind, t_s: float, data: bytes) -> None:
        self._keep(self._desk.piece(order.event_id, kind, 0, t_s), data)

    def _loop(self) -> None:
        failing = False
        while not self._stopping:
            with self._wake:
                self._wake.wait_for(
                    lambda: self._newest is not None or self._stopping, 0.2 if self._orders else None
                )
            try:
                self.turn(self._clock())
                failing = False
            except Exception:  # top of a loop that must go on: a picture is lost, the clip is not
                if not failing:
                    log.exception("%s: a picture could not be made", self._desk.elevator_id)
                failing = True
        try:
            self.turn(float("inf"))
        except Exception:  # as above; guard ends
            log.exception("%s: a picture could not be made", self._desk.elevator_id)


def _clearness(seen: Observation) -> float:
    """How clearly a frame shows the blocked vehicle: the detector's confidence, a confirmed one first."""
    if seen.detections is None:
        return 0.0
    there = {sighting.track_id: sighting.confirmed for sighting in seen.presence.sightings}
    return max(
        (t.conf + there[t.track_id] for t in seen.tracks if t.track_id in there and t.conf > 0), default=0.0
    )
