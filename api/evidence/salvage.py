"""What is left of a clip whose writing broke off: by the disk now, or by a crash found at the next start."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Final

import av

from api.evidence.desk import Desk
from api.evidence.files import EvidenceFile
from api.evidence.naming import Piece, parse_part
from vision.clips.files import sha256_of, sync_file
from vision.clips.fragments import cut_to_whole

log = logging.getLogger(__name__)

NOT_FINISHED: Final = "guard ended (power, crash) before it was finished"
CRASHED: Final = "guard ended while it was being written (power, crash); it plays up to there"
CRASHED_EARLY: Final = "guard ended (power, crash) before the first second of it was written"


def salvage(desk: Desk, piece: Piece, part: Path, reason: str) -> EvidenceFile | None:
    """Keep the whole fragments of ``part`` as the clip; delete it if there are none.

    Returns: what to tell the store; None: it waits for its conversion. Raises nothing.
    """
    try:
        if not part.exists():
            return piece.file("failed", reason=reason)
        whole = cut_to_whole(part)
        if not whole.fragments:
            part.unlink(missing_ok=True)
            return piece.file("failed", reason=reason)
        sync_file(part)
        duration_s = duration_of(part)
        if piece.convert:
            part.rename(piece.part(desk.evidence, "todo"))
            desk.convert(desk, piece)
            return None
        size, sha256 = part.stat().st_size, sha256_of(part)
        desk.publish(piece, part)
    except (OSError, ValueError) as exc:
        # What is there stays: the next start tries again.
        return piece.file("failed", reason=f"{reason}; and what there is of it cannot be kept: {exc}")
    return piece.file("repaired", reason=reason, duration_s=duration_s, size_bytes=size, sha256=sha256)


def adopt(evidence: Path, file: EvidenceFile) -> EvidenceFile | None:
    """A file that got its final name just before the crash, its row not having heard of it. None: no such."""
    path = evidence / file.path
    try:
        return replace(
            file,
            state="stored",
            size_bytes=path.stat().st_size,
            sha256=sha256_of(path),
            duration_s=duration_of(path) if file.kind == "clip" else 0.0,
        )
    except (OSError, ValueError):
        return None


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

    Called before anything new is written.
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
            desk.convert(desk, piece)
            continue
        if piece.kind != "clip":  # pictures are written at once: half a one is worth nothing
            path.unlink(missing_ok=True)
            desk.tell(piece.file("failed", reason=CRASHED_EARLY))
            continue
        told = salvage(desk, piece, path, CRASHED)
        if told is not None:
            early = told.state == "failed" and told.reason == CRASHED
            desk.tell(piece.file("failed", reason=CRASHED_EARLY) if early else told)
    return count
