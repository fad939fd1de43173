"""More looks at the validation pictures: cuts, turns, far views, and what a recorder makes of them.

Seven ceiling frames with an e-bike cannot choose between detectors. Their views are not new pictures, and
figures on them are no test of anything new; but they tell two detectors apart that both call all seven.

``python -m datasets.held_views SET OUT`` reads SET/val/<name>/ and writes OUT/<name>/, to be given to
``liftguard model eval``. Real pictures: never commit them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from datasets.boxes import Sample
from datasets.composite import Rng, distant, view
from datasets.faults import recorded
from datasets.folder import read_folder, write_all
from datasets.stock import CEILING, has_class
from datasets.unsure import largest, worth_learning
from vision.errors import ConfigError
from vision.types import E_BIKE

VIEWS = 3
"""Of a picture without an e-bike."""
VIEWS_E_BIKE = 8
VIEWS_CEILING = 16
"""Of one with an e-bike, at eye level and under the ceiling, where there are fewest."""
FAR_SHARE = 0.2
RECORDED_SHARE = 0.5
"""Of the views: from far away; as a recorder stores them. Ours."""


def views_of(name: str, sample: Sample, rng: Rng) -> Iterator[Sample]:
    """Looks at one picture of the set ``name``; without those on which its e-bike is a speck or outside."""
    has_bike = has_class(sample, E_BIKE)
    count = VIEWS if not has_bike else VIEWS_CEILING if name == CEILING else VIEWS_E_BIKE
    for i in range(count):
        own = f"{sample.name}_h{i}"
        far = rng.random() < FAR_SHARE
        seen = distant(sample, rng, own) if far else view(sample, rng, own, 10.0, E_BIKE)
        if rng.random() < RECORDED_SHARE:
            seen = replace(seen, image=recorded(seen.image, rng))
        bike = largest(seen, E_BIKE)
        if not has_bike or (bike is not None and worth_learning(seen, bike)):
            yield seen


def main() -> None:
    """Command line, see the module's docstring."""
    parser = argparse.ArgumentParser(description="Write more looks at a built set's validation pictures.")
    parser.add_argument("set", type=Path, help="folder written by datasets.build")
    parser.add_argument("out", type=Path, help="gets a folder for each validation set; must not be there")
    parser.add_argument("--seed", type=int, default=99)
    args = parser.parse_args()
    try:
        write(args.set / "val", args.out, args.seed)
    except (ConfigError, OSError, ValueError) as exc:
        raise SystemExit(f"error: {exc}") from exc


def write(val: Path, out: Path, seed: int) -> None:
    """All views of all sets below ``val``. Raises: ConfigError if there are none, or ``out`` is in use."""
    folders = sorted(folder for folder in val.glob("*") if (folder / "images").is_dir())
    if not folders:
        raise ConfigError(f"{val}: no folder with images/; name a set that datasets.build wrote")
    if out.exists() and any(out.iterdir()):
        raise ConfigError(
            f"{out}: not empty; views of another seed would mix with these, name another folder"
        )
    for folder in folders:
        rng = np.random.default_rng((seed, *folder.name.encode()))
        samples = read_folder(folder, folder.name)
        print(
            folder.name,
            write_all(out / folder.name, (v for s in samples for v in views_of(folder.name, s, rng))),
        )


if __name__ == "__main__":
    main()
