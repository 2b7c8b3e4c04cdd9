"""What an optimiser is: it moves weights, and its whole state goes into flat arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Again = Callable[[], Tensor]  # the loss of the weights as they are now, same random numbers
Draw = Callable[[], torch.Generator]  # of random numbers for this step and nothing else
State = dict[str, npt.NDArray[Any]]


class Optimiser:
    """The parameters of a network, and what the steps to come need of those before."""

    def __init__(self, parameters: Iterable[Tensor], lr: float) -> None:
        self.lr = lr
        self.parameters = list(parameters)

    def step(self, loss: Tensor, again: Again, draw: Draw) -> None:
        """Descend the loss once."""
        raise NotImplementedError

    def gradients(self, loss: Tensor) -> list[Tensor]:
        """Of the loss, by parameter; 0 where it has no part in it."""
        return list(torch.autograd.grad(loss, self.parameters, materialize_grads=True))

    def state(self) -> State:
        """Weights, and whatever else there is, each as one flat array."""
        return {"weights": flat(self.parameters)}

    def restore(self, state: Mapping[str, npt.NDArray[Any]], steps: int) -> None:
        """Go back to what `state` took after so many steps."""
        fill(self.parameters, state["weights"])


def flat(tensors: Sequence[Tensor]) -> npt.NDArray[Any]:
    numbers: npt.NDArray[Any] = torch.cat([t.detach().reshape(-1) for t in tensors]).cpu().numpy()
    return numbers


@torch.no_grad()
def fill(tensors: Sequence[Tensor], numbers: npt.NDArray[Any]) -> None:
    """The inverse of `flat`, in place: each tensor keeps its layout in memory."""
    pieces = torch.split(torch.from_numpy(np.array(numbers)), [t.numel() for t in tensors])
    for t, piece in zip(tensors, pieces, strict=True):
        t.copy_(piece.reshape(t.shape))
