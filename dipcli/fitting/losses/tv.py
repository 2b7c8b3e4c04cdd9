"""DIP-TV (Liu, Sun, Xu and Kamilov, 2019): squared difference plus total variation."""

from __future__ import annotations

from dataclasses import dataclass

from dipcli.fitting.losses.base import Nudge, Target
from dipcli.fitting.losses.pointwise import Mse
from dipcli.lazy import Tensor
from dipcli.spec import value


@dataclass(frozen=True)
class Tv(Mse):
    """mse plus W times the total variation of the network's image

    The variation is that of the output itself, whatever the task compares; known pixels or not.
    """

    name = "tv"
    needs_whole_image = True
    weight: float = value(0, above=True, label="W")

    def extra(self, output: Tensor, target: Target, nudge: Nudge) -> Tensor:
        return self.weight * total_variation(output)


def total_variation(image: Tensor) -> Tensor:
    """The mean over all numbers of |step down| + |step right|: anisotropic, equal at any size."""
    down = (image[..., 1:, :] - image[..., :-1, :]).abs().sum()
    right = (image[..., 1:] - image[..., :-1]).abs().sum()
    return (down + right) / image.numel()
