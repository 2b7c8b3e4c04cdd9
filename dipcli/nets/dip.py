"""`dip`: the hourglass of the deep image prior."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from dipcli.nets.architecture import NORMS, Architecture, NetworkSettings, Size
from dipcli.nets.cost import Layer, upsampling

if TYPE_CHECKING:
    from torch import nn


class Dip(Architecture):
    """Hourglass with skip connections, of the deep image prior (Ulyanov and others, 2018)."""

    name: ClassVar[str] = "dip"
    preset: ClassVar[str] = "ulyanov"
    spatial: ClassVar[bool] = True
    levelled: ClassVar[bool] = True

    def build(self, network: NetworkSettings, channels: int, size: Size) -> nn.Module:
        from dipcli.nets.hourglass import hourglass

        return hourglass(network, channels)

    def layers(
        self, network: NetworkSettings, channels: int, size: Size, batch: int
    ) -> Iterator[Layer]:
        pixels = [math.prod(s) for s in network.sizes(size)]
        widths, norm = network.levels("width"), NORMS[network.norm]
        entering = network.entering(channels)
        for level, (here, below) in enumerate(pairwise(pixels)):
            width, skip, kernel = network.level(level, "width", "skip", "kernel")
            deeper = widths[level + 1] if level + 1 < network.depth else width
            if skip:
                yield Layer(entering, skip, 1, here, skip * (1 + norm))
            yield Layer(entering, width, kernel, below, width * (1 + norm))
            yield Layer(width, width, kernel, below, width * (1 + norm))
            yield from upsampling(network, level, deeper, below)
            joined = skip + deeper
            yield Layer(joined, width, kernel, here, width * (1 + norm) + joined * norm)
            yield Layer(width, width, 1, here, width * (1 + norm))
            entering = width
        yield Layer(widths[0], channels, 1, pixels[0], channels)
