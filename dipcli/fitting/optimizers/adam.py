"""Adam (Kingma and Ba, 2015), by torch's fused kernel.

Not torch.optim: its first use imports torch's compiler, which takes a second and a half, and its
state would have to be taken apart for every checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy.typing as npt

from dipcli.fitting.optimizers.base import Again, Draw, Optimizer, State, fill, flat
from dipcli.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class Adam(Optimizer):
    """Adam"""

    name: ClassVar[str] = "adam"
    decay = 0.0  # of the weights, in the gradient

    def __init__(self, parameters: Iterable[Tensor], lr: float) -> None:
        super().__init__(parameters, lr)
        self.means = [torch.zeros_like(p) for p in self.parameters]  # of the gradients
        self.squares = [torch.zeros_like(p) for p in self.parameters]  # of their squares
        self.steps = torch.zeros((), device=self.parameters[0].device)

    def step(self, loss: Tensor, again: Again, draw: Draw) -> None:
        gradients = self.gradients(loss)
        with torch.no_grad():
            self.steps += 1
            torch._fused_adam_(
                self.parameters,
                gradients,
                self.means,
                self.squares,
                [],
                [self.steps] * len(self.parameters),
                lr=self.rate,
                beta1=BETA1,
                beta2=BETA2,
                weight_decay=self.decay,
                eps=EPSILON,
                amsgrad=False,
                maximize=False,
            )

    def state(self) -> State:
        return {**super().state(), "means": flat(self.means), "squares": flat(self.squares)}

    def restore(self, state: Mapping[str, npt.NDArray[Any]], steps: int) -> None:
        super().restore(state, steps)
        fill(self.means, state["means"])
        fill(self.squares, state["squares"])
        self.steps.fill_(steps)
