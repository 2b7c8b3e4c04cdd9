"""The networks that grow an image from a small one.

`decoder` is of Shi, Mettes, Maji and Snoek (IJCV 2022), `deep-decoder` of Heckel and Hand (ICLR
2019), `conv-decoder` of Darestani and Heckel (IEEE TCI 2021), and `generator` of Heckel and
Soltanolkotabi (ICLR 2020). The last three have the sizes of Heckel and Soltanolkotabi (ICML 2020),
who make any size.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from dipcli.errors import UsageError
from dipcli.nets.architecture import NORMS, Architecture, NetworkSettings
from dipcli.nets.cost import Layer, upsampling


class Decoder(Architecture):
    """Convolutions between upsamplings, without encoder and skips (Shi and others, 2022)."""

    name: ClassVar[str] = "decoder"
    builder: ClassVar[str] = "dipcli.nets.decoders:decoder"
    preset: ClassVar[str] = "shi"
    volumes: ClassVar[bool] = True
    spatial: ClassVar[bool] = True
    levelled: ClassVar[bool] = True
    grows: ClassVar[bool] = True

    def layers(self, network: NetworkSettings, channels: int, pixels: list[int]) -> Iterator[Layer]:
        norm = NORMS[network.norm]
        width, kernel = network.level(-1, "width", "kernel")
        yield Layer(network.entering(channels), width, kernel, pixels[-1], width * (1 + norm))
        yield Layer(width, width, kernel, pixels[-1], width * (1 + norm))
        for level in reversed(range(network.depth)):
            before = width
            width, kernel = network.level(level, "width", "kernel")
            yield from upsampling(network, level, before, pixels[level + 1])
            yield Layer(before, width, kernel, pixels[level], width * (1 + norm))
            yield Layer(width, width, kernel, pixels[level], width * (1 + norm))
        yield Layer(width, channels, 1, pixels[0], channels)


class DeepDecoder(Architecture):
    """1 x 1 convolutions between upsamplings: few parameters (Heckel and Hand, 2019)."""

    name: ClassVar[str] = "deep-decoder"
    builder: ClassVar[str] = "dipcli.nets.decoders:deep_decoder"
    volumes: ClassVar[bool] = True
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


class Generator(Architecture):
    """Learned coefficients, upsampled, rectified and summed (Heckel and Soltanolkotabi, 2020)."""

    name: ClassVar[str] = "generator"
    builder: ClassVar[str] = "dipcli.nets.decoders:Generator"
    sigmoid: ClassVar[bool] = False
    preset: ClassVar[str] = "heckel"
    takes_image: ClassVar[bool] = False
    grows: ClassVar[bool] = True
    stretches: ClassVar[bool] = True

    def entering(self, network: NetworkSettings, channels: int) -> int:
        return 0

    def check(self, settings: NetworkSettings) -> None:
        super().check(settings)
        if any(settings.upsampling(level).learned for level in range(settings.depth)):
            msg = "--arch generator has a fixed upsampling; use another one than --upsample deconv"
            raise UsageError(msg)

    def layers(self, network: NetworkSettings, channels: int, pixels: list[int]) -> Iterator[Layer]:
        *larger, smallest = pixels
        width = network.levels("width")[0]
        yield Layer(0, width, 0, smallest, width * smallest)  # the coefficients
        yield from (Layer(width, width, 0, n, 0) for n in larger)
        # the weights of the last sum are fixed: they cost time, but are no parameters
        yield Layer(width, channels, 1, pixels[0], -width * channels)
