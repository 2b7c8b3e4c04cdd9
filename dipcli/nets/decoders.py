"""The networks that grow an image from a small one: without encoder, without skips."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from dipcli.nets.architecture import NetworkSettings, Size
from dipcli.nets.imaging import Imaging
from dipcli.nets.layers import ActiveStage, Stage, Upsampling, convolve
from dipcli.nets.padding import beside

SPREAD = 0.1  # of the generator's coefficients at the start; the paper wants it small


def decoder(network: NetworkSettings, channels: int, _size: Size) -> nn.Module:
    """The decoder of Shi and others (IJCV 2022).

    Its weights are drawn as by He and others (2015), with variance 2 / fan-in: six times torch's.
    """
    net = Imaging(network, Decoder(network, network.entering(channels)), channels)
    with torch.no_grad():
        for conv in (*(m.conv for m in net.modules() if isinstance(m, Stage)), net.last):
            conv.weight.mul_(math.sqrt(6))
    return net


def deep_decoder(network: NetworkSettings, channels: int, size: Size) -> nn.Module:
    """The deep decoder, whose convolutions are k x k where the architecture is spatial."""
    body = DeepDecoder(network, network.entering(channels), size)
    return Imaging(network, body, channels, bias=False)


class Decoder(nn.Module):
    """Two stages at the size of the input; then, for each level, upsampling and two stages."""

    def __init__(self, network: NetworkSettings, before: int) -> None:
        super().__init__()
        deepest, kernel = network.level(-1, "width", "kernel")
        stages = [Stage(network, before, deepest, kernel), Stage(network, deepest, deepest, kernel)]
        before = deepest
        for level in reversed(range(network.depth)):
            width, kernel, dropped = network.level(level, "width", "kernel", "dropout")
            up = Upsampling(network, before, level)
            stages += [
                Stage(network, before, width, kernel, up=up),
                Stage(network, width, width, kernel, dropped=dropped),
            ]
            before = width
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.stages:
            x = stage(x)
        return x


class DeepDecoder(nn.Module):
    """For each level a convolution and an upsampling; at the end one more convolution.

    A 1 x 1 convolution comes before the upsampling, a k x k convolution after it.
    """

    def __init__(self, network: NetworkSettings, before: int, size: Size) -> None:
        super().__init__()
        self.sizes = network.sizes(size)[-2::-1]  # after each level, coarse to fine
        spatial, kernel = network.architecture.spatial, 1
        stage = ActiveStage if spatial else LateUpsampling
        levels = []
        for level in reversed(range(network.depth)):
            width, dropped = network.level(level, "width", "dropout")
            if spatial:
                (kernel,) = network.level(level, "kernel")
            up = Upsampling(network, before if spatial else width, level)
            levels.append(stage(network, before, width, kernel, up=up, dropped=dropped))
            before = width
        self.levels = nn.ModuleList(levels)
        self.mix = ActiveStage(network, before, before, kernel)

    def forward(self, x: Tensor) -> Tensor:
        for level, size in zip(self.levels, self.sizes, strict=True):
            x = level(x, size)
        y: Tensor = self.mix(x)
        return y


class LateUpsampling(ActiveStage):
    """A stage that upsamples after its convolution, which then has fewer pixels to compute."""

    def forward(self, x: Tensor, size: Size | None = None) -> Tensor:
        assert self.up is not None
        x = beside(x, self.planes, self.pad)
        return self.finish(self.up(convolve(x, self.conv.weight, 1, self.pad), size))


class Generator(nn.Module):
    """G(C) = ReLU(U C) v, an image (1, channels, h, w) that no sigmoid keeps in 0..1.

    The coefficients C are learned, and nothing else is: U upsamples them through all levels, and v
    sums the rectified channels with weights 1 and -1 (over the root of their number), half of
    each, in an order that is drawn for each channel of the image. The input is ignored.
    """

    signs: Tensor

    def __init__(self, network: NetworkSettings, channels: int, size: Size) -> None:
        super().__init__()
        width = network.levels("width")[0]
        *sizes, smallest = network.sizes(size)
        self.sizes = sizes[::-1]
        self.ups = nn.ModuleList(
            Upsampling(network, width, level) for level in reversed(range(network.depth))
        )
        start = SPREAD * torch.randn(1, width, *smallest)
        self.coefficients = nn.Parameter(start.contiguous(memory_format=torch.channels_last))
        positive = torch.arange(width) < (width + 1) // 2
        shuffled = torch.stack([positive[torch.randperm(width)] for _ in range(channels)])
        signs = torch.where(shuffled, 1.0, -1.0) / math.sqrt(width)
        self.register_buffer("signs", signs, persistent=False)

    def forward(self, z: Tensor) -> Tensor:
        device = z.device.type
        low = torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device) if low else z.dtype
        with torch.autocast(device, enabled=False):
            x = self.coefficients.to(dtype)
            for up, size in zip(self.ups, self.sizes, strict=True):
                x = up(x, size)
            return convolve(torch.relu(x).to(z.dtype), self.signs[:, None, None], 1, "zero")
