"""The lines of a scenario as a person would read them."""

from __future__ import annotations

from typing import Any, Final

Line = dict[str, Any]

_PLACES: Final = {
    "landing": "waits at floor {floor}",
    "entering": "goes in at floor {floor}",
    "inside": "is inside",
    "doorway": "stays in the doorway",
    "leaving": "goes out at floor {floor}",
    "gone": "is out",
}
_EVENTS: Final = {
    "started": "E-BIKE confirmed, event {number} (score {score})",
    "escalated": "event {number} escalated: the e-bike did not leave",
    "ended": "event {number} over: {outcome}",
}


def sentence(line: Line) -> str:
    """One line. Every kind that `api.simulate.play` gives has one."""
    return f"{_when(line)}{_SAID[line['type']](line)}"


def _when(line: Line) -> str:
    return f"{line['clock']}  {line['t_s']:8.2f} s  " if "t_s" in line else ""


def _scenario(line: Line) -> str:
    return f"{line['name']}: {line['about']}\n{line['length_s']:g} s from {line['start']}"


def _happening(line: Line) -> str:
    value = line["value"]
    said = {True: "on", False: "off"}[value] if isinstance(value, bool) else value
    return f"-- {line['what'].replace('_', ' ')}: {said}"


def _person(line: Line) -> str:
    return f"   {line['name']} {_PLACES[line['is']].format(**line)}"


def _door(line: Line) -> str:
    return f"   door {line['position'].replace('_', ' ')} at {line['floor']}" + (
        ", nudging" if line.get("nudging") else ""
    )


def _check(line: Line) -> str:
    return f"{'ok    ' if line['ok'] else 'FAILED'} {line['expected']}" + (
        "" if line["ok"] else f"; seen: {line['seen']}"
    )


def _summary(line: Line) -> str:
    outcomes = f" ({', '.join(line['outcomes'])})" if line["outcomes"] else ""
    wrong = [f"broken promise: {promise}" for promise in line["broken"]]
    wrong += [f"not as expected: {check}" for check in line["failed"]]
    said = (
        f"{line['events']} event(s){outcomes}, {line['false_pre_holds']} false pre-hold(s), door held "
        f"{line['held_s']:.1f} s, {line['protective_stops']} protective stop(s), guard started "
        f"{line['guard_starts']} time(s)"
    )
    return "\n".join([said, *wrong, "As expected." if line["ok"] else "NOT as expected."])


_SAID: Final = {
    "scenario": _scenario,
    "happening": _happening,
    "person": _person,
    "door": _door,
    "phase": lambda line: f"{line['before']} → {line['after']} ({line['reason']})",
    "event": lambda line: _EVENTS[line["event"]].format(**line),
    "false_pre_hold": lambda line: f"not an e-bike after all (held for {line['held_s']:.1f} s)",
    "relay": lambda line: "RELAY holds" if line["held"] else "relay released",
    "broken": lambda line: f"BROKEN PROMISE: {line['promise']}; {line['seen']}",
    "check": _check,
    "summary": _summary,
}
