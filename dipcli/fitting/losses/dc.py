"""Distributional consistency (Webber and Reader, ICLR 2026), of noise that is clipped to [0, 1].

It asks whether all residuals together are distributed as noise of that sigma: where the image is
right, their quantiles are spread evenly. Fitting the noise itself gains nothing, so there is less
need to stop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from dipcli.fitting.losses.base import GRAY_LEVELS, Loss, Target
from dipcli.lazy import Tensor, torch
from dipcli.spec import value

RAMP = 1e-3  # values clipped to 0 or 1 count as spread over an interval of this width
CLAMP = 1e-4  # quantiles nearer to 0 or 1 have the logarithm of a Gaussian's tail
LOG_ROOT = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class Dc(Loss):
    """Residual distributed as Gaussian noise of SIGMA/255

    It is the distance (W1) of the logits of the quantiles from the logistic distribution.
    """

    name = "dc"
    needs_whole_image = True
    of_values = True
    sigma: float = value(0, above=True)

    def __call__(self, output: Tensor, target: Target) -> Tensor:
        logits = quantile_logits(
            target.picked(output), target.picked(target.values), self.sigma / GRAY_LEVELS
        ).sort()[0]
        n = len(logits)
        even = (torch.arange(n, device=logits.device, dtype=torch.float64) + 0.5) / n
        return (logits - torch.logit(even).to(logits.dtype)).abs().mean()


def quantile_logits(q: Tensor, y: Tensor, sigma: float) -> Tensor:
    """logit P(noisy <= y) where the image is q; beyond CLAMP by the tail, or gradients vanish."""
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
