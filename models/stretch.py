"""Training batches stretched along one axis: cameras of other lenses and angles see the same thing so.

A detector that had seen pictures turned, cut and scaled but never stretched let a real e-bike fall from 0.47
to 0.18 when the picture lost a tenth of its height (models/runs.md, fifteenth round).
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

Rng: TypeAlias = np.random.Generator


def stretched_hw(size_hw: tuple[int, int], stride: int, share: float, rng: Rng) -> tuple[int, int]:
    """Height and width, pixels, in whole strides, after one of them changed by up to ``share``.

    Args: size_hw: in whole strides. share: 0.2 is a fifth shorter to a fifth longer, each as likely.
    """
    axis = int(rng.integers(2))
    longer = 1 + rng.uniform(-share, share)
    new = max(stride, round(size_hw[axis] * longer / stride) * stride)
    return (new, size_hw[1]) if axis == 0 else (size_hw[0], new)


def stretched(images: Any, stride: int, share: float, rng: Rng) -> Any:
    """A batch (N, 3, H, W) of torch, bilinearly. Boxes given as shares of the picture stay true."""
    wanted = stretched_hw((int(images.shape[2]), int(images.shape[3])), stride, share, rng)
    if wanted == tuple(images.shape[2:]):
        return images
    import torch  # of the train extra, which the tests do without

    return torch.nn.functional.interpolate(images, size=wanted, mode="bilinear", align_corners=False)


def stretching(preprocess_batch: Any, share: float, seed: int) -> Any:
    """An ultralytics trainer's ``preprocess_batch`` with a stretch after it."""
    rng = np.random.default_rng(seed)

    def preprocessed(self: Any, batch: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = preprocess_batch(self, batch)
        made["img"] = stretched(made["img"], int(self.stride), share, rng)
        return made

    return preprocessed
