"""What an optimizer is: it moves weights, and its whole state goes into flat arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from dipcli.errors import UsageError
from dipcli.lazy import Generator, Tensor, torch

if TYPE_CHECKING:
    from dipcli.fitting.settings import Settings

Again = Callable[[], Tensor]  # the loss of the present weights, with the same random numbers
Draw = Callable[[], Generator]  # the random numbers of this step
State = dict[str, npt.NDArray[Any]]


class Optimizer:
    """The parameters of a network, and what later steps need of earlier ones."""

    name: ClassVar[str] = ""
    samples: ClassVar[bool] = False  # the estimate is a mean of samples of its outputs
    exact: ClassVar[bool] = False  # it looks at changes that bfloat16 would round off
    lr: ClassVar[float | None] = None  # its own default rate; those of presets are Adam's
    passes: ClassVar[int] = 1  # through the network, for each step
    moments: ClassVar[int] = 2  # numbers that it keeps per parameter

    def __init__(self, parameters: Iterable[Tensor], lr: float) -> None:
        self.rate = lr
        self.parameters = list(parameters)
        self.kept = {"weights": self.parameters}  # what a checkpoint keeps, by name
        self._zeros: dict[int, Tensor] = {}  # gradients of parameters that the loss ignores

    @classmethod
    def usage(cls) -> str:
        """How it is written on the command line."""
        return cls.name

    @classmethod
    def check(cls, settings: Settings) -> None:
        """Refuse settings with which the optimizer makes no sense."""
        for name in ("burn_in", "sample_every"):
            if getattr(settings, name) and not cls.samples:
                option = "--" + name.replace("_", "-")
                msg = f"{option} is for an optimizer that takes samples: add --optimizer sgld"
                raise UsageError(msg)

    def step(self, loss: Tensor, again: Again, draw: Draw) -> None:
        """Descend the loss once."""
        raise NotImplementedError

    def gradients(self, loss: Tensor) -> list[Tensor]:
        """The gradient of the loss by parameter; 0 where it does not depend on one."""
        gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        pairs = enumerate(zip(gradients, self.parameters, strict=True))
        return [self._zero(i) if g is None else _like(g, p) for i, (g, p) in pairs]

    def _zero(self, index: int) -> Tensor:
        """A gradient of 0, kept for the next step: on a GPU the start of each fill takes time."""
        if index not in self._zeros:
            self._zeros[index] = torch.zeros_like(self.parameters[index])
        return self._zeros[index]

    def state(self) -> State:
        """Weights, and whatever else there is, each as one flat array."""
        return {name: flat(tensors).cpu().numpy() for name, tensors in self.kept.items()}

    def restore(self, state: Mapping[str, npt.NDArray[Any]], steps: int) -> None:
        """Go back to a state after so many steps."""
        for name, tensors in self.kept.items():
            fill(tensors, torch.from_numpy(np.array(state[name])))


def _like(gradient: Tensor, parameter: Tensor) -> Tensor:
    """The gradient, laid out in memory as its parameter is: fused kernels ask for that on a GPU."""
    if gradient.stride() == parameter.stride():
        return gradient
    if gradient.is_contiguous() and parameter.is_contiguous():  # they differ where a side is 1
        return gradient.as_strided(parameter.shape, parameter.stride())
    return torch.empty_like(parameter).copy_(gradient)


def flat(tensors: Sequence[Tensor]) -> Tensor:
    """All numbers of the tensors, one after the other."""
    return torch.cat([t.detach().reshape(-1) for t in tensors])


def fill(tensors: Sequence[Tensor], numbers: Tensor) -> None:
    """The inverse of `flat`, in place: each tensor keeps its layout in memory."""
    pieces = torch.split(numbers, [t.numel() for t in tensors])
    with torch.no_grad():
        for t, piece in zip(tensors, pieces, strict=True):
            t.copy_(piece.reshape(t.shape))
