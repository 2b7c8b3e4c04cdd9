"""The hour-glass with skip connections of Ulyanov, Vedaldi and Lempitsky (CVPR 2018)."""

from __future__ import annotations

from torch import Tensor, nn

from dipcli.nets.architecture import Architecture
from dipcli.nets.imaging import Imaging
from dipcli.nets.layers import Conv, Stage, Up


def build(arch: Architecture, channels: int, size: tuple[int, int]) -> nn.Module:  # noqa: ARG001
    """The network of an image of so many channels; the sides are multiples of `arch.multiple`."""
    level = Level(arch, arch.entering(channels), 0)
    return Imaging(arch, level, Conv(arch.levels("width")[0], channels, 1))


class Level(nn.Module):
    """One level of the hour-glass, and within it all that are deeper."""

    def __init__(self, arch: Architecture, before: int, level: int) -> None:
        super().__init__()
        width, skip, kernel, stride, dropped = (
            arch.levels(name)[level] for name in ("width", "skip", "kernel", "stride", "dropout")
        )
        deepest = level == arch.depth - 1
        self.skip = Stage(arch, before, skip) if skip else None
        self.down = Stage(arch, before, width, kernel, stride)
        self.refine = Stage(arch, width, width, kernel)
        self.deeper = nn.Identity() if deepest else Level(arch, width, level + 1)
        deeper = width if deepest else arch.levels("width")[level + 1]
        self.up = Up(arch, skip, deeper, width, kernel, level)
        self.mix = Stage(arch, width, width, dropped=dropped)

    def forward(self, x: Tensor) -> Tensor:
        skip = None if self.skip is None else self.skip(x)
        deeper = self.deeper(self.refine(self.down(x)))
        y: Tensor = self.mix(self.up(deeper, skip))
        return y
