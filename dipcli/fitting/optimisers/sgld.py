"""Langevin dynamics: "A Bayesian perspective on the deep image prior" (Cheng and others, 2019).

It is their code's: a step of Adam, and then noise, which no theory matches to Adam's own steps.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dipcli.fitting.optimisers.adam import Adam
from dipcli.fitting.optimisers.base import Again, Draw

NOISE = 2.0  # its sigma, in learning rates
CONVOLUTION = 4  # dimensions of weights: these alone are moved, as published


class Sgld(Adam):
    decay = 5e-8

    def step(self, loss: Tensor, again: Again, draw: Draw) -> None:
        super().step(loss, again, draw)
        generator = draw()
        with torch.no_grad():
            for p in self.parameters:
                if p.dim() == CONVOLUTION:
                    noise = torch.randn(p.shape, generator=generator, device=p.device)
                    p.add_(noise, alpha=NOISE * self.lr)
