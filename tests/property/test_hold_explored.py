"""Every state that the hold can reach on a grid of half seconds, and every promise in each of them.

Beside the properties of test_hold_properties.py, which draw any times at random: here nothing is drawn and
nothing is left out. The promises are those of its `Ledger`.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from hardware.hold import Decision, Hold, HoldRules, Inputs, Phase, step
from tests.support.exploring import LETTERS, RULES, Letter, explore
from vision.types import Presence

PICTURES = {"no picture", "nothing", "doubtful", "e-bike"}
WITHOUT_INPUTS: tuple[Letter, ...] = tuple(x for x in LETTERS if x[0] in PICTURES and x[1] == "")
WITH_INPUTS: tuple[Letter, ...] = tuple(x for x in LETTERS if x[0] in {"no picture", "nothing", "e-bike"})
BUT_INHIBITED = frozenset(Phase) - {Phase.INHIBITED}


def test_every_state_that_a_camera_can_lead_to_keeps_every_promise() -> None:
    found = explore(letters=WITHOUT_INPUTS)
    assert found.phases == {str(phase) for phase in BUT_INHIBITED}
    assert found.energised > 100
    assert found.states > 2000


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_state_that_camera_and_inputs_can_lead_to_keeps_every_promise() -> None:
    found = explore(letters=[x for x in LETTERS if x[0] in PICTURES])
    assert found.phases == {str(phase) for phase in Phase}


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_kind_a_holds_in_no_state() -> None:
    found = explore(replace(RULES, kind="A"), letters=WITH_INPUTS)
    assert found.energised == 0
    assert found.phases == {str(phase) for phase in Phase} - {"SUSPECT"}


def without_release(
    h: Hold, seen: Presence | None, inputs: Inputs, now_s: float, rules: HoldRules
) -> tuple[Hold, Decision]:
    """A hold that does not let go of a vehicle that has left."""
    hold, decision = step(h, seen, inputs, now_s, rules)
    if decision.phase is Phase.IDLE and h.phase is Phase.HOLDING:
        return hold, replace(decision, energise=True)
    return hold, decision


def test_a_broken_promise_is_found_and_the_way_there_is_told() -> None:
    with pytest.raises(AssertionError, match=r"e-bike.*nothing"):
        explore(letters=WITHOUT_INPUTS, step=without_release)
