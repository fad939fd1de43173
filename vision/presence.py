"""What vision tells the door: blocked vehicles in the zones that count. Pure.

On at the first convincing frame, because the door may be closing: one that is sure, or the second of two
that call the vehicle. Two sure frames in a row also convince where the vote is still with another class, as
of a vehicle that was taken for something else from afar; they never confirm. Confirmed once the vote is
sure and has been for a moment. Off a moment after the vehicle left the zone, the track was lost or the vote
turned; the hold step adds its own release time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from vision import vote
from vision.errors import ConfigError
from vision.types import CLASS_NAMES, Presence, Sighting, Track, ZoneKind
from vision.vote import check_ranges
from vision.zones import Zone, zone_of

OperatingConf = Mapping[int, float] | Callable[[int], float]
"""Class id -> detector confidence at which a single frame convinces (the model's operating threshold)."""

_JITTER_S: Final = 0.02
"""Frames of a camera come some milliseconds early or late; at 10 fps 0.3 s are three of them all the same."""

_ZONE_KINDS: Final[tuple[ZoneKind, ...]] = ("cabin", "doorway", "landing")


@dataclass(frozen=True, slots=True)
class PresenceParams:
    """When a track is a reason to hold the door."""

    blocked_classes: tuple[str, ...] = ("e_bike",)
    holding_zones: tuple[ZoneKind, ...] = ("cabin", "doorway")  # the landing is reported, but does not hold
    confirm_prob: float = 0.9  # after the vote; a voice speaks and an event is stored on it
    confirm_min_s: float = 0.3  # the class must have led for this long ...
    confirm_hits: int = 3  # ... and have been detected in so many frames meanwhile: a flicker has one or two
    sure_conf: float = 0.6  # a frame of less convinces only if another called the class shortly before:
    again_s: float = 0.45  # ... two frames apart at 5 fps. Fainter single calls are a sleeve or a door jamb
    overrule_hits: int = 2  # sure frames in a row that convince against the vote
    keep_prob: float = 0.5  # below this the vote is lost
    keep_conf: float = 0.4  # a fainter frame keeps nothing, however the vote stands: empty cars score too
    off_s: float = 0.6  # gone only after this: rides out missed frames, leaves the hold step 2.4 of its 3 s

    def __post_init__(self) -> None:
        unknown = [c for c in self.blocked_classes if c not in CLASS_NAMES]
        if unknown:
            raise ConfigError(f"blocked_classes has {unknown[0]!r}; choose from {', '.join(CLASS_NAMES)}")
        odd = [z for z in self.holding_zones if z not in _ZONE_KINDS]
        if odd:
            raise ConfigError(f"holding_zones has {odd[0]!r}; choose from {', '.join(_ZONE_KINDS)}")
        ranges: dict[str, tuple[float, float]] = {
            "confirm_prob": (0.5, 0.9999),
            "confirm_min_s": (0, 5),
            "confirm_hits": (1, 100),
            "sure_conf": (0, 1),
            "again_s": (0, 2),
            "overrule_hits": (1, 100),
            "keep_prob": (0, 0.9),
            "keep_conf": (0, 1),
            "off_s": (0, 0.7),
        }
        check_ranges(self, ranges)

    @property
    def blocked_ids(self) -> frozenset[int]:
        """Class ids of the blocked classes."""
        return frozenset(CLASS_NAMES.index(name) for name in self.blocked_classes)


@dataclass(frozen=True, slots=True)
class Seen:
    """What presence remembers of one track that a blocked class leads."""

    track_id: int
    class_id: int
    led_s: float  # capture time since which this class has led without a break
    led_hits: int = 0  # frames since then in which it was detected
    confirmed: bool = False
    here_s: float | None = None  # latest capture time it was convincing in a zone that holds; None: never
    zone: ZoneKind | None = None  # where it stood then
    called_s: float | None = None  # latest capture time at which it was detected at its operating threshold
    best_hits: int = (
        0  # frames in a row, this one included, in which it scored surely and best of all classes
    )
    convincing: bool = False  # this very frame says that the vehicle is there, wherever


@dataclass(frozen=True, slots=True)
class PresenceState:
    """Memory, and the latest outcome."""

    seen: tuple[Seen, ...] = ()
    presence: Presence | None = None
    elsewhere: tuple[Sighting, ...] = ()  # blocked, but where it does not hold the door, as on the landing


def update(
    state: PresenceState,
    tracks: tuple[Track, ...],
    t_s: float,
    size_wh: tuple[int, int],
    *,
    zones: tuple[Zone, ...] = (),
    operating_conf: OperatingConf,
    params: PresenceParams | None = None,
) -> PresenceState:
    """Presence after the tracks of one inferred frame.

    Args: ``t_s`` capture time of that frame; ``size_wh`` of the picture, pixels.
    """
    p = params or PresenceParams()
    before = {seen.track_id: seen for seen in state.seen}
    kept: list[Seen] = []
    here: list[Sighting] = []
    elsewhere: list[Sighting] = []
    for track in tracks:
        old = before.get(track.track_id)
        zone = zone_of(track.xyxy, size_wh, zones)
        now = _look(old, track, zone, t_s=t_s, operating_conf=operating_conf, p=p)
        if now is None:
            continue
        kept.append(now)
        if now.here_s is not None and t_s - now.here_s <= p.off_s and now.zone is not None:
            here.append(_sighting(track, now, now.zone))
        elif zone is not None and zone != "ignore" and now.convincing:
            elsewhere.append(_sighting(track, now, zone))
    return PresenceState(tuple(kept), Presence(t_s, tuple(here)), tuple(elsewhere))


def still(state: PresenceState, t_s: float) -> PresenceState:
    """The same presence at a later capture time, for a frame whose scene the motion gate found unchanged."""
    sightings = state.presence.sightings if state.presence else ()
    return PresenceState(state.seen, Presence(t_s, sightings), state.elsewhere)


def _look(
    old: Seen | None,
    track: Track,
    zone: ZoneKind | None,
    *,
    t_s: float,
    operating_conf: OperatingConf,
    p: PresenceParams,
) -> Seen | None:
    """The memory of a track after this frame; None once it is of no interest."""
    if track.class_id not in p.blocked_ids:
        return _overruled(old, track, zone, t_s=t_s, operating_conf=operating_conf, p=p)
    same = old is not None and old.class_id == track.class_id
    led_s, led_hits = (old.led_s, old.led_hits) if same and old is not None and old.led_hits else (t_s, 0)
    led_hits += track.conf > 0
    prob = vote.probability(track.log_odds, track.class_id)
    matched = track.last_s >= t_s
    held = old is not None and old.confirmed and prob >= p.keep_prob
    waited = t_s - led_s >= p.confirm_min_s - _JITTER_S and led_hits >= p.confirm_hits
    sure = matched and waited and prob >= p.confirm_prob
    called_s = old.called_s if old is not None and same else None
    here_s, here = (old.here_s, old.zone) if old else (None, None)
    on = held or sure or (here_s is not None and t_s - here_s <= p.off_s)
    called = matched and track.conf >= _threshold(operating_conf, track.class_id) and track.conf > 0
    again = called_s is not None and t_s - called_s <= p.again_s
    # A frame that says so itself, or, once it is on, a vote that stands: one odd frame does not end it.
    convincing = (called and (on or again or track.conf >= p.sure_conf)) or (
        matched and on and prob >= p.keep_prob and track.conf >= p.keep_conf
    )
    if convincing and zone in p.holding_zones:
        here_s, here = t_s, zone
    return Seen(
        track.track_id,
        track.class_id,
        led_s,
        led_hits,
        held or sure,
        here_s,
        here,
        t_s if called else called_s,
        _best_hits(old, track, track.class_id, t_s, operating_conf, p),
        convincing,
    )


def _overruled(
    old: Seen | None,
    track: Track,
    zone: ZoneKind | None,
    *,
    t_s: float,
    operating_conf: OperatingConf,
    p: PresenceParams,
) -> Seen | None:
    """The memory of a track whose vote is with a class that is not blocked; None if it is of no interest.

    What was a reason runs out, and nothing new begins but what the frames themselves say, again and again.
    """
    best = max(range(len(track.scores)), key=lambda c: track.scores[c]) if track.scores else None
    hits = 0 if best is None else _best_hits(old, track, best, t_s, operating_conf, p)
    on = old is not None and old.here_s is not None and t_s - old.here_s <= p.off_s
    if hits == 0 or best is None:
        return replace(old, led_s=t_s, led_hits=0, best_hits=0, convincing=False) if on and old else None
    convincing = hits >= p.overrule_hits
    kept = old if old is not None and old.class_id == best else Seen(track.track_id, best, t_s)
    here_s, here = (t_s, zone) if convincing and zone in p.holding_zones else (kept.here_s, kept.zone)
    return replace(
        kept,
        led_s=t_s,
        led_hits=0,
        here_s=here_s,
        zone=here,
        called_s=t_s,
        best_hits=hits,
        convincing=convincing,
    )


def _best_hits(
    old: Seen | None, track: Track, class_id: int, t_s: float, conf: OperatingConf, p: PresenceParams
) -> int:
    """Frames in a row in which this blocked class scored surely and best of all; 0 if not in this one."""
    if track.last_s < t_s or not track.scores or class_id not in p.blocked_ids:
        return 0
    score = track.scores[class_id]
    if score < max(track.scores) or score < max(p.sure_conf, _threshold(conf, class_id)):
        return 0
    follows = old is not None and old.class_id == class_id and old.called_s is not None
    if follows and old is not None and old.called_s is not None and t_s - old.called_s <= p.again_s:
        return old.best_hits + 1
    return 1


def _sighting(track: Track, now: Seen, zone: ZoneKind) -> Sighting:
    return Sighting(
        track_id=track.track_id,
        class_name=CLASS_NAMES[now.class_id],
        zone=zone,
        score=vote.probability(track.log_odds, now.class_id),
        confirmed=now.confirmed,
        since_s=track.first_s,
        xyxy=track.xyxy,
    )


def _threshold(operating_conf: OperatingConf, class_id: int) -> float:
    if isinstance(operating_conf, Mapping):
        return operating_conf[class_id]
    return operating_conf(class_id)
