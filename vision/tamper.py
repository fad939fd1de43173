"""Whether a camera still looks at what it was put up for: covered, sprayed, turned, frozen or too dark.

Twice a second the edges of the frame (`vision.edges`) are compared with a reference, which is learnt from the
camera itself: an average over minutes, in which people and doors that move cancel out and walls stay. Pure
but for `TamperWatch`, which remembers.

The door is never held because of any of this. What is seen in a picture that cannot be trusted is not
handed on (`Trouble.blinds`), so the presence goes stale and the door is let go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vision.edges import Edges, Look, agreement, look_at, strong
from vision.trouble import Trouble, TroubleKind
from vision.types import Image
from vision.vote import check_ranges


@dataclass(frozen=True, slots=True)
class TamperParams:
    """What counts as trouble. Shares are 0 to 1; grey levels are of 255.

    The figures come from `python -m benchmarks.tamper`, which measures false alarms and delays with them.
    """

    every_s: float = 0.5  # between two looks
    learn_s: float = 60.0  # until then only what needs no reference is reported
    follow_s: float = 900.0  # smoothing time of the reference afterwards
    dark_grey: float = 40.0  # the brightest twentieth of the picture is darker than this
    min_edges: float = 0.004  # share of pixels; below it a camera sees nothing, whatever the reference
    covered_edges: float = 0.25  # edges left, of those that the reference has
    covered_match: float = 0.15  # reference edges still in place
    recent_s: float = 1.5  # smoothing time of the view of just now, in which people who sway blur
    turned_match: float = 0.12
    turned_lasting: float = 0.75  # share of the new edges that stay where they are ...
    turned_surely: float = 0.05  # ... or only so much of them when nothing at all of the old view is left:
    turned_barely: float = 0.55
    sprayed_match: float = 0.5
    sprayed_edges: float = 0.4
    alike_match: float = 0.65  # the same two where what is left is the usual view: paint and grease bring no
    alike_edges: float = 0.55  # edges of their own, people in plain dark coats do
    alike_own: float = 0.65  # share of the edges that are left which the reference has
    back_match: float = (
        0.55  # from here on the view is the old one again; also what the reference may learn from
    )
    covered_s: float = 6.0  # each must last so long, with no longer break than this:
    break_s: float = 1.0
    sprayed_s: float = 4.0  # after some 3.5 s in which the old view fades from the recent one
    turned_s: float = 3.0  # after the same: 9.5 s at most in the benchmark
    frozen_s: float = 8.0  # a decoder that has nothing new repeats a picture for up to its key frame interval
    dark_s: float = 6.0
    back_s: float = 3.0  # all well for so long ends a trouble

    def __post_init__(self) -> None:
        check_ranges(
            self,
            {
                "every_s": (0.1, 2),
                "learn_s": (0, 3600),
                "follow_s": (1, 86400),
                "recent_s": (0.1, 60),
                "frozen_s": (0.5, 60),
                "back_s": (0, 60),
            },
        )


Suspect: TypeAlias = tuple[TroubleKind, float, float]
"""What may be wrong, since when, and when it was seen last."""


@dataclass(frozen=True, slots=True, eq=False)
class TamperState:
    """Everything remembered of one camera."""

    first_s: float
    t_s: float
    reference: Edges
    share: float  # edges of the usual view
    recent: Edges  # smoothed over the last seconds
    recent_share: float
    grey: NDArray[np.uint8]
    suspect: Suspect | None = None
    well_s: float | None = None  # since when nothing is wrong
    trouble: Trouble | None = None
    match: float = 1.0  # for those who measure


def step(state: TamperState | None, look: Look, t_s: float, params: TamperParams) -> TamperState:
    """Take in one look. Pure. A first look and one from the past start over."""
    p = params
    if state is None or t_s < state.t_s:
        return TamperState(t_s, t_s, look.edges, look.share, look.edges, look.share, look.grey)
    learnt = t_s - state.first_s >= p.learn_s
    match = agreement(state.reference, look.edges)
    blend = min(1.0, (t_s - state.t_s) / p.recent_s)
    recent = state.recent + np.float32(blend) * (look.edges - state.recent)
    recent_share = state.recent_share + blend * (look.share - state.recent_share)
    kind = _kind(replace(state, recent=recent, recent_share=recent_share), look, match, learnt, p)
    suspect = state.suspect
    if kind is None:
        suspect = suspect if suspect is not None and t_s - suspect[2] <= p.break_s else None
    elif suspect is None or suspect[0] != kind:
        # A hand that turns the camera covers it first: the waiting goes on. What has been reported already
        # becomes another kind only after a wait of its own, or two of them would take turns.
        anew = suspect is None or state.trouble is not None
        suspect = (kind, t_s if anew or suspect is None else suspect[1], t_s)
    else:
        suspect = (kind, suspect[1], t_s)
    trouble, well_s = _settle(state, kind, suspect, match, t_s, p)
    now = replace(
        state,
        t_s=t_s,
        recent=recent,
        recent_share=recent_share,
        grey=look.grey,
        suspect=suspect,
        well_s=well_s,
        trouble=trouble,
        match=match,
    )
    may_learn = kind is None and trouble is None and (not learnt or match >= p.back_match)
    return _learn(now, look, t_s - state.t_s, p) if may_learn else now


def _kind(  # noqa: PLR0911  a list of cases, each a line of its own
    state: TamperState, look: Look, match: float, learnt: bool, p: TamperParams
) -> TroubleKind | None:
    """What this look shows, ``state`` being the one before but for the recent view.

    The first that fits wins: without light there are no edges either.
    """
    if np.array_equal(look.grey, state.grey):
        return "frozen"
    lost = match < p.covered_match if learnt else look.bright < p.dark_grey / 3
    lost = lost or look.share < p.min_edges
    if look.bright < p.dark_grey and lost:
        return "dark"
    if look.share < p.min_edges:
        return "covered"
    if not learnt:
        return None
    left = look.share / max(state.share, 1e-6)
    if match < p.covered_match and left < p.covered_edges:
        return "covered"
    lasting = agreement(state.reference, state.recent)
    if lasting < p.turned_match and left >= p.covered_edges:
        lasts = strong(state.recent)
        stays = float(np.count_nonzero(lasts)) / lasts.size / max(state.recent_share, 1e-6)
        if stays >= (p.turned_barely if lasting < p.turned_surely else p.turned_lasting):
            return "turned"
    left = state.recent_share / max(state.share, 1e-6)
    blotted = lasting < p.sprayed_match and left < p.sprayed_edges
    if not blotted and lasting < p.alike_match and left < p.alike_edges:
        blotted = agreement(look.edges, state.reference) >= p.alike_own
    return "sprayed" if blotted else None


def _settle(
    state: TamperState,
    kind: TroubleKind | None,
    suspect: Suspect | None,
    match: float,
    t_s: float,
    p: TamperParams,
) -> tuple[Trouble | None, float | None]:
    """The trouble after this look, and since when all is well."""
    lasts_s = {
        "covered": p.covered_s,
        "sprayed": p.sprayed_s,
        "turned": p.turned_s,
        "frozen": p.frozen_s,
        "dark": p.dark_s,
    }
    trouble = state.trouble
    if kind is not None and suspect is not None and t_s - suspect[1] >= lasts_s[suspect[0]]:
        if trouble is None or trouble.kind != suspect[0]:
            trouble = Trouble(suspect[0], suspect[1])
        return trouble, None
    if trouble is None:
        return None, None
    needs_view = trouble.kind != "frozen" and t_s - state.first_s >= p.learn_s
    well = kind is None and (not needs_view or match >= p.back_match)
    well_s = (state.well_s if state.well_s is not None else t_s) if well else None
    ended = well_s is not None and t_s - well_s >= p.back_s
    return (None, None) if ended else (trouble, well_s)


def _learn(state: TamperState, look: Look, dt_s: float, p: TamperParams) -> TamperState:
    """Let the reference follow: a plain mean while it is learnt, slowly afterwards."""
    age_s = state.t_s - state.first_s
    blend = min(1.0, dt_s / min(max(age_s, dt_s), p.follow_s))
    reference = state.reference + np.float32(blend) * (look.edges - state.reference)
    return replace(state, reference=reference, share=state.share + blend * (look.share - state.share))


class TamperWatch:
    """`step` with its memory, for one camera. Not thread-safe."""

    def __init__(self, params: TamperParams | None = None) -> None:
        self.params = params or TamperParams()
        self.state: TamperState | None = None

    def due(self, t_s: float) -> bool:
        """Whether a frame captured at ``t_s`` is worth a look."""
        return self.state is None or not 0 <= t_s - self.state.t_s < self.params.every_s

    def see(self, image: Image, t_s: float) -> Trouble | None:
        """Look at a frame, if one is due. Returns: what is wrong now."""
        if self.due(t_s):
            self.state = step(self.state, look_at(image), t_s, self.params)
        return self.trouble

    @property
    def trouble(self) -> Trouble | None:
        """What was wrong at the latest look."""
        return self.state.trouble if self.state else None
