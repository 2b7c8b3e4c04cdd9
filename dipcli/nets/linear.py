"""`linear`: DIP-Linear of Chakrabarty and Maji (2019).

They made it to show that the bias of the hourglass comes from its convolutions: without them the
output is as rough as the noise, and nothing is denoised.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from dipcli.nets.architecture import Architecture, NetworkSettings, Size
from dipcli.nets.cost import Layer

if TYPE_CHECKING:
    from torch import nn


class Linear(Architecture):
    """Hourglass with fully connected layers in place of convolutions: a control experiment."""

    name: ClassVar[str] = "linear"
    preset: ClassVar[str] = "chakrabarty"
    convolutional: ClassVar[bool] = False
    flat: ClassVar[bool] = True
    exact: ClassVar[bool] = True  # each weight is used once, so rounding costs more than it saves

    def ends(self, network: NetworkSettings, channels: int, pixels: int) -> list[int]:
        """The widths between the layers, from the input to the image."""
        down = network.levels("width")
        hidden = [width for width in (*down, *reversed(down)) for _ in range(2)]
        return [network.entering(channels) * pixels, *hidden, channels * pixels]

    def build(self, network: NetworkSettings, channels: int, size: Size) -> nn.Module:
        from dipcli.nets import perceptron
        from dipcli.nets.activations import ACTIVATIONS

        ends = self.ends(network, channels, math.prod(size))
        return perceptron.Linear(ends, ACTIVATIONS.parse(network.activation))

    def layers(self, network: NetworkSettings, channels: int, pixels: list[int]) -> Iterator[Layer]:
        ends = self.ends(network, channels, pixels[0])
        yield from (Layer(a, b, 1, 1, b) for a, b in pairwise(ends))
