"""Store and disk compared: files that are gone, files that nobody knows, files that should be gone.

It looks at names and sizes only; `liftguard evidence verify` looks at every byte.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from api.evidence.files import FILE_KINDS, EvidenceFile, FileKind
from api.evidence.folder import NOT_A_FILE
from api.evidence.paths import check_path, delete_inside, open_inside
from api.evidence.retention import BATCH
from api.records import new_event_id
from vision.clips.files import sha256_of
from vision.errors import StorageError

if TYPE_CHECKING:  # see api.evidence.sweeper
    from api.evidence.retention_store import RetentionStore

SETTLED: Final = timedelta(minutes=15)
"""A file that is younger may be on its way into the store still."""
_UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_NAME: Final = re.compile(
    rf"(?P<event>{_UUID})-(?P<kind>{'|'.join(FILE_KINDS)})-(?P<segment>\d{{1,6}})(?P<end>\.mp4|\.jpg|\.webp)"
)
_TYPES: Final = {".mp4": "video/mp4", ".jpg": "image/jpeg", ".webp": "image/webp"}
FOUND: Final = "it was found in the evidence folder, and the store knew nothing of it"


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What was found."""

    missing: int = 0  # rows whose file is gone, newly noted
    back: int = 0  # rows whose file is there again
    adopted: int = 0  # files that got a row
    deleted: int = 0  # files that had been evicted and were still there
    strange: int = 0  # files that are none of ours; left alone


def reconcile(store: RetentionStore, root: Path, now: datetime) -> Reconciled:
    """Compare and put right. Raises: StorageError, OSError.

    Raises StorageError too, and changes nothing, when the folder is empty or gone while the store knows of
    files: then a disk is not mounted, and nothing is missing.
    """
    known = sum(usage.files for usage in store.usage())
    if known and not _anything(root):
        raise StorageError(
            f"the evidence folder {root} is empty or not there, and the store knows of {known} files; "
            "is its disk mounted?"
        )
    missing = back = 0
    after = ""
    while files := store.all_files(after):
        for file in files:
            if file.state in {"stored", "repaired"} and _size(root, file.path) is None:
                reason = "it was not in the evidence folder when that was looked through"
                store.put_file(replace(file, state="missing", reason=reason), now)
                missing += 1
            elif file.state in {"missing", "damaged"} and _is(root, file):  # restored from a backup
                store.put_file(replace(file, state="stored", reason=None), now)
                back += 1
        after = files[-1].id
        if len(files) < BATCH:
            break
    adopted = deleted = strange = 0
    for path, size in _walk(root, now):
        row = store.file_at(path)
        if row is not None:
            if row.state == "evicted":
                delete_inside(root, path)
                deleted += 1
            continue
        found = _nameless(path, size)
        if found is None:
            strange += 1
        else:
            store.put_file(replace(found, sha256=_hash(root, path)), now)
            adopted += 1
    return Reconciled(missing, back, adopted, deleted, strange)


def _anything(root: Path) -> bool:
    try:
        with os.scandir(root) as entries:
            return any(not entry.name.startswith(".") for entry in entries)
    except FileNotFoundError:
        return False


def _size(root: Path, path: str) -> int | None:
    try:
        with open_inside(root, path) as file:
            return os.fstat(file.fileno()).st_size
    except ValueError:
        return None
    except OSError as exc:
        if exc.errno in NOT_A_FILE or exc.errno == errno.ENOENT:
            return None
        raise


def _is(root: Path, file: EvidenceFile) -> bool:
    """The file is there again, every byte of it."""
    return _size(root, file.path) == file.size_bytes and _hash(root, file.path) == file.sha256


def _hash(root: Path, path: str) -> str:
    with open_inside(root, path) as file:
        return sha256_of(file)


def _walk(root: Path, now: datetime) -> Iterator[tuple[str, int]]:
    """Settled files, as paths inside ``root``, and their sizes; hidden folders hold what is being made."""
    settled_s = (now - SETTLED).timestamp()
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            try:
                found = Path(folder, name).stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if found.st_mtime <= settled_s and stat.S_ISREG(found.st_mode):
                yield Path(folder, name).relative_to(root).as_posix(), found.st_size


def _nameless(path: str, size: int) -> EvidenceFile | None:
    """What a file says of itself by its path. None: nothing that Liftguard wrote."""
    parts = path.split("/")
    match = _NAME.fullmatch(parts[-1])
    try:
        check_path(path)
        day = datetime.strptime("/".join(parts[1:4]), "%Y/%m/%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    if match is None or len(parts) != 5:
        return None
    return EvidenceFile(
        id=new_event_id(),
        event_id=match["event"],
        elevator_id=parts[0],
        kind=cast("FileKind", match["kind"]),
        segment=int(match["segment"]),
        path=path,
        media_type=_TYPES[match["end"]],
        state="stored",
        started_at=day,
        size_bytes=size,
        reason=FOUND,
    )
