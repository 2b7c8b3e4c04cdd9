"""The deep decoder of Heckel and Hand (ICLR 2019): no convolution over space, few parameters.

The sizes of its images are those of Heckel and Soltanolkotabi (ICML 2020), who take any.
"""

from __future__ import annotations

from torch import Tensor, nn

from dipcli.nets.architecture import Architecture
from dipcli.nets.imaging import Imaging
from dipcli.nets.layers import ActiveStage, Conv, Upsampling, convolve


def build(arch: Architecture, channels: int, size: tuple[int, int]) -> nn.Module:
    """The network of an image of so many channels and of `size` (height, width)."""
    body = DeepDecoder(arch, arch.entering(channels), size)
    return Imaging(arch, body, Conv(arch.levels("width")[0], channels, 1, bias=False))


class DeepDecoder(nn.Module):
    """For each level a 1 x 1 convolution and an upsampling; at the end one more convolution."""

    def __init__(self, arch: Architecture, before: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.sizes = arch.sizes(size)[-2::-1]  # after each level, coarse to fine
        levels = []
        for level in reversed(range(arch.depth)):
            width, dropped = (arch.levels(name)[level] for name in ("width", "dropout"))
            up = Upsampling(arch, width, level)
            levels.append(Level(arch, before, width, up=up, dropped=dropped))
            before = width
        self.levels = nn.ModuleList(levels)
        self.mix = ActiveStage(arch, before, before)

    def forward(self, x: Tensor) -> Tensor:
        for level, size in zip(self.levels, self.sizes, strict=True):
            x = level(x, size)
        y: Tensor = self.mix(x)
        return y


class Level(ActiveStage):
    """Upsampled after its convolution, which is so done on fewer pixels."""

    def forward(self, x: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        assert self.up is not None
        return self.finish(self.up(convolve(x, self.conv.weight, 1, self.pad), size))
