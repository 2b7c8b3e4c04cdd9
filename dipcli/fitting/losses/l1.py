"""The mean absolute difference: a pixel that is far off counts no more than it is off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dipcli.fitting.losses.base import Loss, Target

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class L1(Loss):
    """Mean absolute difference: for outliers and impulse noise"""

    name: ClassVar[str] = "l1"

    def __call__(self, output: Tensor, target: Target) -> Tensor:
        return target.mean((output - target.values).abs())
