"""`conv-decoder`: of Darestani and Heckel (IEEE TCI 2021)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from dipcli.nets.architecture import NORMS, NetworkSettings, Size
from dipcli.nets.cost import Layer, upsampling
from dipcli.nets.deep_decoder import DeepDecoder

if TYPE_CHECKING:
    from torch import nn


class ConvDecoder(DeepDecoder):
    """Deep decoder with 3 x 3 convolutions (Darestani and Heckel, 2021)."""

    name: ClassVar[str] = "conv-decoder"
    spatial: ClassVar[bool] = True

    def build(self, network: NetworkSettings, channels: int, size: Size) -> nn.Module:
        from dipcli.nets.decoders import conv_decoder

        return conv_decoder(network, channels, size)

    def layers(
        self, network: NetworkSettings, channels: int, size: Size, batch: int
    ) -> Iterator[Layer]:
        pixels = [math.prod(s) for s in network.sizes(size)]
        norm, before = NORMS[network.norm], network.entering(channels)
        for level in reversed(range(network.depth)):
            width, kernel = network.level(level, "width", "kernel")
            yield from upsampling(network, level, before, pixels[level + 1])
            yield Layer(before, width, kernel, pixels[level], width * norm)
            before = width
        yield Layer(before, before, network.levels("kernel")[0], pixels[0], before * norm)
        yield Layer(before, channels, 1, pixels[0], 0)
