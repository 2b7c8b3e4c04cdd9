"""Huber's loss (1964): squares of small differences, straight lines beyond."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dipcli.fitting.losses.base import Loss, Target
from dipcli.lazy import functional as F  # noqa: N812

if TYPE_CHECKING:
    from torch import Tensor

DELTA = 0.05  # 13/255: below it differences count as in mse, beyond as in l1


@dataclass(frozen=True)
class Huber(Loss):
    """Squares of differences below 0.05, absolute values of larger ones

    It is twice the usual loss, so that below DELTA it is the squared difference itself.
    """

    name: ClassVar[str] = "huber"

    def __call__(self, output: Tensor, target: Target) -> Tensor:
        return target.mean(2 * F.huber_loss(output, target.values, reduction="none", delta=DELTA))
