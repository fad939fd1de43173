"""The guard of the `api` benchmark: `liftguard guard` as it is, which also writes down every latency.

What guard tells of its latencies are percentiles of the last 1000 frames. To compare minutes with and without
load every single one is needed: capture of a frame until the hold could hear of it, with the moment.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from api import main
from api.guard import run_guard
from api.latency import LatencyWindow
from api.load import load_settings

STAGES: Final = ("capture_to_presence", "capture_to_relay", "sight_to_confirm", "infer")


class Noting(LatencyWindow):
    """A window that also keeps every sample in memory: (monotonic moment, seconds) per stage."""

    kept: Final[dict[str, list[tuple[float, float]]]] = {stage: [] for stage in STAGES}
    _mutex: Final = threading.Lock()

    def add(self, stages_s: Mapping[str, float]) -> None:
        """See `LatencyWindow.add`."""
        super().add(stages_s)
        now_s = time.monotonic()
        with self._mutex:
            for stage in STAGES:
                if stage in stages_s:
                    self.kept[stage].append((now_s, stages_s[stage]))


def work(out: Path) -> int:
    """Run guard until a signal comes, then write the samples."""
    setattr(main, "LatencyWindow", Noting)  # noqa: B010 - what `build_elevator` makes one of
    code = run_guard(load_settings())
    out.write_text(json.dumps(Noting.kept), "utf-8")
    return code


if __name__ == "__main__":
    os._exit(work(Path(sys.argv[1])))
