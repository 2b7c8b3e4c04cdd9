"""Counts of photons: the negative log likelihood of the target, if the image is their rate.

With P photons at full scale it is P times what is computed here, up to what does not depend on
the image: where the least loss is, P does not matter, and nobody has to know it.
"""

from __future__ import annotations

from torch import Tensor

from dipcli.fitting.losses.base import Loss, Target

DARK = 1e-3  # of full scale, a quarter of a gray level: added to both, for the logarithm of 0


class Poisson(Loss):
    """q - y + y log(y / q), which is 0 where the rate q is the target y."""

    def __call__(self, seen: Tensor, target: Target) -> Tensor:
        q, y = (x.clamp(min=0) + DARK for x in (seen, target.values))
        return target.mean(q - y + y * (y / q).log())
