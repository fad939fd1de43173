"""Whether the tests of the hold notice when it is changed: each mutant is one line of hold.py made wrong.

Every mutant gets a copy of the tree of its own, in which the tests run until one fails. A mutant that no
test kills is a gap in the tests, or no change of what is promised; those are listed with the reason.
Prints one line per mutant and one JSON line. Takes minutes.

    python -m benchmarks.mutants [--only N]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.machine import where_measured

ROOT: Final = Path(__file__).parents[1]
HOLD: Final = "hardware/hold.py"
TESTS: Final = (
    "tests/unit/test_hold_story.py",
    "tests/property/test_hold_explored.py",
    "tests/property/test_hold_properties.py",
)
PROFILE: Final = """
from hypothesis import Phase, settings
settings.register_profile("mutants", phases=[Phase.explicit, Phase.generate], database=None)
settings.load_profile("mutants")
"""
"""Without shrinking: it is enough that a test fails."""

MUTANTS: Final = (
    ("h, dt_s = _shift(h, dt_s), 0.0", "dt_s = 0.0"),
    ("if rest_s >= rules.pause_s else h.pulse_s", "if rest_s > 0 else h.pulse_s"),
    ("used_s = dt_s if driving or h.phase is Phase.PAUSED else 0.0", "used_s = dt_s if driving else 0.0"),
    ("h.now_s - h.newest_s > rules.stale_s", "h.now_s - h.newest_s > 3 * rules.stale_s"),
    ("return not h.usable or", "return"),
    ("h.now_s - event.last_seen_s < patience_s", "h.now_s - event.last_seen_s < 0.5 * patience_s"),
    ("h.newest_s < seen.t_s <= h.now_s", "h.newest_s < seen.t_s"),
    ("h.newest_s < seen.t_s <= h.now_s", "seen.t_s <= h.now_s"),
    ("if s.zone in rules.zones", "if True"),
    (
        "clear_since_s = h.clear_since_s if unbroken else seen.t_s",
        "clear_since_s = h.clear_since_s or seen.t_s",
    ),
    ("h = replace(h, barred=True, gone=False, event=event)", "pass"),
    ("h = replace(h, barred=True, gone=False, event=event)", "h = replace(h, event=event)"),
    ("h.barred and clear and h.event is None and not inputs.remote_release", "h.barred and h.event is None"),
    ("if h.gone and h.now_s - h.cool_since_s", "if h.barred and h.now_s - h.cool_since_s"),
    ("event.used_s >= rules.cap_s and not", "event.used_s >= 2 * rules.cap_s and not"),
    ("(at, inhibit is not None, Phase.INHIBITED,", "(Phase.IDLE, inhibit is not None, Phase.INHIBITED,"),
    ("(at, _blind(h, rules), Phase.BLIND,", "(Phase.IDLE, _blind(h, rules), Phase.BLIND,"),
    ('(at, h.barred, Phase.COOLDOWN, "let_go"),', '(Phase.HOLDING, h.barred, Phase.COOLDOWN, "let_go"),'),
    ('(Phase.HOLDING, unseen, Phase.IDLE, "not_seen"),', ""),
    ('(Phase.PAUSED, unseen, Phase.IDLE, "not_seen"),', ""),
    ('(Phase.HOLDING, not rested, Phase.PAUSED, "pulse_over"),', ""),
    ("(Phase.SUSPECT, sure and rested, Phase.HOLDING,", "(Phase.SUSPECT, sure, Phase.HOLDING,"),
    ("(Phase.IDLE, sure and rested, Phase.HOLDING,", "(Phase.IDLE, sure, Phase.HOLDING,"),
    ("        and rested\n", ""),
    ("now_s - h.since_s >= rules.confirm_s or", "now_s - h.since_s >= 2 * rules.confirm_s or"),
    ('phase in _DRIVING and rules.kind == "B"', "phase in _DRIVING"),
    ("FalsePreHold(now_s, suspected_s if rules.kind", "FalsePreHold(now_s, 2 * suspected_s if rules.kind"),
    (
        "if before is Phase.SUSPECT and phase not in",
        "if before is Phase.SUSPECT and phase is Phase.IDLE and phase not in",
    ),
    ("vanished = now_s - h.there_s >= rules.release_s", "vanished = False"),
    ("usable=False, newest_s=max(h.newest_s, h.now_s), there=()", "there=h.there"),
    ("s.track_id not in h.ignored for s in h.there", "True for s in h.there"),
    ("        and now_s - h.false_since_s >= rules.rearm_s\n", ""),
    ("return replace(h, ignored=())", "return h"),
    ("        newest_s=h.now_s + by_s,\n        usable=False,", "        newest_s=h.now_s + by_s,\n"),
    ("        cool_since_s=h.cool_since_s + by_s,\n", ""),
    ("h.phase is Phase.INHIBITED and inputs.inhibit_reason is None", "False"),
    ("event is not None and phase in _DRIVING and before not in _DRIVING", "False"),
    ("max((s for s in h.there if s.confirmed)", "min((s for s in h.there if s.confirmed)"),
    ("elif event.released or inputs", "elif inputs"),
    ("elif _blind(h, rules):", "elif False:"),
    ("(rules.confirm_s if h.phase is Phase.SUSPECT else 0.0)", "0.0"),
)
"""What stands in hold.py, and what is put in its place."""

NO_CHANGE: Final = {
    "        and now_s - h.false_since_s >= rules.rearm_s\n": "`_bar` ignores every track for as long",
}
"""Mutants that may live, and why nothing that is promised changes."""


def main() -> int:
    """Try every mutant. Returns: 1 if one lives that should not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", type=int, help="number of one mutant")
    arguments = parser.parse_args()
    source = (ROOT / HOLD).read_text("utf-8")
    missing = [old for old, _ in MUTANTS if old not in source]
    if missing:
        print(f"not in {HOLD} any more, change the list: {missing}", file=sys.stderr)
        return 2
    killed = lived = excused = 0
    for number, (old, new) in enumerate(MUTANTS):
        if arguments.only not in {None, number}:
            continue
        by = killer(source.replace(old, new, 1))
        killed += by is not None
        excused += by is None and old in NO_CHANGE
        lived += by is None and old not in NO_CHANGE
        said = by or (f"lives: {NO_CHANGE[old]}" if old in NO_CHANGE else "LIVES")
        print(f"{number:2} {old.strip()[:60]!r} -> {new.strip()[:40]!r}: {said}", flush=True)
    line = {
        "benchmark": "mutants",
        "mutants": len(MUTANTS),
        "killed": killed,
        "excused": excused,
        "lived": lived,
    }
    print(json.dumps(line | where_measured()))
    return int(lived > 0)


def killer(mutant: str) -> str | None:
    """The first test that fails on this text of hold.py; None: all pass."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for room in ("hardware", "vision", "tests"):
            ignore = shutil.ignore_patterns("*.mp4", "*.wav", "__pycache__")
            shutil.copytree(ROOT / room, folder / room, ignore=ignore)
        shutil.copy(ROOT / "pyproject.toml", folder)
        (folder / HOLD).write_text(mutant, "utf-8")
        (folder / "conftest.py").write_text(PROFILE, "utf-8")
        there = [test for test in TESTS if (folder / test).exists()]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *there],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(folder)},
        )
        if done.returncode not in {0, 1}:
            raise SystemExit(f"the tests could not be run: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
        return failed[0].partition(" - ")[0].removeprefix("FAILED ") if failed else None


if __name__ == "__main__":
    sys.exit(main())
