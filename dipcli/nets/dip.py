"""`dip`: the hourglass of the deep image prior."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import ClassVar

from dipcli.nets.architecture import NORMS, Architecture, NetworkSettings
from dipcli.nets.cost import Layer, upsampling


class Dip(Architecture):
    """Hourglass with skip connections, of the deep image prior (Ulyanov and others, 2018)."""

    name: ClassVar[str] = "dip"
    builder: ClassVar[str] = "dipcli.nets.hourglass:hourglass"
    preset: ClassVar[str] = "ulyanov"
    spatial: ClassVar[bool] = True
    levelled: ClassVar[bool] = True
    volumes: ClassVar[bool] = True

    def layers(self, network: NetworkSettings, channels: int, pixels: list[int]) -> Iterator[Layer]:
        widths, norm = network.levels("width"), NORMS[network.norm]
        entering = network.entering(channels)
        for level, (here, below) in enumerate(pairwise(pixels)):
            width, skip, kernel = network.level(level, "width", "skip", "kernel")
            deeper = widths[min(level + 1, network.depth - 1)]
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
