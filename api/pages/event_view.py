"""What there is to see of one event: clips, the curve in step with them, its story, what was said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from api.accounts.who import Actor, Right
from api.evidence.files import EvidenceFile
from api.records import VERDICT_REASONS, DoorAction, Event, PhaseChange
from api.view_event import curve
from api.web_parts import Parts

SHOWN_STATES: Final = frozenset({"stored", "repaired"})


@dataclass(frozen=True, slots=True)
class Clip:
    """One segment of the clip, and where it lies in the time of the event."""

    url: str
    offset_s: float  # of its first frame, since the event was confirmed
    duration_s: float


@dataclass(frozen=True, slots=True)
class Media:
    """What can be shown of an event to somebody, and why not more."""

    clips: tuple[Clip, ...] = ()
    snapshot: str | None = None
    thumbnail: str | None = None
    missing: tuple[str, ...] = ()  # reasons of files that there should be

    @property
    def tracks(self) -> list[dict[str, str | float]]:
        """The clips for the script that plays them."""
        return [{"url": c.url, "offset_s": c.offset_s, "duration_s": c.duration_s} for c in self.clips]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the story of an event."""

    offset_s: float
    phase: str | None
    word: str  # key of its word
    reason: str = ""  # of the hold machine
    said: str = ""  # what a person said, with their name


def media(event: Event, files: Sequence[EvidenceFile], *, original: bool) -> Media:
    """Args: original: ask for the files without blurring."""
    base, end = f"/api/v1/events/{event.id}", "original=true" if original else ""
    clips: list[Clip] = []
    shown: set[str] = set()
    missing: list[str] = []
    for file in sorted(files, key=lambda f: f.segment):
        if file.state not in SHOWN_STATES:
            if file.reason:
                missing.append(file.reason)
            continue
        if file.kind == "clip":
            query = "&".join(filter(None, (f"segment={file.segment}", end)))
            offset_s = (file.started_at - event.started_at).total_seconds()
            clips.append(Clip(f"{base}/clip?{query}", offset_s, file.duration_s))
        else:
            shown.add(file.kind)
    picture = None
    if shown & {"snapshot_boxes", "snapshot"}:
        boxes = "boxes=true" if "snapshot_boxes" in shown else ""
        query = "&".join(filter(None, (boxes, end)))
        picture = f"{base}/snapshot" + (f"?{query}" if query else "")
    thumbnail = f"{base}/thumbnail" + (f"?{end}" if end else "") if "thumbnail" in shown else None
    return Media(tuple(clips), picture, thumbnail, tuple(dict.fromkeys(missing)))


def story(event: Event, changes: Sequence[PhaseChange], actions: Sequence[DoorAction]) -> tuple[Step, ...]:
    """What the system saw and did, and what people did, in order."""

    def offset(at: datetime) -> float:
        return (at - event.started_at).total_seconds()

    steps = [Step(offset(c.at), c.after, f"short.{c.after}", c.reason) for c in changes]
    steps += [Step(offset(a.at), None, f"action.{a.action}", said=f"{a.by}: {a.reason}") for a in actions]
    if event.escalated_at:
        steps.append(Step(offset(event.escalated_at), "COOLDOWN", "event.escalated"))
    if event.ended_at:
        steps.append(Step(offset(event.ended_at), None, "event.ended", f"outcome.{event.outcome}"))
    return tuple(sorted(steps, key=lambda s: s.offset_s))


def sees_originals(parts: Parts, actor: Actor, elevator_id: str) -> bool:
    """Files are asked for without blurring: only where they cannot be blurred, by those who may."""
    return not parts.evidence.can_blur and actor.may(Right.SEE_ORIGINALS, elevator_id)


def detail(parts: Parts, actor: Actor, event: Event) -> dict[str, Any]:
    """What `event_detail.html` shows. Raises: StorageError."""
    store = parts.store
    changes = store.phase_changes(event.id)
    may_see = actor.may(Right.SEE_EVIDENCE, event.elevator_id)
    original = sees_originals(parts, actor, event.elevator_id)
    shown = media(event, store.files(event.id), original=original) if may_see else Media()
    window = None
    if shown.clips:
        window = (shown.clips[0].offset_s, max(c.offset_s + c.duration_s for c in shown.clips))
    end = event.ended_at or event.last_seen_at
    # Neither the relay's time nor seconds of holding: it only warned.
    holds = event.ended_at is None or event.hold_s > 0 or event.capture_to_relay_ms is not None
    return {
        "event": event,
        "media": shown,
        "blurred_only": not original,
        "may_see": may_see,
        "may_review": actor.may(Right.REVIEW, event.elevator_id),
        "may_export": actor.may(Right.EXPORT, event.elevator_id),
        "steps": story(event, changes, store.door_actions(event.id)),
        "curve": curve(store.evidence(event.id), changes, event.started_at, end, window=window, holds=holds),
        "holds": holds,
        "reasons": VERDICT_REASONS,
    }
