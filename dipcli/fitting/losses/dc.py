"""Distributional consistency (Webber and Reader, ICLR 2026), of noise that is clipped to [0, 1].

Not "is each pixel met?", but "could these all be noise of that sigma?": where the image is right,
the quantiles of the noise at the pixels are spread evenly. There is nothing to gain from fitting
the noise itself, and so there is less need to stop.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dipcli.fitting.losses.base import Loss, Target
from dipcli.fitting.losses.words import GRAY_LEVELS

RAMP = 1e-3  # what is clipped to 0 or 1 counts as spread over so much beside it
CLAMP = 1e-4  # quantiles nearer to 0 or 1 have the logarithm of a Gaussian's tail
LOG_ROOT = 0.5 * math.log(2 * math.pi)


class Dc(Loss):
    """The distance (W1) of the quantiles' logits from the logistic distribution."""

    def __init__(self, sigma: float) -> None:
        self.sigma = sigma / GRAY_LEVELS

    def __call__(self, seen: Tensor, target: Target) -> Tensor:
        logits = quantile_logits(
            target.picked(seen), target.picked(target.values), self.sigma
        ).sort()[0]
        n = len(logits)
        even = (torch.arange(n, device=logits.device, dtype=torch.float64) + 0.5) / n
        return (logits - torch.logit(even).to(logits.dtype)).abs().mean()


def quantile_logits(q: Tensor, y: Tensor, sigma: float) -> Tensor:
    """logit P(noisy <= y) where the image is q; beyond CLAMP by the tail, or gradients die."""
    y = y.clamp(0, 1)
    y = torch.where(y == 0, RAMP / 2, torch.where(y == 1, 1 - RAMP / 2, y))
    z = (y - q) / sigma
    low, high = (torch.special.ndtr((end - q) / sigma) for end in (RAMP, 1 - RAMP))
    s = torch.special.ndtr(z)
    s = torch.where(y < RAMP, y / RAMP * low, s)
    s = torch.where(y > 1 - RAMP, high + (y - (1 - RAMP)) / RAMP * (1 - high), s)
    tail = z.square() / 2 + z.abs().clamp(min=1e-12).log() + LOG_ROOT
    inside = torch.logit(s.clamp(CLAMP, 1 - CLAMP))
    return torch.where(s <= CLAMP, -tail, torch.where(s >= 1 - CLAMP, tail, inside))
