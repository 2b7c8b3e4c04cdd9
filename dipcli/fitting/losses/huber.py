"""Huber's loss (1964): squares of small differences, and of large ones what continues them."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from dipcli.fitting.losses.base import Loss, Target

DELTA = 0.05  # 13/255: below it differences count as in mse, beyond as in l1


class Huber(Loss):
    """Twice the usual one, so that below DELTA it is the squared difference itself."""

    def __call__(self, seen: Tensor, target: Target) -> Tensor:
        return target.mean(2 * F.huber_loss(seen, target.values, reduction="none", delta=DELTA))
