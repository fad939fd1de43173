"""How long guard takes from the start of its process to its first decision.

The real `liftguard guard`, in a data folder of its own, until what it tells web shows a phase other than
BLIND: the hold has heard of a first picture. Its camera is the bundled clip, or with --rtsp an RTSP stream
of it. The first start is not counted: it reads everything from the disk. Beside it, what of that is Python's
imports and what is the model, each measured in a process of its own.

    python -m benchmarks.start [--starts N] [--rtsp]
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.progress import track

from api.load import load_settings
from api.main import build_detector
from api.web_link import WebLink
from benchmarks.report import Target, emit, parser, run, spread
from benchmarks.rtsp import RtspServer, encode, need_server
from vision.errors import ConfigError
from vision.sources import iter_frames

if TYPE_CHECKING:
    from matplotlib.figure import Figure

START_LIMIT_S: Final = 120.0
FPS: Final = 10
TARGETS: Final = (
    Target("start_to_decision_s.p50", "s", most=3.0),
    Target("start_to_decision_s.p95", "s", most=3.0),
)
PARTS: Final = {
    "python": "pass",
    "imports": "import api.guard, api.main",
    "imports_and_model": "from api.load import load_settings\nfrom api.main import build_detector\n"
    "build_detector(load_settings())",
}
"""What runs in a process of its own, each with what the one before it does."""


def main() -> None:
    """Measure and print."""
    made = parser(__doc__)
    made.add_argument("--starts", type=int, default=10, help="starts of guard to time (default: 10)")
    made.add_argument("--rtsp", action="store_true", help="the camera is an RTSP stream")
    options = made.parse_args()
    settings = load_settings()
    detector = build_detector(settings)
    with tempfile.TemporaryDirectory() as name, ExitStack() as servers:
        folder = Path(name)
        source = "sample"
        if options.rtsp:
            need_server()
            clip = folder / "clip.mp4"
            encode(clip, (frame.image for frame in iter_frames("sample")), FPS)
        console = Console(stderr=True)
        took = []
        for number in track(range(-1, options.starts), "starts", console=console, transient=True):
            if options.rtsp:  # one server each: it plays the clip from its start when a client comes
                source = servers.enter_context(RtspServer(clip)).url
            seconds = asyncio.run(start_s(folder / str(number), source))
            servers.close()
            if number >= 0:
                took.append(seconds)
        parts = {key: _process_s(code, options.starts) for key, code in PARTS.items()}
    figures: dict[str, Any] = {
        "starts": len(took),
        "source": "rtsp" if options.rtsp else "sample",
        "start_to_decision_s": {**spread(took), "least": round(min(took), 3), "most": round(max(took), 3)},
        "process_s": {key: spread(values) for key, values in parts.items()},
        "load_average": round(os.getloadavg()[0], 1),
        "cores": os.cpu_count(),
        "threads": settings.detector.threads,
        "model": detector.name,
        "model_sha256": detector.sha256,
    }

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        rows = {**parts, "first decision": took}
        axes.boxplot(list(rows.values()), orientation="horizontal", tick_labels=list(rows))
        axes.axvline(3.0, linestyle=":", linewidth=1)
        axes.set(xlabel="seconds from the start of the process", xlim=(0, None), title=detector.name)
        axes.invert_yaxis()

    emit("start", figures, options, targets=TARGETS, draw=draw)


def _process_s(code: str, times: int) -> list[float]:
    """Seconds that a Python process takes for this, once unmeasured and then ``times`` times."""
    found = []
    for _ in range(times + 1):
        begun_s = time.monotonic()
        subprocess.run([sys.executable, "-c", code], check=True, env=_env())
        found.append(time.monotonic() - begun_s)
    return found[1:]


def _env() -> dict[str, str]:
    """This environment without settings of Liftguard's; bytecode is kept, as in any installation."""
    left_out = {"PYTHONDONTWRITEBYTECODE"}
    return {k: v for k, v in os.environ.items() if not k.startswith("LIFTGUARD_") and k not in left_out}


async def start_s(folder: Path, source: str = "sample") -> float:
    """Seconds from the start of a real guard until a phase other than BLIND. Raises: ConfigError."""
    folder.mkdir(parents=True)
    config = folder / "empty.toml"  # a settings file of this machine must not decide
    config.touch()
    own = {"CONFIG": config, "DATA_DIR": folder / "var", "RUNTIME_DIR": folder / "run"}
    env = _env() | {f"LIFTGUARD_{key}": str(path) for key, path in own.items()}
    command = [sys.executable, "-m", "api", "guard", "--source", source]
    link = WebLink(folder / "run")
    async with link.running():
        with (folder / "log").open("wb") as log:
            begun_s = time.monotonic()
            guard = await asyncio.create_subprocess_exec(*command, env=env, stdout=log, stderr=log)
        try:
            while (now_s := time.monotonic()) - begun_s < START_LIMIT_S and guard.returncode is None:
                state = link.state()
                if state is not None and any(e.phase != "BLIND" for e in state.elevators):
                    return now_s - begun_s
                await asyncio.sleep(0.01)
        finally:
            if guard.returncode is None:
                guard.terminate()
            await guard.wait()
    said = (folder / "log").read_text("utf-8", errors="replace")[-500:]
    raise ConfigError(f"guard made no decision within {START_LIMIT_S:.0f} s; it said: {said}")


if __name__ == "__main__":
    run(main)
