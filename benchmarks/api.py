"""The API and the page under load: guards who watch live, a busy event list, and what it costs the door.

Starts guard and web as `liftguard run` does, with the bundled clip as camera; 50 guards, signed in, have the
live page open (states, changes, pictures, the list of events whenever something happens), and 200 requests a
second go to the event list. The load is a process of its own, behind both on the processor; the cores that it
takes are reported too. What it costs the door is guard's own time from the capture of a frame until the hold
can hear of it, in minutes with and without load in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.request import urlopen

import numpy as np
from rich.console import Console

from api.supervise import NICE, start_process
from benchmarks.api_world import environment, free_port, make_world
from benchmarks.report import Target, emit, parser, run, spread
from vision.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PERIOD_S: Final = 50.0
"""The bundled clip begins again after this long: windows are whole rounds of it, so all show the same."""
START_S: Final = 120.0
TARGETS: Final = (
    Target("errors", "requests and connections that failed", most=0),
    Target("list_ms.p99", "event list, from the moment it was due", most=250),
    Target("pictures_behind_ms.p99", "live picture behind its capture", most=500),
    Target("decision_ms.p99_ratio", "guard's capture to decision with load over without", most=1.1),
)


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, seconds of the monotonic clock, with what it cost."""

    begin_s: float
    end_s: float
    loaded: bool
    cpu: dict[str, float]  # share of one core by process


def main() -> None:
    """Measure and print."""
    made = parser(__doc__)
    made.add_argument("--guards", type=int, default=50, help="guards who watch live")
    made.add_argument("--rate", type=float, default=200.0, help="requests a second to the event list")
    made.add_argument("--rounds", type=int, default=6, help="rounds of the clip under load")
    made.add_argument("--round-s", type=float, default=PERIOD_S, help="length of a round (the clip: 50 s)")
    made.add_argument("--rests", type=int, default=1, help="rounds without load before and after it")
    made.add_argument("--turns", type=int, default=1, help="how often rest and load take turns")
    made.add_argument("--events", type=int, default=5000, help="events in the store")
    options = made.parse_args()
    console = Console(stderr=True, highlight=False)
    with tempfile.TemporaryDirectory(prefix="lgb") as folder, ExitStack() as undo:
        box = Box(Path(folder), options, console)
        undo.callback(box.stop)
        box.start()
        windows, loads = [], []
        windows.append(box.rest(options.rests))
        for turn in range(options.turns):
            console.print(f"load, {options.rounds * options.round_s:.0f} s ({turn + 1} of {options.turns})")
            window, load = box.load(options.rounds)
            windows.append(window)
            loads.append(load)
            windows.append(box.rest(options.rests))
        samples = box.stop()
    report(options, windows, loads, samples)


class Box:
    """The processes under measurement."""

    def __init__(self, folder: Path, options: argparse.Namespace, console: Console) -> None:
        self._folder, self._options, self._console = folder, options, console
        self._port = free_port()
        self._env = environment(folder, self._port)
        self._latencies = folder / "latencies.json"
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Fill the store, start both and wait until pictures come."""
        self._console.print(f"making {self._options.events} events and {self._options.guards} accounts")
        self.world = make_world(self._env, self._options.events, self._options.guards)
        guard = [sys.executable, "-m", "benchmarks.api_guard", str(self._latencies)]
        self._running["guard"] = start_process(guard, self._env, NICE["guard"])
        self._running["web"] = start_process([sys.executable, "-m", "api", "web"], self._env, NICE["web"])
        deadline_s = time.monotonic() + START_S
        while not self._answers():
            if time.monotonic() > deadline_s or any(p.poll() is not None for p in self._running.values()):
                raise ConfigError(f"guard and web did not start within {START_S:.0f} s; see their log above")
            time.sleep(0.2)
        time.sleep(10.0)  # caches of processor and files, first inferences

    def rest(self, rounds: int) -> Window:
        """Nobody looks."""
        if rounds:
            self._console.print(f"rest, {rounds * self._options.round_s:.0f} s")
        begin_s, before = time.monotonic(), self._cpu()
        time.sleep(rounds * self._options.round_s)
        return self._window(begin_s, before, loaded=False)

    def load(self, rounds: int) -> tuple[Window, dict[str, Any]]:
        """Everybody looks. Returns: the window in which requests were asked, and what the load found."""
        plan = {
            "host": "127.0.0.1",
            "port": self._port,
            "nice": 15,
            "guards": self.world.cookies,
            "askers": self.world.cookies,
            "elevators": ["car-1"],
            "paths": self.world.paths,
            "rate": self._options.rate,
            "seconds": rounds * self._options.round_s,
            "open_within_s": 5.0,
        }
        command = [sys.executable, "-m", "benchmarks.api_load"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self._env) as load:
            begin_s, before = time.monotonic(), self._cpu()
            out, _ = load.communicate(json.dumps(plan).encode() + b"\n")
        if load.returncode or not out:
            raise ConfigError(f"the load ended with code {load.returncode}; see what it said above")
        found: dict[str, Any] = json.loads(out)
        window = self._window(begin_s, before, loaded=True)
        seconds = found["ended_s"] - found["began_s"]
        cpu = window.cpu | {"load": found["cpu_s"] / seconds}
        return Window(found["began_s"], found["ended_s"], True, cpu), found

    def stop(self) -> dict[str, list[tuple[float, float]]]:
        """End both. Returns: every latency of guard by stage, with its moment."""
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            process.wait(30)
        self._running.clear()
        if not self._latencies.exists():
            return {}
        found: dict[str, list[tuple[float, float]]] = json.loads(self._latencies.read_text("utf-8"))
        return found

    def _answers(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self._port}/api/v1/health/live", timeout=2):
                return (self._folder / "var" / "run" / "guard-live.sock").exists()
        except OSError:
            return False

    def _cpu(self) -> dict[str, float]:
        """Seconds of processor that each has used."""
        tick = os.sysconf("SC_CLK_TCK")
        found = {}
        for name, process in self._running.items():
            fields = Path(f"/proc/{process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
            found[name] = (int(fields[11]) + int(fields[12])) / tick
        return found

    def _window(self, begin_s: float, before: dict[str, float], *, loaded: bool) -> Window:
        end_s, after = time.monotonic(), self._cpu()
        took_s = max(end_s - begin_s, 1e-9)
        return Window(begin_s, end_s, loaded, {n: (after[n] - before[n]) / took_s for n in after})


def report(
    options: argparse.Namespace,
    windows: list[Window],
    loads: list[dict[str, Any]],
    samples: dict[str, list[tuple[float, float]]],
) -> None:
    """Figures, table and plot. Raises: ConfigError where guard wrote no latencies."""
    stamps = np.array(samples.get("capture_to_presence", []), np.float64).reshape(-1, 2)
    if not len(stamps):
        raise ConfigError("guard wrote no latencies; did it end by itself?")

    def within(loaded: bool) -> np.ndarray[Any, Any]:
        masks = [
            (stamps[:, 0] >= w.begin_s) & (stamps[:, 0] < w.end_s) for w in windows if w.loaded is loaded
        ]
        chosen: np.ndarray[Any, Any] = stamps[np.any(masks, axis=0), 1] * 1000
        return chosen

    idle, busy = within(False), within(True)
    if not len(idle) or not len(busy):
        raise ConfigError("there was no rest, or no load; use --rests 1 and --rounds 1 at least")
    asked = np.array([pair for load in loads for pair in load["list_ms"]], np.float64)
    low, high = ratio_interval(idle, busy)
    counts: dict[str, int] = {}
    errors: dict[str, int] = {}
    for load in loads:
        for into, name in ((counts, "counts"), (errors, "errors")):
            for key, n in load[name].items():
                into[key] = into.get(key, 0) + n
    seconds = sum(w.end_s - w.begin_s for w in windows if w.loaded)
    cores = {
        f"{name}_{'loaded' if loaded else 'idle'}": round(
            float(np.mean([w.cpu[name] for w in windows if w.loaded is loaded and name in w.cpu] or [0])), 3
        )
        for name in ("guard", "web", "load")
        for loaded in (False, True)
        if loaded or name != "load"
    }
    figures: dict[str, Any] = {
        "guards": options.guards,
        "rate": options.rate,
        "loaded_s": round(seconds, 1),
        "events": options.events,
        "errors": sum(errors.values()),
        "error_kinds": errors,
        "list_requests": len(asked),
        "list_ms": spread(asked[:, 1]) | {"most": round(float(asked[:, 1].max()), 1)},
        "fragment_ms": spread([v for load in loads for v in load["other_ms"]] or [0.0]),
        "pictures_behind_ms": spread([v for load in loads for v in load["behind_ms"]] or [0.0]),
        "states_behind_ms": spread([v for load in loads for v in load["state_behind_ms"]] or [0.0]),
        "load_late_ms": spread([v for load in loads for v in load["late_ms"]]),
        "pictures_per_guard_s": round(counts.get("pictures", 0) / seconds / max(1, options.guards), 2),
        "megabytes_s": round(counts.get("picture_bytes", 0) / seconds / 1e6, 2),
        "counts": counts,
        "cores_used": cores,
        "decision_ms": {
            "idle": spread(idle) | {"n": len(idle)},
            "loaded": spread(busy) | {"n": len(busy)},
            "p50_ratio": round(float(np.median(busy) / np.median(idle)), 3),
            "p99_ratio": round(float(np.percentile(busy, 99) / np.percentile(idle, 99)), 3),
            "p99_ratio_low": round(low, 3),
            "p99_ratio_high": round(high, 3),
        },
    }

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        left.plot(np.sort(asked[:, 1]), np.linspace(0, 1, len(asked)))
        left.axvline(250, linestyle=":", linewidth=1)
        left.set(xscale="log", xlabel="ms from the moment due", ylabel="share", title="Event list")
        for values, label in ((idle, "nobody looks"), (busy, "under load")):
            right.plot(np.sort(values), np.linspace(0, 1, len(values)), label=f"{label} ({len(values)})")
        right.set(xlabel="ms from capture", title="Guard: capture to decision")
        right.legend()

    emit("api", figures, options, targets=TARGETS, draw=draw)


def ratio_interval(idle: np.ndarray[Any, Any], busy: np.ndarray[Any, Any]) -> tuple[float, float]:
    """95 % of the ratio of the 99th percentiles, by drawing rounds of a second anew (bootstrap).

    Frames beside one another are alike, so blocks of ten are drawn, not frames.
    """
    rng = np.random.default_rng(1)

    def again(values: np.ndarray[Any, Any]) -> float:
        blocks = np.array_split(values, max(1, len(values) // 10))
        drawn = rng.integers(0, len(blocks), len(blocks))
        return float(np.percentile(np.concatenate([blocks[i] for i in drawn]), 99))

    ratios = [again(busy) / again(idle) for _ in range(1000)]
    low, high = np.percentile(ratios, (2.5, 97.5))
    return float(low), float(high)


if __name__ == "__main__":
    run(main)
