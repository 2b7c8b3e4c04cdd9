"""Optimizers that follow the gradient: plain descent, Adam, and Langevin dynamics.

Not torch.optim: its first use imports torch's compiler, which takes a second and a half, and its
state would have to be taken apart for every checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from dipcli.errors import UsageError
from dipcli.fitting.optimizers.base import Again, Draw, Optimizer
from dipcli.lazy import Tensor, torch

if TYPE_CHECKING:
    from dipcli.fitting.settings import Settings

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
NOISE = 2.0  # the sigma of sgld, in learning rates
CONVOLUTION = 4  # dimensions of weights: sgld moves these alone, as published


class Sgd(Optimizer):
    """Plain gradient descent

    The optimizer of the theorems about networks, without momentum. A step uses the whole image, so
    nothing is stochastic but the noise on the input, if there is any.
    """

    name = "sgd"
    lr = 1.0
    moments = 0

    def step(self, loss: Tensor, again: Again, draw: Draw) -> None:
        gradients = self.gradients(loss)
        with torch.no_grad():
            torch._foreach_add_(self.parameters, gradients, alpha=-self.rate)


class Adam(Optimizer):
    """Adam

    Kingma and Ba (2015), by torch's fused kernel.
    """

    name = "adam"
    decay = 0.0  # of the weights, in the gradient

    def __init__(self, parameters: Iterable[Tensor], lr: float) -> None:
        super().__init__(parameters, lr)
        self.means = [torch.zeros_like(p) for p in self.parameters]  # of the gradients
        self.squares = [torch.zeros_like(p) for p in self.parameters]  # of their squares
        self.kept |= {"means": self.means, "squares": self.squares}
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

    def restore(self, state: Mapping[str, npt.NDArray[Any]], steps: int) -> None:
        super().restore(state, steps)
        self.steps.fill_(steps)


class Sgld(Adam):
    """Adam with noise on the weights: the estimate is a mean of samples

    "A Bayesian perspective on the deep image prior" (Cheng and others, 2019). As in their code, a
    step is one of Adam and then noise; no theory relates that noise to Adam.
    """

    name = "sgld"
    samples = True
    decay = 5e-8

    def step(self, loss: Tensor, again: Again, draw: Draw) -> None:
        super().step(loss, again, draw)
        generator = draw()
        with torch.no_grad():
            for p in self.parameters:
                if p.dim() == CONVOLUTION:
                    noise = torch.randn(p.shape, generator=generator, device=p.device)
                    p.add_(noise, alpha=NOISE * self.rate)

    @classmethod
    def check(cls, settings: Settings) -> None:
        if not settings.architecture.convolutional:
            msg = (
                "--optimizer sgld adds noise to the weights of convolutions, and --arch "
                f"{settings.arch} has none"
            )
            raise UsageError(msg)
        if settings.stop not in ("auto", "none"):
            msg = (
                "--optimizer sgld estimates the image by the mean of its samples, so no rule may "
                "end it: use --stop none"
            )
            raise UsageError(msg)
        when = settings.sampling()
        if settings.iterations < sum(when.values()):
            msg = (
                f"--optimizer sgld takes its first sample at --burn-in {when['burn_in']} + "
                f"--sample-every {when['sample_every']}, beyond --iterations {settings.iterations}"
            )
            raise UsageError(msg)
