"""DIP-TV (Liu, Sun, Xu and Kamilov, 2019): the squared difference, and the total variation."""

from __future__ import annotations

from torch import Tensor

from dipcli.fitting.losses.base import Nudge, Target
from dipcli.fitting.losses.mse import Mse


class Tv(Mse):
    """Of the output itself, whatever the task sees of it; known or not."""

    def __init__(self, weight: float) -> None:
        self.weight = weight

    def more(self, output: Tensor, target: Target, nudge: Nudge) -> Tensor:
        return self.weight * total_variation(output)


def total_variation(image: Tensor) -> Tensor:
    """The mean over all numbers of |step down| + |step right|: anisotropic, any size alike."""
    down = (image[..., 1:, :] - image[..., :-1, :]).abs().sum()
    right = (image[..., 1:] - image[..., :-1]).abs().sum()
    return (down + right) / image.numel()
