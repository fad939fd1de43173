"""Averages the weights of two runs that share a start: often better than either (Wortsman et al., ICML 2022).

``python -m models.soup one.pt two.pt OUT.pt --share 0.5``. Needs the ``train`` extra. Both must be of one
architecture, and one must have been trained on from the other or from the same start.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from vision.errors import ConfigError, LiftguardError


def mix(one: dict[str, Any], two: dict[str, Any], share: float) -> dict[str, Any]:
    """State dict with ``share`` of ``two``; counters (whole numbers) are taken from ``two``.

    Raises: ConfigError if the keys or shapes differ, or ``share`` is not within 0 to 1.
    """
    if not 0 <= share <= 1:
        raise ConfigError(f"share {share} must lie within 0 to 1")
    if one.keys() != two.keys() or any(one[k].shape != two[k].shape for k in one):
        raise ConfigError("the two runs have different architectures; average runs of one model only")
    return {
        k: (1 - share) * one[k] + share * two[k] if two[k].dtype.is_floating_point else two[k] for k in two
    }


def soup(one: Path, two: Path, out: Path, share: float) -> None:
    """Write the average of two checkpoints. Raises: LiftguardError without the train extra, ConfigError."""
    try:
        import torch
    except ImportError as exc:
        raise LiftguardError(
            "averaging needs torch, which is not installed; missing extra train: "
            "try `pip install 'liftguard[train]'`"
        ) from exc
    checkpoints = [torch.load(p, map_location="cpu", weights_only=False) for p in (one, two)]
    first, second = ((c.get("ema") or c["model"]).float() for c in checkpoints)
    second.load_state_dict(mix(first.state_dict(), second.state_dict(), share))
    torch.save({**checkpoints[1], "model": second, "ema": None, "optimizer": None}, out)


def main() -> None:
    """Command line, see the module's docstring."""
    parser = argparse.ArgumentParser(description="Average the weights of two runs.")
    parser.add_argument("one", type=Path)
    parser.add_argument("two", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--share", type=float, default=0.5, help="of the second run")
    args = parser.parse_args()
    try:
        soup(args.one, args.two, args.out, args.share)
    except LiftguardError as exc:
        raise SystemExit(f"error: {exc}") from exc


if __name__ == "__main__":
    main()
