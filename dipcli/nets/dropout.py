"""Dropout: at each step a random part of a level's values is 0, and the rest is larger for it.

Srivastava and others (JMLR 2014). A fit then passes through many networks, which err in different
ways, and the running mean of their outputs is nearer to the image than each of them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

DRAWN_AT_ONCE = 4  # numbers of 16 bits, from one of 64


class Dropout(nn.Module):
    """Each value is kept or dropped by itself; nothing is dropped before `draw_from`."""

    def __init__(self, chance: float) -> None:
        super().__init__()
        self.chance = chance
        self.draw: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.chance or self.draw is None:
            return x
        _, channels, height, width = x.shape
        count = -(-x.numel() // DRAWN_AT_ONCE)
        drawn = torch.empty(count, dtype=torch.int64, device=x.device)
        numbers = drawn.random_(-(2**63), None, generator=self.draw).view(torch.int16)
        dropped = round(self.chance * 2**16)
        kept = (numbers[: x.numel()] >= dropped - 2**15).to(x.dtype)
        kept = kept.view(1, height, width, channels).permute(0, 3, 1, 2)  # as x is laid out
        return x * kept * (1 / (1 - dropped / 2**16))


def draw_from(net: nn.Module, generator: torch.Generator) -> None:
    """Whence a network draws what it drops, until told otherwise."""
    for module in net.modules():
        if isinstance(module, Dropout):
            module.draw = generator
