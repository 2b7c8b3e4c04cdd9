"""`deep-decoder`: of Heckel and Hand (ICLR 2019).

The sizes of its levels are those of Heckel and Soltanolkotabi (ICML 2020), who make any size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from dipcli.nets.architecture import NORMS, Architecture, NetworkSettings, Size
from dipcli.nets.cost import Layer, upsampling

if TYPE_CHECKING:
    from torch import nn


class DeepDecoder(Architecture):
    """1 x 1 convolutions between upsamplings: few parameters (Heckel and Hand, 2019)."""

    name: ClassVar[str] = "deep-decoder"
    preset: ClassVar[str] = "heckel"
    levelled: ClassVar[bool] = True
    grows: ClassVar[bool] = True
    stretches: ClassVar[bool] = True

    def own_channels(self, network: NetworkSettings, channels: int) -> int:
        return int(network.levels("width")[-1])

    def build(self, network: NetworkSettings, channels: int, size: Size) -> nn.Module:
        from dipcli.nets.decoders import deep_decoder

        return deep_decoder(network, channels, size)

    def layers(
        self, network: NetworkSettings, channels: int, size: Size, batch: int
    ) -> Iterator[Layer]:
        pixels = [math.prod(s) for s in network.sizes(size)]
        norm, before = NORMS[network.norm], network.entering(channels)
        for level in reversed(range(network.depth)):
            (width,) = network.level(level, "width")
            yield Layer(before, width, 1, pixels[level + 1], 0)
            yield from upsampling(network, level, width, pixels[level + 1])
            yield Layer(width, width, 0, pixels[level], width * norm)
            before = width
        yield Layer(before, before, 1, pixels[0], before * norm)
        yield Layer(before, channels, 1, pixels[0], 0)
