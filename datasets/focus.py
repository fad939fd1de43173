"""Picks a smaller training list from a built set, weighted towards what a short last run should dwell on.

``python -m datasets.focus SET OUT.yaml`` writes OUT.yaml and OUT.txt: all ceiling frames, pasted ceiling
e-bikes and renders, and a share of everything else, so that the last run fits the ceiling camera and forgets
nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

SHARES: Mapping[str, float] = {
    "cctv_": 1.0,
    "paste_cctv_": 1.0,
    "render_": 1.0,
    "paste_e_bike_top_": 0.8,
    "paste_stroller_top_": 0.5,
    "paste_wheelchair_top_": 0.5,
    "paste_bicycle_top_": 0.4,
    "wheelchair_dd": 0.8,
    "": 0.2,
}
"""Share of the training pictures kept, by the start of their name; the first that fits counts."""


def pick(names: Iterable[str], seed: int, shares: Mapping[str, float] = SHARES) -> list[str]:
    """Names kept, in order. One seed gives one list."""
    rng = np.random.default_rng(seed)
    return [
        name
        for name in sorted(names)
        if rng.random() < next(share for start, share in shares.items() if name.startswith(start))
    ]


def main() -> None:
    """Command line, see the module's docstring."""
    parser = argparse.ArgumentParser(description="Pick a list weighted towards the ceiling camera.")
    parser.add_argument("set", type=Path, help="folder written by datasets.build")
    parser.add_argument("out", type=Path, help="YAML to write; the list goes beside it")
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    folder = args.set.resolve() / "train/images"
    chosen = pick((p.name for p in folder.glob("*.jpg")), args.seed)
    listing = args.out.resolve().with_suffix(".txt")
    listing.write_text("".join(f"{folder / name}\n" for name in chosen))
    lines = (args.set / "data.yaml").read_text().splitlines()
    start, end = lines.index("train:"), lines.index("val:")
    args.out.write_text("\n".join([*lines[:start], f"train: {listing}", *lines[end:]]) + "\n")
    print(f"{len(chosen)} pictures")


if __name__ == "__main__":
    main()
