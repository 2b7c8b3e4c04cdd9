"""The mean absolute difference: pixels that are quite wrong count no more than they are off."""

from __future__ import annotations

from torch import Tensor

from dipcli.fitting.losses.base import Loss, Target


class L1(Loss):
    def __call__(self, seen: Tensor, target: Target) -> Tensor:
        return target.mean((seen - target.values).abs())
