"""The detector gets from the settings what they say: threads, and where its helpers stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api import main
from api.load import load_settings
from models.detector import OnnxDetector
from tests.support.tiny_world import tiny_manifest


def built_with(folder: Path, monkeypatch: pytest.MonkeyPatch, place: int = 0, **more: Any) -> tuple[int, ...]:
    """The helpers' CPUs on a machine with four equal ones."""
    seen: dict[str, Any] = {}

    class Noted(OnnxDetector):
        def __init__(self, *args: Any, helper_cpus: tuple[int, ...], **named: Any) -> None:
            seen["cpus"] = helper_cpus
            super().__init__(*args, **named)

    monkeypatch.setattr(main, "OnnxDetector", Noted)
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr("models.helper_cpus.speed_of", lambda _cpu: 1)
    overrides = {"detector.manifest": str(tiny_manifest(folder)), **more}
    main.build_detector(load_settings(env={}, overrides=overrides), place)
    return tuple(seen["cpus"])


def test_helpers_stay_on_their_own_cpus_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cpus(place: int = 0, **more: Any) -> tuple[int, ...]:
        return built_with(tmp_path, monkeypatch, place, **more)

    assert cpus() == (3,)
    assert cpus(1) == (2,), "the next elevator's helper does not meet the first one's"
    assert cpus(**{"detector.threads": 3}) == (3, 2)
    assert cpus(**{"detector.threads": 1}) == ()
    assert cpus(**{"detector.pin_threads": False}) == ()
