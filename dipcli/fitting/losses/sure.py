"""Stein's unbiased estimate of the error to the clean image, of a network that denoises its input.

As in Jo, Chun and Choi (ICCV 2021), but the divergence comes from a small change of the input
(Ramani, Blu and Unser 2008) in place of a second derivative, which the layers do not have.
"""

from __future__ import annotations

from torch import Tensor

from dipcli.fitting.losses.base import Nudge, Target
from dipcli.fitting.losses.mse import Mse
from dipcli.fitting.losses.words import GRAY_LEVELS

STEP = 1e-3  # of the input, on [0, 1]: small against noise, large against rounding


class Sure(Mse):
    """The squared difference + 2 sigma^2 divergence - sigma^2, per known number."""

    def __init__(self, sigma: float) -> None:
        self.variance = (sigma / GRAY_LEVELS) ** 2

    def more(self, output: Tensor, target: Target, nudge: Nudge) -> Tensor:
        return self.variance * (2 * divergence(output, nudge) / target.count - 1)


def divergence(output: Tensor, nudge: Nudge) -> Tensor:
    """The sum over pixels of how much each output follows its own input; from one direction."""
    direction, nudged = nudge(STEP)
    return (direction * (nudged - output)).sum() / STEP
