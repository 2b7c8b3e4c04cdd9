"""Dropout: each step sets random values of a level to 0, and scales the others up.

Srivastava and others (JMLR 2014). A fit then passes through many networks with different errors,
and the running mean of their outputs is nearer to the image than each of them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

PER_DRAW = 4  # numbers of 16 bits in one of 64


class Dropout(nn.Module):
    """Drop each value with the same chance; without a generator, drop nothing."""

    def __init__(self, chance: float) -> None:
        super().__init__()
        self.chance = chance
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.chance or self.generator is None:
            return x
        planes, channels, height, width = x.shape
        count = -(-x.numel() // PER_DRAW)
        bits = torch.empty(count, dtype=torch.int64, device=x.device)
        numbers = bits.random_(-(2**63), None, generator=self.generator).view(torch.int16)
        dropped = round(self.chance * 2**16)
        kept = (numbers[: x.numel()] >= dropped - 2**15).to(x.dtype)
        kept = kept.view(planes, height, width, channels).permute(0, 3, 1, 2)  # the layout of x
        return x * kept * (1 / (1 - dropped / 2**16))


def draw_from(net: nn.Module, generator: torch.Generator) -> None:
    """Set the generator that draws the dropout masks of a network."""
    for module in net.modules():
        if isinstance(module, Dropout):
            module.generator = generator
