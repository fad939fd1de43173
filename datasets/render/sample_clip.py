"""Draw the bundled sample clip again: ``python datasets/render/sample_clip.py --models DIR --out DIR``.

An e-bike is pushed into an elevator car, stays while the door is held, and is taken out; then a wheelchair
with its user and a stroller come, ride and leave. Every picture is rendered from meshes that may be shown in
public (see vision/samples/CREDITS.md) and from geometry made here; nothing was filmed.

Each different moment is rendered once, and only the part of the picture that changes; pictures are kept in
``OUT/frames``, so an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run as a file: find this repository's folders

from datasets.render.blender import RenderSetupError, reset_scene, set_up_cycles
from datasets.render.camera_view import View, paste
from datasets.render.motion import FPS, Shot, timetable
from datasets.render.stage import INDEX, PATHS, Stage
from datasets.render.truth import Sight, as_rows, intervals, sight
from datasets.render.video import encode, enlarge, sensor_noise, sha256_of

RENDER_WH = (480, 360)  # about half the pixels of the clip: render time matters more than sharpness
CLIP_WH = (640, 480)
MARGIN_PX, FEATHER_PX = 30, 22  # room for shadows around what moves, and how softly the patch is laid in


def shots() -> list[Shot]:
    """Return the clip's timetable, one Shot per frame."""
    return timetable({name: path.end_m for name, path in PATHS.items()})


class Studio:
    """Renders shots that are not on disk yet."""

    def __init__(self, models: Path, folder: Path, samples: int) -> None:
        """Build the stage; `folder` keeps one .npz (picture, box) per different shot."""
        scene = reset_scene()
        set_up_cycles(scene, RENDER_WH, samples)
        self._stage = Stage(scene, models)
        self._view = View(scene, folder / "work")
        self._folder = folder

    def draw(self, shot: Shot) -> None:
        """Render one shot, unless its file is there already."""
        target = self._folder / f"{shot.key}.npz"
        if target.is_file():
            return
        if not shot.actor:
            self._stage.set_up(shot)
            picture, _ = self._view.render()
            np.savez(target, picture=picture)
            return
        empty = Shot(shot.door)
        self.draw(empty)
        background = np.load(self._folder / f"{empty.key}.npz")["picture"]
        things = self._stage.set_up(shot)
        region = self._view.region_of(things, MARGIN_PX)
        if region is None:
            np.savez(target, picture=background)
            return
        patch, mask = self._view.render(region)
        seen = sight(shot.actor, mask, INDEX[shot.actor], self._view.project(things[0]))
        picture = paste(background, patch, region, FEATHER_PX)
        box = np.zeros(0) if seen.box is None else np.array(seen.box)
        np.savez(target, picture=picture, box=box, fully=seen.fully)


def in_order_of_need(timeline: list[Shot]) -> list[Shot]:
    """Return the different shots so that a stop at any time leaves an evenly spread set."""
    order: dict[str, Shot] = {}
    for step, start in ((4, 0), (4, 2), (2, 1)):
        for shot in timeline[start::step]:
            order.setdefault(shot.key, shot)
    return list(order.values())


def nearest_done(timeline: list[Shot], folder: Path) -> list[Path]:
    """Return for each frame the file of its own shot, or of the nearest frame that has one."""
    files = [folder / f"{shot.key}.npz" for shot in timeline]
    done = [number for number, file in enumerate(files) if file.is_file()]
    if not done:
        raise FileNotFoundError(f"no rendered pictures in {folder}; run without --encode-only first")
    return [files[min(done, key=lambda n, i=i: abs(n - i))] for i in range(len(files))]  # type: ignore[misc]  # mypy cannot type the bound default


def read_sight(shot: Shot, file: Path) -> Sight | None:
    """Return what the shot's picture shows of its vehicle."""
    if not shot.actor:
        return None
    with np.load(file) as saved:
        if "box" not in saved or saved["box"].size == 0:
            return Sight(shot.actor, None, fully=False)
        x0, y0, x1, y1 = (float(v) for v in saved["box"])
        return Sight(shot.actor, (x0, y0, x1, y1), fully=bool(saved["fully"]))


def pictures(files: list[Path], seed: int = 7) -> Iterator[NDArray[np.uint8]]:
    """Yield the clip's frames: enlarged, with noise that differs from frame to frame."""
    rng = np.random.default_rng(seed)
    for file in files:
        with np.load(file) as saved:
            yield sensor_noise(enlarge(saved["picture"], CLIP_WH), rng)


def one_row_per_line(description: dict[str, object]) -> str:
    """Return JSON with each list on lines of its own rows, so that a change reads well in a diff."""
    lines = []
    for key, value in description.items():
        text = json.dumps(value)
        if isinstance(value, list):
            text = "[\n  " + ",\n  ".join(json.dumps(row) for row in value) + "\n ]"
        lines.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def write_clip(timeline: list[Shot], out: Path) -> Path:
    """Encode what is rendered, and describe it. Returns the clip's path."""
    files = nearest_done(timeline, out / "frames")
    clip = out / "elevator.mp4"
    count = encode(pictures(files), clip, CLIP_WH, FPS)
    sights = [read_sight(shot, file) for shot, file in zip(timeline, files, strict=True)]
    description: dict[str, object] = {
        "file": clip.name,
        "sha256": sha256_of(clip),
        "fps": FPS,
        "frames": count,
        "duration_s": round(count / FPS, 3),
        "width": CLIP_WH[0],
        "height": CLIP_WH[1],
        "intervals": intervals(sights, FPS),
        "boxes_are": "x0, y0, x1, y1 as shares of width and height; fully: whole vehicle in view",
        "boxes": as_rows(sights),
    }
    (out / "elevator.json").write_text(one_row_per_line(description), encoding="utf-8")
    return clip


def main() -> int:
    """Parse arguments, render what is missing, encode."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--models", type=Path, required=True, help="folder with emoped_01.glb and wheelchair_02.glb"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for elevator.mp4, elevator.json and frames/"
    )
    parser.add_argument("--samples", type=int, default=6, help="light paths per pixel (default 6)")
    parser.add_argument("--encode-only", action="store_true", help="encode the pictures rendered so far")
    args = parser.parse_args()
    timeline = shots()
    frames = args.out / "frames"
    frames.mkdir(parents=True, exist_ok=True)
    if not args.encode_only:
        try:
            studio = Studio(args.models, frames, args.samples)
        except (RenderSetupError, FileNotFoundError) as error:
            print(error, file=sys.stderr)
            return 2
        todo = in_order_of_need(timeline)
        for number, shot in enumerate(todo, 1):
            studio.draw(shot)
            print(f"{number}/{len(todo)} {shot.key}", flush=True)
    print(write_clip(timeline, args.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
