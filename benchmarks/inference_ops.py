"""Where the time of one inference goes, by kind of operation, as ONNX Runtime's own profiler says."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime as ort

RUNS: Final = 20
SMALL_MS: Final = 0.05  # less is summed up as "others"


def operations(model: Path, size_hw: tuple[int, int]) -> dict[str, float]:
    """Milliseconds of one run by kind of operation, most first; one thread, input (1, 3, *size_hw).

    Profiling itself costs some microseconds per operation, so the sum is above a plain run's.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "ops")
        session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        tensor = np.random.default_rng(0).random((1, 3, *size_hw), np.float32)
        for _ in range(RUNS):
            session.run(None, {session.get_inputs()[0].name: tensor})
        events = json.loads(Path(session.end_profiling()).read_text("utf-8"))
    spent: dict[str, float] = defaultdict(float)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            spent[event["args"]["op_name"]] += event["dur"] / 1000 / RUNS  # the first, slower run included
    told = {name: round(ms, 2) for name, ms in sorted(spent.items(), key=lambda o: -o[1]) if ms >= SMALL_MS}
    others = sum(ms for ms in spent.values() if ms < SMALL_MS)
    return told | {"others": round(others, 2), "all": round(sum(spent.values()), 2)}
