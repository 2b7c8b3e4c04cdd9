"""The mean squared difference: the negative log likelihood of white Gaussian noise."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from dipcli.fitting.losses.base import Loss, Target


class Mse(Loss):
    def __call__(self, seen: Tensor, target: Target) -> Tensor:
        if target.known is None:
            return F.mse_loss(seen, target.values)
        return target.mean((seen - target.values).square())
