"""The decoder of Shi, Mettes, Maji and Snoek (IJCV 2022): no encoder, no skips."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from dipcli.nets.architecture import Architecture
from dipcli.nets.imaging import Imaging
from dipcli.nets.layers import Conv, Stage, Upsampling


def build(arch: Architecture, channels: int, size: tuple[int, int]) -> nn.Module:  # noqa: ARG001
    """The network of an image of so many channels; the sides are multiples of `arch.multiple`.

    Its weights are drawn as by He and others (2015), the variance 2 / fan-in: six times torch's.
    """
    body = Decoder(arch, arch.entering(channels))
    net = Imaging(arch, body, Conv(arch.levels("width")[0], channels, 1))
    with torch.no_grad():
        for conv in (*(m.conv for m in net.modules() if isinstance(m, Stage)), net.last):
            conv.weight.mul_(math.sqrt(6))
    return net


class Decoder(nn.Module):
    """Two stages at the size of the input; then for each level upsampling and two stages."""

    def __init__(self, arch: Architecture, before: int) -> None:
        super().__init__()
        deepest, kernel = arch.levels("width")[-1], arch.levels("kernel")[-1]
        stages = [Stage(arch, before, deepest, kernel), Stage(arch, deepest, deepest, kernel)]
        before = deepest
        for level in reversed(range(arch.depth)):
            width, kernel, dropped = (
                arch.levels(name)[level] for name in ("width", "kernel", "dropout")
            )
            up = Upsampling(arch, before, level)
            stages += [
                Stage(arch, before, width, kernel, up=up),
                Stage(arch, width, width, kernel, dropped=dropped),
            ]
            before = width
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.stages:
            x = stage(x)
        return x
