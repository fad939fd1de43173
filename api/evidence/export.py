"""Evidence to take away: a zip with the files, what is known of the events, hashes, and who took it.

The zip is written piece by piece as it is read, so an export of any length needs no room of its own. Each
clip gets a side-car of subtitles that name who exported it and when: players show them by themselves.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, BinaryIO, Final

from api.about import version
from api.accounts.who import Actor
from api.evidence.files import EvidenceFile
from api.records import Event
from api.store import Store

CHUNK: Final = 256 * 1024
WHOLE: Final = frozenset({"stored", "repaired"})
FORMAT: Final = 1
SUBTITLE_MAX_S: Final = 86_400.0

OpenFile = Callable[[EvidenceFile], BinaryIO]
"""Opens a file, or its blurred copy, from the beginning. Raises what the caller understands."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is exported, by whom and when."""

    events: Sequence[Event]
    actor: Actor
    at: datetime
    originals: bool
    zone: tzinfo | None = None  # None: the zone of this machine


class _Sink(io.RawIOBase):
    """Takes what zipfile writes, and gives it away."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        chunk = bytes(data)
        self._chunks.append(chunk)
        return len(chunk)

    def take(self) -> bytes:
        taken = b"".join(self._chunks)
        self._chunks.clear()
        return taken


def export(store: Store, order: Order, open_file: OpenFile) -> Iterator[bytes]:
    """The zip, piece by piece. Files that are not whole are named in the manifest with their reason.

    Raises: StorageError, or what ``open_file`` raises; what was given out until then is no complete zip.
    """
    sink = _Sink()
    text = watermark(order)
    seq, head = store.chain_head()
    events = []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        archive.comment = text.encode("ascii", "replace")[:1000]
        _add(archive, "WATERMARK.txt", text + "\n", order.at)
        for event in order.events:
            files = []
            for file in store.files(event.id):
                facts = _file_facts(file, order)
                if file.state in WHOLE:
                    name = f"{event.id}/{file.path.rpartition('/')[2]}"
                    with open_file(file) as opened:
                        digest, size = hashlib.sha256(), 0
                        with archive.open(_info(name, file.started_at), "w", force_zip64=True) as target:
                            while chunk := opened.read(CHUNK):
                                target.write(chunk)
                                digest.update(chunk)
                                size += len(chunk)
                                yield sink.take()
                    facts |= {"name": name, "size_bytes": size, "sha256": digest.hexdigest()}
                    if file.kind == "clip":
                        _add(archive, f"{name.rpartition('.')[0]}.srt", _subtitles(file, text), order.at)
                files.append(facts)
            events.append(_event_facts(store, event, order) | {"files": files})
            yield sink.take()
        manifest = {
            "format": FORMAT,
            "program": f"Liftguard {version()}",
            "exported_at": _both(order.at, order.zone),
            "exported_by": {"id": order.actor.id, "name": order.actor.name},
            "faces": "as the camera saw them" if order.originals else "blurred",
            "watermark": text,
            "chain": {"links": seq, "head": head},
            "events": events,
        }
        _add(archive, "manifest.json", json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", order.at)
    yield sink.take()


def watermark(order: Order) -> str:
    """Who took this away, when, and what it is."""
    when = order.at.astimezone(order.zone)
    faces = "" if order.originals else ", faces blurred"
    return (
        f"Exported by {order.actor.name} ({order.actor.id}) on {when:%Y-%m-%d %H:%M:%S %z}{faces}. "
        "Personal data: for the stated purpose only, not to be passed on."
    )


def _event_facts(store: Store, event: Event, order: Order) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for name, value in asdict(event).items():
        facts[name] = _both(value, order.zone) if isinstance(value, datetime) else value
    facts["phase_changes"] = [
        {**asdict(change), "at": _both(change.at, order.zone)} for change in store.phase_changes(event.id)
    ]
    facts["evidence"] = [asdict(row) for row in store.evidence(event.id)]
    return facts


def _file_facts(file: EvidenceFile, order: Order) -> dict[str, Any]:
    return {
        "id": file.id,
        "kind": file.kind,
        "segment": file.segment,
        "state": file.state,
        "reason": file.reason,
        "media_type": file.media_type,
        "started_at": _both(file.started_at, order.zone),
        "duration_s": file.duration_s,
        "sha256_of_original": file.sha256,
    }


def _both(at: datetime, zone: tzinfo | None) -> dict[str, str]:
    local = at.astimezone(zone)
    return {
        "utc": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "local": local.isoformat(timespec="milliseconds"),
        "zone": local.tzname() or "",
    }


def _subtitles(file: EvidenceFile, text: str) -> str:
    last = min(max(file.duration_s, 1.0), SUBTITLE_MAX_S)
    hours, rest = divmod(int(last), 3600)
    end = f"{hours:02}:{rest // 60:02}:{rest % 60:02},{int(last % 1 * 1000):03}"
    return f"1\n00:00:00,000 --> {end}\n{text}\n"


def _info(name: str, at: datetime) -> zipfile.ZipInfo:
    moment = at.astimezone(UTC)
    info = zipfile.ZipInfo(name, (max(moment.year, 1980), *moment.timetuple()[1:6]))
    info.external_attr = 0o600 << 16
    return info


def _add(archive: zipfile.ZipFile, name: str, text: str, at: datetime) -> None:
    archive.writestr(_info(name, at), text.encode(), zipfile.ZIP_DEFLATED)
