"""The steps that try what is wired: relay, charge pump, inputs, voice, lamp.

The relay is energised for a few seconds at a time, never while a person is being asked something, and
released in a ``finally``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from api.commission.equipment import Equipment
from api.commission.person import Person
from api.commission.values import Finding, verdict_of
from api.commission.words import Words
from hardware.values import Inputs
from vision.errors import RelayError

RELAY_S: Final = 3.0  # long enough to see a door stop, far below an elevator's protective stop (about 20 s)
BEATING_S: Final = 2.0
SILENT_S: Final = 2.0  # a pump drops its relay within 1 s (docs/safety.md), then a second to notice
BEAT_S: Final = 0.05  # as the hold loop: 20 edges a second
FOLLOW_S: Final = 2.0  # a relay board confirms within 0.75 s, see docs/relays.md
BEACON_S: Final = 3.0
INPUT_S: Final = 90.0  # time to walk to the machine room and turn a key


def declarations(equipment: Equipment, person: Person, words: Words) -> Finding:
    """What only people can know."""
    person.step(words("declarations"), words("declarations_about"))
    keys = ["ask_permission", "ask_chain"]
    if equipment.elevator.kind == "B":
        keys += ["ask_button", "ask_fire_first"]
    return _asked("declarations", person, words, keys)


def relay(equipment: Equipment, person: Person, words: Words) -> Finding:
    """Energise for a moment, read back, release."""
    person.step(words("relay"), words("relay_about", seconds=RELAY_S))
    if equipment.elevator.kind == "A":
        return Finding("relay", "not_fitted", (words("relay_none"),))
    if not person.ready(words("relay_ready")):
        return Finding("relay", "skipped")
    try:
        with _released_after(equipment):
            on_ms = _follow_ms(equipment, True)
            person.tell(words("relay_now"))
            _beat_for(equipment, RELAY_S)
            off_ms = _follow_ms(equipment, False)
    except RelayError as exc:
        return Finding("relay", "failed", (words("relay_no_follow", error=exc),))
    measured = (words("relay_on_ms", ms=on_ms), words("relay_off_ms", ms=off_ms))
    for fact in measured:
        person.tell(fact)
    return _asked("relay", person, words, ["relay_held", "relay_let_go"], measured)


def charge_pump(equipment: Equipment, person: Person, words: Words) -> Finding:
    """Stop the watchdog while the hold is still asked for: the pump alone must let go."""
    person.step(words("charge_pump"), words("charge_pump_about", beating=BEATING_S, silent=SILENT_S))
    if equipment.elevator.kind == "A":
        return Finding("charge_pump", "not_fitted", (words("relay_none"),))
    if equipment.heartbeat is None:
        return Finding("charge_pump", "failed", (words("charge_pump_none"),))
    if not person.ready(words("relay_ready")):
        return Finding("charge_pump", "skipped")
    try:
        with _released_after(equipment):
            person.tell(words("charge_pump_beats"))
            equipment.relay.set(True)
            _beat_for(equipment, BEATING_S)
            equipment.heartbeat.rest()
            person.tell(words("charge_pump_stops"))
            equipment.pause(SILENT_S)
    except RelayError as exc:
        return Finding("charge_pump", "failed", (words("relay_no_follow", error=exc),))
    return _asked("charge_pump", person, words, ["charge_pump_held", "charge_pump_dropped"])


def inputs(equipment: Equipment, person: Person, words: Words) -> Finding:
    """Open every inhibiting contact at its source and at its wire."""
    person.step(words("inputs"), words("inputs_about"))
    wired = equipment.elevator.inputs.wired
    if not wired and equipment.elevator.kind == "A":
        return Finding("inputs", "not_fitted", (words("inputs_none"),))
    if equipment.inputs_simulated:
        return Finding("inputs", "skipped", (words("inputs_simulated"),))
    facts: list[str] = []
    answers: list[bool | None] = []
    if "fire" not in wired and equipment.elevator.kind == "B":
        facts.append(words("inputs_fire_missing"))
        answers.append(False)
    answers += [_try_input(name, equipment, person, words, facts) for name in wired]
    return Finding("inputs", verdict_of(answers), tuple(facts))


def voice(equipment: Equipment, person: Person, words: Words) -> Finding:
    """Speak the prompts once."""
    person.step(words("voice"), words("voice_about"))
    if equipment.speak is None:
        return Finding("voice", "not_fitted", (words("voice_none"),))
    trouble = equipment.speak()
    if trouble:
        return Finding("voice", "failed", (words("voice_missing", trouble=trouble),))
    return _asked("voice", person, words, ["voice_heard"])


def beacon(equipment: Equipment, person: Person, words: Words) -> Finding:
    """Switch the lamp or buzzer on for a moment."""
    person.step(words("beacon"), words("beacon_about", seconds=BEACON_S))
    if equipment.beacon is None:
        return Finding("beacon", "not_fitted", (words("beacon_none"),))
    try:
        try:
            equipment.beacon.set(True)
            equipment.pause(BEACON_S)
        finally:
            equipment.beacon.set(False)
    except RelayError as exc:
        return Finding("beacon", "failed", (str(exc),))
    return _asked("beacon", person, words, ["beacon_seen"])


def _beat_for(equipment: Equipment, seconds: float) -> None:
    """Let the watchdog run, as a hold loop that is well does: a charge pump lets the relay have its power."""
    for _ in range(round(seconds / BEAT_S)):
        if equipment.heartbeat is not None:
            equipment.heartbeat.beat()
        equipment.pause(BEAT_S)


@contextmanager
def _released_after(equipment: Equipment) -> Iterator[None]:
    try:
        yield
    finally:
        equipment.relay.set(False)
        if equipment.heartbeat is not None:
            equipment.heartbeat.rest()


def _follow_ms(equipment: Equipment, energised: bool) -> float:
    """Set the relay and wait until it is read back: of a pin, its level, whatever a charge pump makes of it.

    Raises: RelayError if it does not follow in time.
    """
    start_s = equipment.clock()
    equipment.relay.set(energised)
    while equipment.relay.energised is not energised:
        if equipment.clock() - start_s > FOLLOW_S:
            raise RelayError(
                f"it was told {'energise' if energised else 'release'} and reads back the opposite"
            )
        equipment.pause(0.005)
    return (equipment.clock() - start_s) * 1000


def _try_input(
    name: str, equipment: Equipment, person: Person, words: Words, facts: list[str]
) -> bool | None:
    """At its source, then at its wire. None: left out."""

    def inhibits() -> bool:
        now: Inputs = equipment.inputs.read()
        return bool(getattr(now, name))

    def seen(text: str, wanted: bool) -> bool:
        if person.watch(words(text, name=name), lambda: inhibits() is wanted, INPUT_S):
            return True
        facts.append(words("inputs_unseen", name=name, seconds=INPUT_S))
        return False

    try:
        if inhibits():
            facts.append(words("inputs_start_open", name=name))
            return False
        facts.append(words("inputs_start", name=name))
        if not person.ready(words("inputs_open", name=name)):
            return None
        if not (seen("inputs_open", True) and seen("inputs_close", False)):
            return False
        facts.append(words("inputs_seen", name=name))
        if not (seen("inputs_wire", True) and seen("inputs_plug", False)):
            return False
    except RelayError as exc:
        facts.append(str(exc))
        return False
    facts.append(words("inputs_wire_seen", name=name))
    return True


def _asked(
    step: str, person: Person, words: Words, questions: list[str], facts: tuple[str, ...] = ()
) -> Finding:
    """Ask, and keep question and answer for the report."""
    answers = [person.confirm(words(question)) for question in questions]
    said = {True: "answer_yes", False: "answer_no", None: "answer_open"}
    told = tuple(
        f"{words(question)} {words(said[answer])}"
        for question, answer in zip(questions, answers, strict=True)
    )
    return Finding(step, verdict_of(answers), facts + told)
