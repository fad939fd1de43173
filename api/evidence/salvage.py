"""What is left of a clip whose writing broke off: by the disk now, or by a crash found at the next start."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import av

from api.book import EventWrites, Write
from api.evidence.desk import Desk
from api.evidence.files import FileState
from api.evidence.naming import Piece, parse_part
from vision.clips.files import sha256_of, sync_file
from vision.clips.fragments import NOTHING, cut_to_whole

log = logging.getLogger(__name__)

NOT_FINISHED: Final = "guard ended (power, crash) before it was finished"
NOT_BEGUN: Final = "guard ended (power, crash) before it was begun"
CRASHED: Final = "guard ended while it was being written (power, crash); it plays up to there"
CRASHED_EARLY: Final = "guard ended (power, crash) before the first second of it was written"


def salvage(desk: Desk, piece: Piece, part: Path, reason: str | None) -> bool:
    """Keep the whole fragments of ``part`` as the clip, and tell; delete it if there are none.

    Args: reason: why its writing broke off; None: guard ended. Returns: whether there is a clip, or will be
    after its conversion. Raises nothing.
    """
    try:
        whole = cut_to_whole(part) if part.exists() else NOTHING
        # A fragment may hold a single picture, whose length the next one would have told: that does not play.
        duration_s = duration_of(part) if whole.fragments else 0.0
        if duration_s <= 0:
            part.unlink(missing_ok=True)
            desk.tell(piece.file("failed", reason=reason or CRASHED_EARLY))
            return False
        sync_file(part)
        if piece.convert:
            part.rename(piece.part(desk.evidence, "todo"))
            desk.convert(desk, piece)
            return True
        size, sha256 = part.stat().st_size, sha256_of(part)
        desk.publish(piece, part)
    except (OSError, ValueError) as exc:
        # What is there stays: the next start tries again.
        why = f"{reason or NOT_FINISHED}; and what there is of it cannot be kept: {exc}"
        desk.tell(piece.file("failed", reason=why))
        return False
    state: FileState = "stored" if whole.finished else "repaired"
    why_short = None if whole.finished else reason or CRASHED
    file = piece.file(state, reason=why_short, duration_s=duration_s, size_bytes=size, sha256=sha256)
    desk.tell(file, part)
    return True


def duration_of(path: Path) -> float:
    """Seconds of a clip, from its packets. Raises: OSError or ValueError if it cannot be read."""
    with av.open(str(path), format="mp4") as container:
        stream = container.streams.video[0]
        ends = [
            float((packet.dts + (packet.duration or 0)) * packet.time_base)
            for packet in container.demux(stream)
            if packet.dts is not None and packet.time_base is not None
        ]
    return max(ends, default=0.0)


def recover(desk: Desk) -> int:
    """Repair or report what a crash left unfinished. Returns: how many files. Raises nothing.

    Called before anything new is written. In the end every event has a clip or the reason why not.
    """
    try:
        found = sorted(desk.parts.iterdir()) if desk.parts.is_dir() else []
    except OSError as exc:
        log.error("%s: unfinished clips cannot be listed: %s", desk.elevator_id, exc)
        return 0
    count = 0
    for path in found:
        piece = parse_part(path.name, desk.elevator_id)
        if piece is None:
            log.warning("%s is no unfinished clip; it is left alone", path)
            continue
        if path.suffix == ".new":  # its conversion starts anew
            path.unlink(missing_ok=True)
            continue
        count += 1
        if path.suffix == ".todo":
            desk.tell(piece.file("writing"))
            desk.convert(desk, piece)
            continue
        if piece.kind == "clip":
            salvage(desk, piece, path, None)
        else:
            _salvage_picture(desk, piece, path)
    elevator_id = desk.elevator_id
    desk.sink(Write("missing clips", lambda store: _fail_unfilmed(store, elevator_id)))
    return count


def _fail_unfilmed(store: EventWrites, elevator_id: str) -> None:
    store.fail_unfilmed(elevator_id, NOT_BEGUN)


def _salvage_picture(desk: Desk, piece: Piece, part: Path) -> None:
    """One that got its final name is whole; of another nobody knows, and half a picture is worth nothing."""
    try:
        final = desk.final(piece)
        if final.exists() and final.samefile(part):
            stored = piece.file("stored", size_bytes=part.stat().st_size, sha256=sha256_of(part))
            desk.tell(stored, part)
            return
        part.unlink(missing_ok=True)
        desk.tell(piece.file("failed", reason=NOT_FINISHED))
    except OSError as exc:
        log.error("%s: a picture found after a crash cannot be kept: %s", desk.elevator_id, exc)
