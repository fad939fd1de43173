"""One frame in, one observation out: gate, detector, tracks, presence. A thin shell over pure steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from vision import presence as presence_step
from vision import tracking
from vision.fixtures import FixtureWatch, Thing
from vision.gate import GateDecision, MotionGate
from vision.presence import OperatingConf, PresenceParams, PresenceState
from vision.tracking import TrackerState, TrackParams
from vision.types import (
    Clock,
    Detections,
    Detector,
    Frame,
    Image,
    MirroringDetector,
    Observation,
    Presence,
    Sighting,
)
from vision.vote import VoteParams
from vision.zones import Zone

MAX_GAP_S = 3.0
"""Longest time between two frames over which tracks are carried on; after it anything may have changed."""

MIN_NEUTRAL_CONF = 0.01
"""Lowest neutral confidence that the vote accepts."""


@dataclass(frozen=True, slots=True, eq=False)
class _Eyes:
    """A detector, and how its scores are taken."""

    detector: Detector
    second_look: Callable[[Image], Detections]  # of the mirror image, where the detector can
    operating_conf: OperatingConf
    tracks: TrackParams
    votes: VoteParams


class Perceiver:
    """What is in front of one camera, frame by frame. Not thread-safe but for `renew`; deterministic given
    frames and detector.

    `look` fills ``stage_s`` with ``gate, infer, track, presence, total`` in seconds of ``perf``. Stages that
    the gate saved are left out rather than 0, so that they do not flatter the percentiles.

    Args: fixtures: what tells the car's own things from vehicles, with the same zones; None: nothing does.
    """

    def __init__(
        self,
        detector: Detector,
        *,
        operating_conf: OperatingConf,
        gate: MotionGate | None = None,
        tracks: TrackParams | None = None,
        votes: VoteParams | None = None,
        presence: PresenceParams | None = None,
        zones: tuple[Zone, ...] = (),
        fixtures: FixtureWatch | None = None,
        max_gap_s: float = MAX_GAP_S,
        perf: Clock = time.perf_counter,
    ) -> None:
        self._gate = gate or MotionGate(zones=zones)
        self._presence_params = presence or PresenceParams()
        self._zones = zones
        self._fixtures = fixtures
        self._max_gap_s = max_gap_s
        self._perf = perf
        self._tracks = tracks or TrackParams()
        self._eyes = self._looked_with = self._eyes_of(detector, operating_conf, votes)
        self._tracker = TrackerState()
        self._presence = PresenceState()
        self._latest: tuple[float, tuple[int, int]] | None = None  # capture time, size_wh
        self._turn = False  # whether the next look is at the mirror image
        self.decision: GateDecision | None = None  # of the latest frame, for metrics

    @property
    def elsewhere(self) -> tuple[Sighting, ...]:
        """Blocked vehicles seen where they do not hold the door, such as on the landing."""
        return self._presence.elsewhere

    @property
    def fixtures(self) -> tuple[Thing, ...]:
        """What was taken for a vehicle for so long that it is known to belong to the car."""
        return self._fixtures.fixtures if self._fixtures else ()

    def reset(self) -> None:
        """Forget tracks, presence, fixtures and the gate's picture, as of another car.

        Track ids go on: none is given twice.
        """
        if self._fixtures:
            self._fixtures.reset()
        self._start_over()

    def _start_over(self) -> None:
        """Forget what happened. What belongs to the car is known by its look, so it stays."""
        self._gate.reset()
        self._tracker = tracking.cleared(self._tracker)
        self._presence = PresenceState()
        self._latest = None
        self._turn = False

    def renew(
        self, detector: Detector, *, operating_conf: OperatingConf, votes: VoteParams | None = None
    ) -> None:
        """Look with another detector from the next frame on. Any thread may say so, at any time.

        Tracks, their votes and what is present stay, so that a vehicle that is being held is not let go of.
        """
        self._eyes = self._eyes_of(detector, operating_conf, votes)

    def urgency(self, frame: Frame) -> int | None:
        """How much it presses to look at this frame: 0 a vehicle is there or may be, 1 something moves or
        nothing is known, 2 it is to be on the safe side. None: the gate will save the inference. Costs about
        what the gate costs, and saves `look` most of that.
        """
        if self._blocked_present():
            return 0
        size_wh = (frame.image.shape[1], frame.image.shape[0])
        if not self._follows(frame.t_s, size_wh) or self._eyes is not self._looked_with:
            return 1
        decision = self._gate.peek(frame.image, frame.t_s, False)
        if not decision.open:
            return None
        return 1 if decision.reason in {"first", "motion"} else 2

    def look(self, frame: Frame) -> Observation:
        """What this frame shows.

        Starts over by itself when the resolution changes, after a gap of more than ``max_gap_s`` and when
        time runs backwards. Raises: whatever the detector raises; tracks and presence are as before the call,
        and the gate looks again at the next frame.
        """
        start = self._perf()
        size_wh = (frame.image.shape[1], frame.image.shape[0])
        if self._latest is not None and not self._follows(frame.t_s, size_wh):
            self._start_over()
        self._latest = (frame.t_s, size_wh)
        eyes = self._eyes  # read once: a frame is looked at with one detector and its own thresholds
        if eyes is not self._looked_with:
            self._gate.reset()  # what the last detector said of a still picture says nothing of this one
            self._looked_with = eyes
        self.decision = self._gate.open(frame.image, frame.t_s, self._blocked_present())
        gated = self._perf()
        stage_s = {"gate": gated - start}
        detections: Detections | None = None
        if self.decision.open:
            try:
                detections = self._seen(frame.image, eyes)
            except BaseException:
                # The gate believes this frame was inferred. Let it start over, or a still scene would hide
                # the object that the failed inference would have found.
                self._gate.reset()
                raise
            inferred = self._perf()
            if self._fixtures:
                detections = self._fixtures.without(detections, frame.image, frame.t_s)
            self._tracker = tracking.update(self._tracker, detections, frame.t_s, eyes.tracks, eyes.votes)
            tracked = self._perf()
            self._presence = presence_step.update(
                self._presence,
                self._tracker.tracks,
                frame.t_s,
                size_wh,
                zones=self._zones,
                operating_conf=eyes.operating_conf,
                params=self._presence_params,
            )
            stage_s |= {"infer": inferred - gated, "track": tracked - inferred}
        else:
            tracked = gated
            # Safe, for three reasons. The gate never closes while anything blocked is present, so all that is
            # carried to the new capture time is "nothing there". The picture is the one that it was said of,
            # within the noise. And it is inferred again after `refresh_s`, whatever the gate thinks. Without
            # it presence would go stale and the hold step would report a blind camera in every still car.
            self._presence = presence_step.still(self._presence, frame.t_s)
        end = self._perf()
        stage_s |= {"presence": end - tracked, "total": end - start}
        presence = self._presence.presence or Presence(frame.t_s)
        return Observation(frame, detections, self._tracker.tracks, presence, stage_s)

    def _seen(self, image: Image, eyes: _Eyes) -> Detections:
        """What the detector says, every second time of the mirror image where it can.

        A picture that stands still makes a network repeat its mistake, and the vote would take that for
        evidence. The mirror image is another picture of the same car: a dark corner is not taken for an
        e-bike both ways round, an e-bike is (models/runs.md, twelfth round).
        """
        turned, self._turn = self._turn, not self._turn
        return eyes.second_look(image) if turned else eyes.detector.detect(image)

    def _follows(self, t_s: float, size_wh: tuple[int, int]) -> bool:
        if self._latest is None:
            return False
        return size_wh == self._latest[1] and 0 <= t_s - self._latest[0] <= self._max_gap_s

    def _blocked_present(self) -> bool:
        """Something blocked is there or, not yet sure, leads the vote of a track anywhere in the picture."""
        state = self._presence
        if state.elsewhere or (state.presence is not None and state.presence.sightings):
            return True
        return any(track.class_id in self._presence_params.blocked_ids for track in self._tracker.tracks)

    def _eyes_of(self, detector: Detector, operating_conf: OperatingConf, votes: VoteParams | None) -> _Eyes:
        """What convinces in a single frame must also start a track, and not count as evidence against."""
        blocked = self._presence_params.blocked_ids
        lowest = min((_conf_of(operating_conf, class_id) for class_id in blocked), default=1.0)
        vote = votes or VoteParams()
        return _Eyes(
            detector,
            detector.detect_mirrored if isinstance(detector, MirroringDetector) else detector.detect,
            operating_conf,
            replace(self._tracks, start_conf=min(self._tracks.start_conf, lowest)),
            replace(vote, neutral_conf=min(vote.neutral_conf, max(lowest, MIN_NEUTRAL_CONF))),
        )


def _conf_of(conf: OperatingConf, class_id: int) -> float:
    return conf[class_id] if isinstance(conf, Mapping) else conf(class_id)
