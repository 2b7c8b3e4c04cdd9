"""Losses that add a term to the squared difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dipcli.errors import UsageError
from dipcli.fitting.losses.base import GRAY_LEVELS, Nudge, Target
from dipcli.fitting.losses.pointwise import Mse
from dipcli.lazy import Tensor
from dipcli.spec import value

if TYPE_CHECKING:
    from dipcli.fitting.settings import Settings

STEP = 1e-3  # of the input, on [0, 1]: small against noise, large against rounding


@dataclass(frozen=True)
class Tv(Mse):
    """mse plus W times the total variation of the network's image

    DIP-TV (Liu, Sun, Xu and Kamilov, 2019). The variation is that of the output itself, whatever
    the task compares; known pixels or not.
    """

    name = "tv"
    needs_whole_image = True
    weight: float = value(0, above=True, label="W")

    def extra(self, output: Tensor, target: Target, nudge: Nudge) -> Tensor:
        return self.weight * total_variation(output)


def total_variation(image: Tensor) -> Tensor:
    """The mean over all numbers of |step down| + |step right|: anisotropic, equal at any size."""
    down = (image[..., 1:, :] - image[..., :-1, :]).abs().sum()
    right = (image[..., 1:] - image[..., :-1]).abs().sum()
    return (down + right) / image.numel()


@dataclass(frozen=True)
class Sure(Mse):
    """Estimated error to the clean image (Stein); SIGMA of the noise in 1/255

    It is the squared difference + 2 sigma^2 divergence - sigma^2, per known number, of a network
    that denoises its input. As in Jo, Chun and Choi (ICCV 2021), but the divergence comes from a
    small change of the input (Ramani, Blu and Unser 2008) in place of a second derivative, which
    the layers do not have.
    """

    name = "sure"
    needs_whole_image = True
    of_values = True
    exact = True
    passes = 2  # both are descended
    sigma: float = value(0, above=True)

    def extra(self, output: Tensor, target: Target, nudge: Nudge) -> Tensor:
        variance = (self.sigma / GRAY_LEVELS) ** 2
        return variance * (2 * divergence(output, nudge) / target.count - 1)

    def check(self, settings: Settings) -> None:
        super().check(settings)
        needs = f"--loss {settings.loss} needs a network that denoises its input image"
        if not settings.architecture.takes_image:
            msg = f"{needs}, and --arch {settings.arch} takes no image"
            raise UsageError(msg)
        if settings.input != "image":
            msg = f"{needs}: replace --input {settings.input} by --input image"
            raise UsageError(msg)
        if not settings.parsed_task.denoises:
            msg = (
                f"--loss {settings.loss} estimates the error of a denoised image; it cannot be "
                f"used with --task {settings.task}"
            )
            raise UsageError(msg)
        if settings.precision == "bfloat16":
            msg = (
                f"--loss {settings.loss} looks at small changes of the output, which --precision "
                "bfloat16 rounds off: use float32"
            )
            raise UsageError(msg)


def divergence(output: Tensor, nudge: Nudge) -> Tensor:
    """The sum over pixels of how much each output follows its own input; from one direction."""
    direction, nudged = nudge(STEP)
    return (direction * (nudged - output)).sum() / STEP
