"""Langevin dynamics: "A Bayesian perspective on the deep image prior" (Cheng and others, 2019).

As in their code, a step is one of Adam and then noise; no theory relates that noise to Adam.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from dipcli.errors import UsageError
from dipcli.fitting.optimizers.adam import Adam
from dipcli.fitting.optimizers.base import Again, Draw
from dipcli.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from dipcli.fitting.settings import Settings

NOISE = 2.0  # its sigma, in learning rates
CONVOLUTION = 4  # dimensions of weights: these alone are moved, as published


class Sgld(Adam):
    """Adam with noise on the weights: the estimate is a mean of samples"""

    name: ClassVar[str] = "sgld"
    samples: ClassVar[bool] = True
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
