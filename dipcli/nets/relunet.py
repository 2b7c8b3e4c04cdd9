"""`relunet`: a network from the coordinates of a pixel to its colour (Chakrabarty and Maji)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from dipcli.nets.architecture import Architecture, NetworkSettings, Size
from dipcli.nets.cost import Layer

if TYPE_CHECKING:
    from torch import nn


class ReLUNet(Architecture):
    """Multilayer perceptron from pixel coordinates to colours; published: depth 10, width 256."""

    name: ClassVar[str] = "relunet"
    preset: ClassVar[str] = "chakrabarty"
    takes_image: ClassVar[bool] = False
    convolutional: ClassVar[bool] = False
    flat: ClassVar[bool] = True
    by_pixel: ClassVar[bool] = True
    exact: ClassVar[bool] = True  # beyond 256 pixels, bfloat16 rounds the coordinates of neighbours

    def entering(self, network: NetworkSettings, channels: int) -> int:
        return 2

    def ends(self, network: NetworkSettings, channels: int) -> list[int]:
        """The widths between the layers, from the coordinates to the colour."""
        return [2, *network.levels("width")[:-1], channels]

    def build(self, network: NetworkSettings, channels: int, size: Size) -> nn.Module:
        import torch

        from dipcli.nets import perceptron

        return perceptron.ReLUNet(self.ends(network, channels), torch.relu)

    def layers(self, network: NetworkSettings, channels: int, pixels: list[int]) -> Iterator[Layer]:
        ends = self.ends(network, channels)
        yield from (Layer(a, b, 1, pixels[0], b) for a, b in pairwise(ends))
