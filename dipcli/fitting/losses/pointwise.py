"""Losses that compare each number of the output with that of the target."""

from __future__ import annotations

from dipcli.fitting.losses.base import Loss, Target
from dipcli.lazy import Tensor
from dipcli.lazy import functional as F  # noqa: N812

DELTA = 0.05  # 13/255: below it huber counts differences as mse does, beyond as l1
DARK = 1e-3  # of full scale, a quarter of a gray level: poisson's, for the logarithm of 0


class Mse(Loss):
    """Mean squared difference: for white Gaussian noise

    It is the negative log likelihood of such noise.
    """

    name = "mse"

    def __call__(self, output: Tensor, target: Target) -> Tensor:
        if target.known is None:
            return F.mse_loss(output, target.values)
        return target.mean((output - target.values).square())


class L1(Loss):
    """Mean absolute difference: for outliers and impulse noise

    A pixel that is far off counts no more than it is off.
    """

    name = "l1"

    def __call__(self, output: Tensor, target: Target) -> Tensor:
        return target.mean((output - target.values).abs())


class Huber(Loss):
    """Squares of differences below 0.05, absolute values of larger ones

    It is twice the usual loss (Huber 1964): below DELTA it is the squared difference itself.
    """

    name = "huber"

    def __call__(self, output: Tensor, target: Target) -> Tensor:
        return target.mean(2 * F.huber_loss(output, target.values, reduction="none", delta=DELTA))


class Poisson(Loss):
    """Likelihood of photon counts

    q - y + y log(y / q), which is 0 where the rate q is the target y. With P photons at full scale
    the negative log likelihood is P times that, plus a term that does not depend on the image. P
    does not move the minimum, so nobody has to know it.
    """

    name = "poisson"
    of_values = True

    def __call__(self, output: Tensor, target: Target) -> Tensor:
        q, y = (x.clamp(min=0) + DARK for x in (output, target.values))
        return target.mean(q - y + y * (y / q).log())
