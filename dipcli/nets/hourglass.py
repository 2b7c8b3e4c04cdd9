"""The network of `dip`: the hourglass of Ulyanov, Vedaldi and Lempitsky (CVPR 2018)."""

from __future__ import annotations

from torch import Tensor, nn

from dipcli.nets.architecture import NetworkSettings, Size
from dipcli.nets.imaging import Imaging
from dipcli.nets.layers import Stage, Up


def hourglass(network: NetworkSettings, channels: int, _size: Size) -> nn.Module:
    """The hourglass for an image of so many channels."""
    return Imaging(network, Level(network, network.entering(channels), 0), channels)


class Level(nn.Module):
    """One level of the hourglass, with all deeper ones inside it."""

    def __init__(self, network: NetworkSettings, before: int, level: int) -> None:
        super().__init__()
        width, skip, kernel, stride, dropped = network.level(
            level, "width", "skip", "kernel", "stride", "dropout"
        )
        deepest = level == network.depth - 1
        self.skip = Stage(network, before, skip) if skip else None
        self.down = Stage(network, before, width, kernel, stride, stride_z=network.strides_z[level])
        self.refine = Stage(network, width, width, kernel)
        self.deeper = nn.Identity() if deepest else Level(network, width, level + 1)
        deeper = width if deepest else network.levels("width")[level + 1]
        self.up = Up(network, skip, deeper, width, kernel, level)
        self.mix = Stage(network, width, width, dropped=dropped)

    def forward(self, x: Tensor) -> Tensor:
        skip = None if self.skip is None else self.skip(x)
        deeper = self.deeper(self.refine(self.down(x)))
        y: Tensor = self.mix(self.up(deeper, skip))
        return y
