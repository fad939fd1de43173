"""Whether all evidence is what it was: the chain, the rows against the chain, every byte against the rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Final, Literal, TypeAlias

from api.evidence.chain import GENESIS, Link, breaks, facts_of
from api.evidence.files import EvidenceFile
from api.evidence.folder import EvidenceFolder
from api.evidence.retention_store import RetentionStore
from api.times import utc_now
from vision.errors import EvidenceError

TroubleKind: TypeAlias = Literal["chain", "row", "file"]
PAGE: Final = 5_000
WHOLE: Final = frozenset({"stored", "repaired"})


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is not as it was."""

    kind: TroubleKind
    where: str  # a link's number, or an event with kind and segment
    what: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at and found."""

    links: int
    head: str  # hash of the latest link; note it elsewhere to be able to prove later that none was cut off
    files: int  # rows
    checked_files: int
    checked_bytes: int
    troubles: tuple[Trouble, ...]


def verify(
    store: RetentionStore,
    folder: EvidenceFolder,
    *,
    head: str | None = None,
    contents: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Look at everything. Changes nothing.

    Args: head: a hash noted earlier, which must be in the chain. contents: False leaves the bytes of the
    files alone. progress: is told bytes done and bytes in all. Raises: StorageError if the store cannot be
    read.
    """
    if not store.made():
        return _nothing(folder, head)
    newest: dict[str, tuple[int, str]] = {}  # file -> number and facts of its newest link
    latest = Link(0, "", "", GENESIS)
    found = head in {None, GENESIS}

    def watched() -> Iterator[Link]:
        nonlocal latest, found
        for latest in _links(store):
            newest[latest.file_id] = (latest.seq, latest.facts)
            found = found or latest.chain == head
            yield latest

    troubles = [Trouble("chain", f"link {b.seq}", b.what) for b in breaks(watched())]
    if not found:
        troubles.append(
            Trouble("chain", "head", f"{head} is not in the chain: links were cut off, or it was made anew")
        )
    total = sum(usage.used_bytes for usage in store.usage()) if contents else 0
    files = checked = checked_bytes = 0
    for file in _files(store):
        files += 1
        link = newest.pop(file.id, None)
        if (wrong := _against_chain(file, link)) is not None:
            troubles.append(Trouble("row", _name(file), wrong))
        if file.state in {"missing", "damaged"}:
            troubles.append(Trouble("file", _name(file), f"{file.state}: {file.reason}"))
        elif contents and file.state in WHOLE:
            try:
                folder.open(file).close()
            except EvidenceError as exc:
                troubles.append(Trouble("file", _name(file), str(exc)))
            checked += 1
            checked_bytes += file.size_bytes
            if progress is not None:
                progress(checked_bytes, total)
    for file_id, (seq, _) in newest.items():
        troubles.append(
            Trouble("row", f"file {file_id}", f"link {seq} speaks of it, and its row was removed")
        )
    return Report(latest.seq, latest.chain, files, checked, checked_bytes, tuple(troubles))


def _nothing(folder: EvidenceFolder, head: str | None) -> Report:
    """What there is to say while no store has been made: all is well if nothing says that there was one."""
    troubles = []
    if head not in {None, GENESIS}:
        troubles.append(Trouble("chain", "head", f"{head} is not in the chain: there is no store"))
    if any(path.is_file() for path in folder.root.rglob("*")):
        troubles.append(
            Trouble("chain", str(folder.root), "there are files, and no store that speaks of them")
        )
    return Report(0, GENESIS, 0, 0, 0, tuple(troubles))


def report_json(report: Report) -> str:
    """The report as one JSON object; docs/formats.md describes it."""
    return json.dumps(asdict(report) | {"ok": not report.troubles}, ensure_ascii=False)


def _against_chain(file: EvidenceFile, link: tuple[int, str] | None) -> str | None:
    """What is wrong with a row, seen from its newest link. None: nothing."""
    if link is None:
        return None if file.state == "writing" else "no link of the chain speaks of it"
    told = json.loads(link[1])
    stands = json.loads(facts_of(file, utc_now()))
    changed = sorted(name for name in stands if name != "at" and told.get(name) != stands[name])
    return f"{', '.join(changed)} differ from link {link[0]}: the row was changed" if changed else None


def _name(file: EvidenceFile) -> str:
    return f"event {file.event_id}, {file.kind} {file.segment}"


def _links(store: RetentionStore) -> Iterator[Link]:
    after = 0
    while page := store.chain(after, PAGE):
        yield from page
        after = page[-1].seq


def _files(store: RetentionStore) -> Iterator[EvidenceFile]:
    after = ""
    while page := store.all_files(after, PAGE):
        yield from page
        after = page[-1].id
