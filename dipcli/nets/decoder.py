"""`decoder`: of Shi, Mettes, Maji and Snoek (IJCV 2022)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from dipcli.nets.architecture import NORMS, Architecture, NetworkSettings, Size
from dipcli.nets.cost import Layer, upsampling

if TYPE_CHECKING:
    from torch import nn


class Decoder(Architecture):
    """Convolutions between upsamplings, without encoder and skips (Shi and others, 2022)."""

    name: ClassVar[str] = "decoder"
    preset: ClassVar[str] = "shi"
    spatial: ClassVar[bool] = True
    levelled: ClassVar[bool] = True
    grows: ClassVar[bool] = True

    def build(self, network: NetworkSettings, channels: int, size: Size) -> nn.Module:
        from dipcli.nets.decoders import decoder

        return decoder(network, channels)

    def layers(
        self, network: NetworkSettings, channels: int, size: Size, batch: int
    ) -> Iterator[Layer]:
        pixels = [math.prod(s) for s in network.sizes(size)]
        norm, before = NORMS[network.norm], network.entering(channels)
        for level in reversed(range(network.depth)):
            width, kernel = network.level(level, "width", "kernel")
            if level == network.depth - 1:
                yield Layer(before, width, kernel, pixels[-1], width * (1 + norm))
                yield Layer(width, width, kernel, pixels[-1], width * (1 + norm))
                before = width
            yield from upsampling(network, level, before, pixels[level + 1])
            yield Layer(before, width, kernel, pixels[level], width * (1 + norm))
            yield Layer(width, width, kernel, pixels[level], width * (1 + norm))
            before = width
        yield Layer(before, channels, 1, pixels[0], channels)
