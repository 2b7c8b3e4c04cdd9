"""The mean squared difference: the negative log likelihood of white Gaussian noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dipcli.fitting.losses.base import Loss, Target
from dipcli.lazy import functional as F  # noqa: N812

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Mse(Loss):
    """Mean squared difference: for white Gaussian noise"""

    name: ClassVar[str] = "mse"

    def __call__(self, output: Tensor, target: Target) -> Tensor:
        if target.known is None:
            return F.mse_loss(output, target.values)
        return target.mean((output - target.values).square())
