"""`generator`: the two-layer generator of Heckel and Soltanolkotabi (ICLR 2020)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from dipcli.errors import UsageError
from dipcli.nets.architecture import Architecture, NetworkSettings, Size
from dipcli.nets.cost import Layer

if TYPE_CHECKING:
    from torch import nn


class Generator(Architecture):
    """Learned coefficients, upsampled, rectified and summed (Heckel and Soltanolkotabi, 2020)."""

    name: ClassVar[str] = "generator"
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

    def build(self, network: NetworkSettings, channels: int, size: Size) -> nn.Module:
        from dipcli.nets import decoders

        return decoders.Generator(network, channels, size)

    def layers(
        self, network: NetworkSettings, channels: int, size: Size, batch: int
    ) -> Iterator[Layer]:
        *sizes, smallest = (math.prod(s) for s in network.sizes(size))
        width = network.levels("width")[0]
        yield Layer(0, width, 0, smallest, width * smallest)  # the coefficients
        yield from (Layer(width, width, 0, pixels, 0) for pixels in sizes)
        # the weights of the last sum are fixed: they cost time, but are no parameters
        yield Layer(width, channels, 1, sizes[0], -width * channels)
