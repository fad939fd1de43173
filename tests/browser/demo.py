"""A made-up fortnight of four elevators, to look at the pages with: `python -m tests.browser.pictures`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from fastapi import FastAPI

from api.accounts.people import NewUser
from api.accounts.records import Grant
from api.accounts.service import Accounts, Rules
from api.cameras.pictures import keep_picture, marked, picture_path
from api.cameras.records import CameraTrouble
from api.evidence.files import EvidenceFile
from api.notices.values import Answer
from api.notices.webhook_store import Webhooks
from api.overlay import Changes, Kept, write
from api.records import DoorAction, GuardRun, PhaseChange, PreHold, Review, new_event_id
from api.settings import ElevatorSettings, Settings
from api.store import Store
from api.times import utc_now
from api.web import create_app
from api.web_link import WebLink
from tests.browser.fake_guard import past_event
from tests.support.accounts import CHEAP, PASSWORD
from tests.support.evidence_made import failed_clip, give_evidence

NAMES: Final = {
    "car-1": "1 号楼 A 梯",
    "car-2": "1 号楼 B 梯",
    "car-3": "2 号楼 A 梯",
    "car-4": "2 号楼 B 梯",
}
PEOPLE: Final = {"admin": "周敏", "manager": "林薇", "guard": "王强", "viewer": "陈静"}
"""Login names are the roles."""
DAYS: Final = 14
HOURS: Final = np.array([1, 0, 0, 0, 0, 1, 4, 9, 7, 3, 2, 3, 5, 4, 2, 3, 5, 9, 12, 10, 7, 5, 3, 2], float)
"""How many e-bikes come in each hour of a day of the building's own, relative to one another."""


def demo(folder: Path, store: Store) -> FastAPI:
    """Fill the store and the folder. Everything is drawn from one seed and from now."""
    now = utc_now()
    rng = np.random.default_rng(20260301)
    begin = now - timedelta(days=DAYS)
    store.note_run(GuardRun(new_event_id(), begin, now - timedelta(days=3, hours=2), "0.1.0"))
    store.note_run(GuardRun(new_event_id(), now - timedelta(days=3, hours=1), now, "0.1.0"))
    for elevator in NAMES:
        store.add_phase_change(PhaseChange(elevator, begin, "BLIND", "IDLE", "presence_fresh", None))
        away = now - timedelta(days=float(rng.uniform(4, 12)))
        for at, before, after, reason in (
            (away, "IDLE", "INHIBITED", "maintenance"),
            (away + timedelta(hours=5), "INHIBITED", "IDLE", "presence_fresh"),
        ):
            store.add_phase_change(PhaseChange(elevator, at, before, after, reason, None))
        for _ in range(int(rng.integers(0, 4))):
            store.add_pre_hold(PreHold(elevator, now - timedelta(days=float(rng.uniform(0, 7))), 0.8))
    _events(store, folder, now, rng)
    _troubles(store, folder / "camera-troubles", now)
    settings = Settings(
        data_dir=folder,
        elevators=tuple(ElevatorSettings(id=id_, name=name, estate="锦园") for id_, name in NAMES.items()),
    )
    accounts = Accounts(store, Rules(estates={"锦园": frozenset(NAMES)}, elevators=NAMES), passwords=CHEAP)
    for role, name in PEOPLE.items():
        hashed = accounts.passwords.hash(PASSWORD)
        accounts.people.add(NewUser(role, name, (Grant(role),), hashed), now)  # type: ignore[arg-type]
    accounts.keeper.note_set_up()
    _webhooks(store)
    write(
        folder, Kept(version=1, at=now - timedelta(days=20), by=PEOPLE["admin"], changes=_zones()), before=0
    )
    return create_app(
        store,
        WebLink(folder / "run"),
        version="0.1.0",
        settings=settings,
        accounts=accounts,
        evidence_dir=folder / "evidence",
        blurrer=Rendered(),
    )


class Rendered:
    """The sample is rendered: there is no face in it to blur."""

    def blurred(self, file: EvidenceFile, root: Path) -> Path:
        """The file itself."""
        return root / file.path


def _zones() -> Changes:
    cabin = [[0.2, 0.36], [0.8, 0.36], [0.98, 0.97], [0.02, 0.97]]
    doorway = [[0.02, 0.97], [0.98, 0.97], [0.98, 1.0], [0.02, 1.0]]
    zones = [{"kind": "cabin", "polygon": cabin}, {"kind": "doorway", "polygon": doorway}]
    return Changes.model_validate({"elevators": {"car-1": {"zones": zones}}})


def _events(store: Store, folder: Path, now: datetime, rng: np.random.Generator) -> None:
    offset = datetime.now().astimezone().utcoffset() or timedelta()
    ages = [timedelta(minutes=38), timedelta(hours=1.4), timedelta(hours=2.3)]
    midnight = (now + offset).replace(hour=0, minute=0, second=0)
    for day in range(DAYS):
        for hour in rng.choice(24, int(rng.poisson(6)), p=HOURS / HOURS.sum()):
            at = (
                midnight - timedelta(days=day) + timedelta(hours=int(hour), minutes=float(rng.uniform(0, 60)))
            )
            if (age := now + offset - at) > timedelta(hours=3):
                ages.append(age)
    for n, age in enumerate(sorted(ages)):
        elevator = list(NAMES)[int(rng.choice(4, p=(0.4, 0.15, 0.3, 0.15)))] if n else "car-1"
        hold_s = float(rng.gamma(3, 6)) + 5 if n else 24.6
        outcome = (
            "left" if n == 0 or rng.random() > 0.08 else ("escalated", "inhibited")[int(rng.integers(2))]
        )
        id_ = past_event(store, age, outcome, hold_s, elevator)
        event = store.event(id_)
        assert event is not None
        if outcome == "escalated":
            store.escalate_event(id_, event.started_at + timedelta(seconds=hold_s))
        if outcome == "inhibited":
            at = event.started_at + timedelta(seconds=hold_s)
            store.add_door_action(
                DoorAction(elevator, at, "release", PEOPLE["guard"], "住户急需使用电梯", id_)
            )
        if n == 2:
            failed_clip(store, event, "The disk was full.")
        elif n < 12:
            give_evidence(store, folder / "evidence", event, float(n % 4) * 4, 15)
        if n > 7 and rng.random() < 0.85:
            _judge(store, id_, event.started_at, rng)


def _judge(store: Store, id_: str, at: datetime, rng: np.random.Generator) -> None:
    review = Review("confirmed")
    if rng.random() < 0.07:
        review = Review("false_alarm", ("stroller", "bicycle", "kick_scooter")[int(rng.integers(3))])
    if rng.random() < 0.05:
        review = replace(review, locked=True, note="业主投诉，保留录像。", labels=("投诉",))
    store.review(id_, lambda _: review, by="manager", at=at + timedelta(hours=9))


def _troubles(store: Store, pictures: Path, now: datetime) -> None:
    greys = {"sprayed": 120, "mistaken": 150, "turned": 90, "dark": 12}
    for hours, kind, length in zip((6.0, 30.0, 52.0, 140.0), greys, (None, 95.0, 40.0, 12.0), strict=True):
        at = now - timedelta(hours=hours)
        end = None if length is None else at + timedelta(minutes=length)
        made = CameraTrouble(
            new_event_id(),
            "car-3",
            "car-3/cabin",
            kind,
            at,
            at + timedelta(seconds=5),
            end or now,
            end,
            "clear" if end else None,
        )
        image = np.full((360, 640, 3), greys[kind], np.uint8)
        if kind == "mistaken":
            image = marked(image, (0.6, 0.15, 0.8, 0.6))
        path = picture_path(made)
        keep_picture(pictures, path, image)
        store.put_trouble(replace(made, picture=path))


def _webhooks(store: Store) -> None:
    hooks = Webhooks(store, utc_now)
    hooks.add("https://alarm.example.org/liftguard", "值班室", ("event.started", "event.ended"), None)
    old = hooks.add("https://old.example.org/hook", "", ("event.reviewed",), None)
    hooks.tried(hooks.test(old.id).id, Answer(False, "HTTP 410 Gone", gone=True))
