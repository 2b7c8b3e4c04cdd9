"""`generator`: the two-layer generator of Heckel and Soltanolkotabi (ICLR 2020)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from dipcli.errors import UsageError
from dipcli.nets.architecture import Architecture, NetworkSettings
from dipcli.nets.cost import Layer


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
