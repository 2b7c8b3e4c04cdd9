"""The deep image prior as its published codes write it: what our network is measured against.

Plain PyTorch, float32, NCHW, nn.Sequential, Adam as it comes, and `.item()` at every step.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Concat(nn.Module):
    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


ACTIVATIONS = {
    "leaky-relu": lambda: nn.LeakyReLU(0.2, inplace=True),
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "swish": nn.SiLU,
}


def skip(
    inputs: int,
    channels: int,
    width: Sequence[int],
    skips: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    mode: Sequence[str],
    *,
    pad: str = "zero",
    norm: str = "batch",
    activation: str = "leaky-relu",
) -> nn.Sequential:
    """The network; what has a value per level has the finest first."""

    def batchnorm(n: int) -> list[nn.Module]:
        return [nn.BatchNorm2d(n)] if norm == "batch" else []

    def conv(a: int, b: int, k: int = 1, s: int = 1) -> list[nn.Module]:
        border = k // 2
        if pad == "reflect" and border:
            return [nn.ReflectionPad2d(border), nn.Conv2d(a, b, k, s)]
        return [nn.Conv2d(a, b, k, s, border)]

    def stage(a: int, b: int, k: int = 1, s: int = 1) -> list[nn.Module]:
        return [*conv(a, b, k, s), *batchnorm(b), ACTIVATIONS[activation]()]

    def level(i: int, before: int) -> nn.Sequential:
        w, k, s = width[i], kernel[i], stride[i]
        deepest = i == len(width) - 1
        inner = [] if deepest else [level(i + 1, w)]
        up = [nn.Upsample(scale_factor=s, mode=mode[i])] if s > 1 else []
        deeper = nn.Sequential(*stage(before, w, k, s), *stage(w, w, k), *inner, *up)
        joined = skips[i] + (w if deepest else width[i + 1])
        both = Concat(nn.Sequential(*stage(before, skips[i])), deeper) if skips[i] else deeper
        return nn.Sequential(both, *batchnorm(joined), *stage(joined, w, k), *stage(w, w))

    return nn.Sequential(level(0, inputs), *conv(width[0], channels), nn.Sigmoid())


def published() -> nn.Sequential:
    """The network of Chakrabarty and Maji's trajectories: 8.66 million parameters."""
    return skip(3, 3, [256] * 5, [4] * 5, [3] * 5, [2] * 5, ["bilinear"] * 5)


def fast() -> nn.Sequential:
    """The network of the preset `fast`, without its dropout."""
    return skip(
        8,
        3,
        [16, 32, 64, 64],
        [0, 16, 32, 32],
        [3] * 4,
        [2] * 4,
        ["nearest"] * 4,
        activation="swish",
    )


def network(name: str) -> tuple[nn.Sequential, int]:
    """The network `published` or `fast`, and the channels of its input."""
    return (published(), 3) if name == "published" else (fast(), 8)


class Fit:
    """The loop, a step at a time."""

    def __init__(self, side: int = 128, device: str = "cpu", name: str = "published") -> None:
        net, channels = network(name)
        self.net = net.to(device)
        self.z = torch.randn(1, channels, side, side, device=device)
        self.target = torch.rand(1, 3, side, side, device=device)
        self.adam = torch.optim.Adam(self.net.parameters(), lr=1e-3)
        self.mse = nn.MSELoss()

    def step(self) -> float:
        self.adam.zero_grad()
        loss = self.mse(self.net(self.z), self.target)
        loss.backward()
        self.adam.step()
        return loss.item()
