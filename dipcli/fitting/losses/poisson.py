"""Photon counts: the negative log likelihood of the target, if the image is their rate.

With P photons at full scale it is P times what is computed here, plus a term that does not depend
on the image. P does not move the minimum, so nobody has to know it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dipcli.fitting.losses.base import Loss, Target

if TYPE_CHECKING:
    from torch import Tensor

DARK = 1e-3  # of full scale, a quarter of a gray level: added to both, for the logarithm of 0


@dataclass(frozen=True)
class Poisson(Loss):
    """Likelihood of photon counts

    q - y + y log(y / q), which is 0 where the rate q is the target y.
    """

    name: ClassVar[str] = "poisson"

    def __call__(self, output: Tensor, target: Target) -> Tensor:
        q, y = (x.clamp(min=0) + DARK for x in (output, target.values))
        return target.mean(q - y + y * (y / q).log())
