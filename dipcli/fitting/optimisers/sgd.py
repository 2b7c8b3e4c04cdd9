"""Plain gradient descent, without momentum: the one that theorems about networks are about.

A step uses the whole image, so nothing is stochastic but the noise on the input, if there is any.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dipcli.fitting.optimisers.base import Again, Draw, Optimiser


class Sgd(Optimiser):
    def step(self, loss: Tensor, again: Again, draw: Draw) -> None:
        gradients = self.gradients(loss)
        with torch.no_grad():
            torch._foreach_add_(self.parameters, gradients, alpha=-self.lr)
