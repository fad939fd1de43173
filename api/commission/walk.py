"""Walks through every step and writes the signed report."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from api.about import version
from api.annotate import prepare_folder
from api.commission import view_steps, wiring_steps
from api.commission.equipment import Equipment
from api.commission.person import Person
from api.commission.report import render
from api.commission.signature import fingerprint, load_key, sign
from api.commission.values import Finding, Site
from api.commission.words import Words
from api.main import build_rules
from api.wiring import relay_is_simulated, relay_name
from vision.errors import StorageError

LIMITS: Final = ("pulse_s", "pause_s", "cap_s", "cooldown_s", "release_s", "stale_s")


def site_of(equipment: Equipment, person: Person, words: Words) -> Site:
    """Ask who, where and with whom."""
    elevator = equipment.elevator
    rules, simulated = build_rules(elevator), relay_is_simulated(elevator)
    return Site(
        elevator_id=elevator.id,
        elevator_name=elevator.name,
        kind=elevator.kind,
        building=person.text(words("building")),
        installer=person.text(words("installer")),
        witness=person.text(words("witness")),
        started_at=datetime.now(UTC),
        software=f"Liftguard {version()}",
        model=equipment.model,
        rules=words(
            "rules_said",
            **{name: f"{getattr(rules, name):g}" for name in LIMITS},
        ),
        wiring=words("relay_simulated") if simulated else relay_name(elevator),
        simulated=simulated,
    )


def walk(equipment: Equipment, person: Person, words: Words) -> tuple[Finding, ...]:
    """Every step, in the order of `api.commission.values.STEPS`."""
    folder = Path(tempfile.mkdtemp(prefix="liftguard-commission-"))  # mode 0700: it holds pictures
    try:
        findings = tuple(_steps(equipment, person, words, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return findings


def _steps(equipment: Equipment, person: Person, words: Words, folder: Path) -> Iterator[Finding]:
    def told(finding: Finding) -> Finding:
        if finding.verdict != "passed":
            for fact in finding.facts:
                person.tell(fact)
        person.tell(f"→ {words(finding.verdict)}")
        return finding

    yield told(wiring_steps.declarations(equipment, person, words))
    yield told(wiring_steps.relay(equipment, person, words))
    yield told(wiring_steps.charge_pump(equipment, person, words))
    yield told(wiring_steps.inputs(equipment, person, words))
    yield told(wiring_steps.voice(equipment, person, words))
    yield told(wiring_steps.beacon(equipment, person, words))
    camera, image = view_steps.camera(equipment, person, words, folder)
    yield told(camera)
    yield told(view_steps.zones(equipment, person, words, folder, image))
    yield told(view_steps.empty_car(equipment, person, words))
    yield told(view_steps.e_bike(equipment, person, words))
    yield told(view_steps.harmless(equipment, person, words))


def write_report(path: Path, site: Site, findings: tuple[Finding, ...], words: Words, data_dir: Path) -> str:
    """Write the signed report; an existing file is never overwritten. Returns: the key's fingerprint.

    Raises: StorageError.
    """
    key = load_key(data_dir)
    shown = fingerprint(key.public_key())
    signed = sign(render(site, findings, words, shown), key)
    prepare_folder(path.parent)
    try:
        with path.open("xb") as file:
            file.write(signed)
    except FileExistsError as exc:
        raise StorageError(f"{path} exists already; name another file with --report") from exc
    except OSError as exc:
        raise StorageError(f"cannot write {path}: {exc.strerror or exc}; name another with --report") from exc
    return shown


def report_path(site: Site) -> Path:
    """The report's name when none is given: the elevator and the local time."""
    at = site.started_at.astimezone()
    return Path(f"commission-{site.elevator_id}-{at:%Y%m%d-%H%M}.html")
