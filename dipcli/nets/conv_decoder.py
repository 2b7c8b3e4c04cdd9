"""ConvDecoder of Darestani and Heckel (IEEE TCI 2021): the deep decoder with 3 x 3 convolutions."""

from __future__ import annotations

from torch import Tensor, nn

from dipcli.nets.architecture import Architecture
from dipcli.nets.imaging import Imaging
from dipcli.nets.layers import ActiveStage, Conv, Upsampling


def build(arch: Architecture, channels: int, size: tuple[int, int]) -> nn.Module:
    """The network of an image of so many channels and of `size` (height, width)."""
    body = ConvDecoder(arch, arch.entering(channels), size)
    return Imaging(arch, body, Conv(arch.levels("width")[0], channels, 1, bias=False))


class ConvDecoder(nn.Module):
    """For each level an upsampling and a convolution; at the end one more convolution."""

    def __init__(self, arch: Architecture, before: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.sizes = arch.sizes(size)[-2::-1]  # after each level, coarse to fine
        levels = []
        for level in reversed(range(arch.depth)):
            width, kernel, dropped = (
                arch.levels(name)[level] for name in ("width", "kernel", "dropout")
            )
            up = Upsampling(arch, before, level)
            levels.append(ActiveStage(arch, before, width, kernel, up, dropped))
            before = width
        self.levels = nn.ModuleList(levels)
        self.mix = ActiveStage(arch, before, before, arch.levels("kernel")[0])

    def forward(self, x: Tensor) -> Tensor:
        for level, size in zip(self.levels, self.sizes, strict=True):
            x = level(x, size)
        y: Tensor = self.mix(x)
        return y
