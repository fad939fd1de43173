"""Training pictures with the colours and textures of one another: amplitude mixing (Xu et al., CVPR 2021).

What a thing is lies in the phases of a picture's spectrum, how a camera and its light show it in the
amplitudes ("A Fourier-based Framework for Domain Generalization", arXiv 2105.11120). Mixing the amplitudes of
two pictures keeps every thing in its place, so that the boxes stay true.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np

Rng: TypeAlias = np.random.Generator

MOST: Final = 0.5
"""Of another's amplitudes. With more, pictures of a sheet could no longer be told by eye."""


def partners(count: int, share: float, rng: Rng) -> tuple[list[int], list[float]]:
    """Whose amplitudes each of ``count`` pictures takes, and how much of them.

    Returns: an index for each picture, and 0 to `MOST` (0 for about ``1 - share``: as they are).
    """
    mixed = rng.random(count) < share
    return rng.permutation(count).tolist(), (MOST * rng.random(count) * mixed).tolist()


def mixed_amplitudes(images: Any, share: float, rng: Rng) -> Any:
    """A batch (N, 3, H, W) of torch, float, 0 to 1, of which ``share`` have some of another's amplitudes."""
    others, much = partners(len(images), share, rng)
    chosen = [i for i, m in enumerate(much) if m > 0]
    if not chosen:
        return images
    import torch  # of the train extra, which the tests do without

    size = images.shape[-2:]
    spectrum = torch.fft.rfft2(images)
    own = spectrum[chosen].abs()
    how_much = torch.tensor([much[i] for i in chosen], dtype=own.dtype).view(-1, 1, 1, 1)
    wanted = torch.lerp(own, spectrum[[others[i] for i in chosen]].abs(), how_much)
    out = images.clone()
    # as a factor of the spectrum, since that needs no angles; 1e-6 is far below what can be seen
    made = torch.fft.irfft2(spectrum[chosen] * (wanted / own.clamp(min=1e-6)), s=size)
    out[chosen] = made.clamp(0, 1).to(images.dtype)
    return out


def mixing_amplitudes(preprocess_batch: Any, share: float, seed: int) -> Any:
    """An ultralytics trainer's ``preprocess_batch`` with amplitude mixing after it."""
    rng = np.random.default_rng(seed)

    def preprocessed(self: Any, batch: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = preprocess_batch(self, batch)
        made["img"] = mixed_amplitudes(made["img"], share, rng)
        return made

    return preprocessed
