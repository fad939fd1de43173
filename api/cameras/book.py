"""One camera's book of troubles: turns what the tamper watch says into a log line, a row and a picture.

Called from the vision thread; nothing here does input or output. Writes, pictures included, go to a `Sink`,
the queue of the recorder.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from api.book import EventWrites, Sink, Write
from api.cameras.pictures import keep_picture, marked, picture_path
from api.cameras.records import CameraTrouble, TroubleEnd
from api.records import new_event_id
from vision.trouble import Trouble
from vision.types import Frame, Image

log = logging.getLogger(__name__)

SEEN_S: Final = 30.0  # how often a trouble that goes on is noted; a crash loses at most this much of it

SAID: Final = {
    "covered": "something covers the lens",
    "sprayed": "much of the view is blotted out",
    "turned": "it looks elsewhere than before",
    "frozen": "it sends the same picture again and again",
    "dark": "it sees nothing for want of light",
    "mistaken": "something in the car looks like a vehicle and has not changed for more than ten minutes (a "
    "poster, or a vehicle left there); remove it, or draw an ignore zone over it",
}
"""A trouble in the words of the log and of the health report."""


class CameraBook:
    """Keeps the open trouble of one camera. `see` belongs to one thread; `stop` may come from another.

    Args: pictures: the folder of camera pictures.
    """

    def __init__(
        self,
        elevator_id: str,
        camera_id: str,
        pictures: Path,
        to_utc: Callable[[float], datetime],
        sink: Sink,
    ) -> None:
        self._elevator_id = elevator_id
        self._camera_id = camera_id
        self._pictures = pictures
        self._utc = to_utc
        self._sink = sink
        self._lock = threading.Lock()
        self._open: tuple[CameraTrouble, Trouble] | None = None
        self._noted_s = 0.0
        self.count = 0

    @property
    def open(self) -> CameraTrouble | None:
        """The trouble that goes on."""
        known = self._open
        return known[0] if known else None

    def see(self, trouble: Trouble | None, frame: Frame) -> None:
        """Take in what is wrong with the camera as of this frame."""
        with self._lock:
            known = self._open
            if known is not None and known[1] == trouble:
                if frame.t_s - self._noted_s >= SEEN_S:
                    self._noted_s = frame.t_s
                    id_, at = known[0].id, self._utc(frame.t_s)
                    self._sink(
                        Write("camera trouble", lambda store: store.see_trouble(id_, at), essential=False)
                    )
                return
            if known is not None:
                self._finish(known[0], frame.t_s, "clear" if trouble is None else "other")
            if trouble is not None:
                self._begin(trouble, frame)

    def stop(self, now_s: float) -> None:
        """End the open trouble because guard is being shut down in order."""
        with self._lock:
            if self._open is not None:
                self._finish(self._open[0], now_s, "stopped")

    def _begin(self, trouble: Trouble, frame: Frame) -> None:
        now = self._utc(frame.t_s)
        new = CameraTrouble(
            id=new_event_id(),
            elevator_id=self._elevator_id,
            camera_id=self._camera_id,
            kind=trouble.kind,
            began_at=self._utc(trouble.since_s),
            reported_at=now,
            last_seen_at=now,
        )
        self._open, self._noted_s = (new, trouble), frame.t_s
        self.count += 1
        then = "the door is let go" if trouble.blinds else "what is still seen counts"
        log.warning("%s: camera %s: %s; %s", self._elevator_id, trouble.kind, SAID[trouble.kind], then)
        image = frame.image if trouble.box is None else marked(frame.image, trouble.box)
        self._sink(Write("camera trouble", lambda store: self._keep(store, new, image)))

    def _keep(self, store: EventWrites, new: CameraTrouble, image: Image) -> None:
        """On the recorder's thread: the picture first, so that the row tells whether there is one."""
        path = picture_path(new)
        try:
            keep_picture(self._pictures, path, image)
        except OSError as exc:
            log.error("%s: no picture of the camera trouble could be kept: %s", self._elevator_id, exc)
        else:
            new = replace(new, picture=path)
        store.put_trouble(new)

    def _finish(self, trouble: CameraTrouble, t_s: float, end: TroubleEnd) -> None:
        self._open = None
        at = self._utc(t_s)
        if end == "clear":
            log.info("%s: the camera sees what it used to see again", self._elevator_id)
        self._sink(Write("end of camera trouble", lambda store: store.end_trouble(trouble.id, at, end)))
