"""Render vehicles alone: ``python datasets/render/cutouts.py --models DIR --out DIR [--behind | --before]``.

Each picture is an RGBA cut-out ``<class>_<seed>_<number>.png``: from where a ceiling camera would be, to be
pasted into real cabin frames, or with ``--behind`` or ``--before`` as somebody who stands there sees them
(e-bikes, or what ``--only`` names), to be pasted beside people. The view is right, only the surface is not.
Most wheelchairs have a sitter.
Meshes of unknown licence are used too, so **the pictures are for training only, never shipped**.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run as a file: find this repository's folders

from datasets.render.blender import RenderSetupError, corner_camera, require_bpy, reset_scene, set_up_cycles
from datasets.render.cast import CLASS_IDS, Cast

SIZE_PX = 288
SHARES = {"stroller": 0.30, "wheelchair": 0.25, "e_bike": 0.25, "bicycle": 0.14, "kick_scooter": 0.06}
"""Share of the pictures per class: strollers and wheelchairs have the fewest real pictures from above."""


def aim(rng: np.random.Generator) -> tuple[tuple[float, float, float], float]:
    """Camera place (metres; the vehicle stands at the origin) and horizontal field of view in degrees.

    Height 2.1 to 2.8 m and 0.2 to 1.9 m to the side: from right above to the far corner of a common car.
    """
    away, where = rng.uniform(0.2, 1.9), rng.uniform(-math.pi, math.pi)
    at = (away * math.cos(where), away * math.sin(where), rng.uniform(2.1, 2.8))
    return at, float(rng.uniform(48, 62))


def aim_at_end(
    heading: float, rng: np.random.Generator, *, before: bool = False
) -> tuple[tuple[float, float, float], float]:
    """The same from behind or before a vehicle whose nose points to ``heading``.

    ``heading`` is in radians from +Y, anticlockwise. Height 1.0 to 1.9 m, 2.0 to 3.2 m away, up to 60 degrees
    aside: a phone, or a camera on a landing.
    """
    away, aside = rng.uniform(2.0, 3.2), math.radians(float(np.clip(rng.normal(0.0, 28.0), -60.0, 60.0)))
    where = heading + math.pi / 2 * (1 if before else -1) + aside
    return (away * math.cos(where), away * math.sin(where), rng.uniform(1.0, 1.9)), float(rng.uniform(38, 50))


def _lights(scene: Any, rng: np.random.Generator, sun: Any) -> None:
    """Flat light from all around and a soft lamp from above: no shadow falls outside the object."""
    world = scene.world
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (1.0, *(float(v) for v in rng.uniform(0.85, 1.0, 2)), 1.0)
    background.inputs["Strength"].default_value = float(rng.uniform(0.25, 0.9))
    sun.data.energy = float(rng.uniform(0.5, 3.0))
    sun.data.angle = math.radians(float(rng.uniform(10, 60)))
    tilt_x, tilt_y = (float(v) for v in rng.uniform(-0.7, 0.7, 2))
    sun.rotation_euler = (tilt_x, tilt_y, 0.0)


def main() -> int:
    """Render until `--count` cut-outs are in the folder; an interrupted run goes on where it stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", type=Path, required=True, help="folder with the meshes")
    parser.add_argument("--out", type=Path, required=True, help="gets the RGBA pictures")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--samples", type=int, default=8, help="light paths per pixel (default 8)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=SHARES, help="one class only")
    end = parser.add_mutually_exclusive_group()
    end.add_argument(
        "--behind", action="store_true", help="from behind at eye level; e-bikes unless --only names others"
    )
    end.add_argument("--before", action="store_true", help="the same from before")
    parser.add_argument(
        "--held-out", action="store_true", help="with --behind or --before: the e-bike kept for checks"
    )
    args = parser.parse_args()
    at_end = args.behind or args.before
    only = args.only or ("e_bike" if at_end else None)
    if args.held_out and not (at_end and only == "e_bike"):
        parser.error("--held-out goes with --behind or --before, for e-bikes")
    args.out.mkdir(parents=True, exist_ok=True)
    try:
        bpy = require_bpy()
        scene = reset_scene()
        set_up_cycles(scene, (SIZE_PX, SIZE_PX), args.samples)
        cast = Cast(args.models)
        if at_end:
            cast.split_e_bikes(held_out=args.held_out)
    except (RenderSetupError, FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    scene.render.film_transparent = True
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    sun = bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN"))
    scene.collection.objects.link(sun)
    for number in range(args.count):
        rng = np.random.default_rng((args.seed, number))
        kind = str(rng.choice(list(SHARES), p=list(SHARES.values())))
        kind = only or kind
        path = args.out / f"{kind}_{args.seed:02d}_{number:04d}.png"
        if path.is_file():
            continue
        heading = cast.show_alone(kind, rng)
        _lights(scene, rng, sun)
        if scene.camera is not None:
            bpy.data.objects.remove(scene.camera)
        at, hfov_deg = aim_at_end(heading, rng, before=args.before) if at_end else aim(rng)
        corner_camera(scene, at, (0.0, 0.0, 0.45), hfov_deg, float(rng.uniform(-12, 12)))
        scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True)
        print(path.name, CLASS_IDS[kind], flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
