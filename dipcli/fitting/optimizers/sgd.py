"""Plain gradient descent, without momentum: the optimizer of the theorems about networks.

A step uses the whole image, so nothing is stochastic but the noise on the input, if there is any.
"""

from __future__ import annotations

from dipcli.fitting.optimizers.base import Again, Draw, Optimizer
from dipcli.lazy import Tensor, torch


class Sgd(Optimizer):
    """Plain gradient descent"""

    name = "sgd"
    lr = 1.0
    moments = 0

    def step(self, loss: Tensor, again: Again, draw: Draw) -> None:
        gradients = self.gradients(loss)
        with torch.no_grad():
            torch._foreach_add_(self.parameters, gradients, alpha=-self.rate)
