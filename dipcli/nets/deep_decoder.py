"""`deep-decoder` of Heckel and Hand (ICLR 2019); `conv-decoder` of Darestani and Heckel (2021).

The sizes of their levels are those of Heckel and Soltanolkotabi (ICML 2020), who make any size.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from dipcli.nets.architecture import NORMS, Architecture, NetworkSettings
from dipcli.nets.cost import Layer, upsampling


class DeepDecoder(Architecture):
    """1 x 1 convolutions between upsamplings: few parameters (Heckel and Hand, 2019)."""

    name: ClassVar[str] = "deep-decoder"
    builder: ClassVar[str] = "dipcli.nets.decoders:deep_decoder"
    preset: ClassVar[str] = "heckel"
    levelled: ClassVar[bool] = True
    grows: ClassVar[bool] = True
    stretches: ClassVar[bool] = True

    def own_channels(self, network: NetworkSettings, channels: int) -> int:
        return int(network.levels("width")[-1])

    def layers(self, network: NetworkSettings, channels: int, pixels: list[int]) -> Iterator[Layer]:
        norm, before, kernel = NORMS[network.norm], network.entering(channels), 1
        for level in reversed(range(network.depth)):
            (width,) = network.level(level, "width")
            if self.spatial:  # each level upsamples before its convolution, not after it
                (kernel,) = network.level(level, "kernel")
                yield from upsampling(network, level, before, pixels[level + 1])
                yield Layer(before, width, kernel, pixels[level], width * norm)
            else:
                yield Layer(before, width, 1, pixels[level + 1], 0)
                yield from upsampling(network, level, width, pixels[level + 1])
                yield Layer(width, width, 0, pixels[level], width * norm)
            before = width
        yield Layer(before, before, kernel, pixels[0], before * norm)
        yield Layer(before, channels, 1, pixels[0], 0)


class ConvDecoder(DeepDecoder):
    """Deep decoder with 3 x 3 convolutions (Darestani and Heckel, 2021)."""

    name: ClassVar[str] = "conv-decoder"
    spatial: ClassVar[bool] = True
