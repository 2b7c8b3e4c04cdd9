"""`decoder`: of Shi, Mettes, Maji and Snoek (IJCV 2022)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from dipcli.nets.architecture import NORMS, Architecture, NetworkSettings
from dipcli.nets.cost import Layer, upsampling


class Decoder(Architecture):
    """Convolutions between upsamplings, without encoder and skips (Shi and others, 2022)."""

    name: ClassVar[str] = "decoder"
    builder: ClassVar[str] = "dipcli.nets.decoders:decoder"
    preset: ClassVar[str] = "shi"
    spatial: ClassVar[bool] = True
    levelled: ClassVar[bool] = True
    grows: ClassVar[bool] = True

    def layers(self, network: NetworkSettings, channels: int, pixels: list[int]) -> Iterator[Layer]:
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
