"""What a loss is: a number that says how far an output is from a target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from dipcli import spec
from dipcli.errors import DipError, UsageError
from dipcli.lazy import Tensor, torch
from dipcli.spec import Spec

if TYPE_CHECKING:
    from dipcli.fitting.settings import Settings

GRAY_LEVELS = 255  # the unit of a sigma

# moves the network's input image by a step: the direction, and the output that follows, both
# (1, channel, y, x); the direction is 0 where the target is unknown
Nudge = Callable[[float], tuple[Tensor, Tensor]]


@dataclass(eq=False)
class Target:
    """Numbers to compare with, of which some may be unknown; these are 0 here.

    They are an image (1, channel, y, x), or the colours of some pixels, (n, channel).
    """

    values: Tensor
    known: Tensor | None = None  # marks the known numbers; None: all are
    weight: Tensor | None = None  # what each counts; None: all the same
    total: Tensor | None = None  # the sum of the weights, if that is not 1

    def mean(self, numbers: Tensor) -> Tensor:
        """The mean over the known numbers."""
        if self.weight is None:
            return numbers.mean()
        total = (self.weight * numbers).sum()
        return total if self.total is None else total / self.total

    def masked(self, numbers: Tensor) -> Tensor:
        """The numbers, with 0 where the target is unknown."""
        return numbers if self.known is None else numbers * self.known

    def picked(self, numbers: Tensor) -> Tensor:
        """The numbers where the target is known, (n)."""
        flat = numbers.flatten()
        return flat if self._places is None else flat[self._places]

    @cached_property
    def count(self) -> int:
        """How many numbers are known."""
        return self.values.numel() if self._places is None else len(self._places)

    @cached_property
    def _places(self) -> Tensor | None:
        return None if self.known is None else self.known.flatten().nonzero()[:, 0]


@dataclass(frozen=True)
class Loss(Spec):
    """The base of all losses."""

    needs_whole_image: ClassVar[bool] = False  # it cannot do with some pixels of the image
    of_values: ClassVar[bool] = False  # it looks at the values of an image as they are
    exact: ClassVar[bool] = False  # it looks at changes that bfloat16 would round off
    passes: ClassVar[int] = 1  # through the network, for each step

    def __call__(self, output: Tensor, target: Target) -> Tensor:
        """The loss of what is compared with the target, (1, channel, y, x) or (n, channel)."""
        raise NotImplementedError

    def extra(self, output: Tensor, target: Target, nudge: Nudge) -> Tensor | None:
        """A term of the output itself, (1, channel, y, x), or of how it would change."""
        return None

    def check(self, settings: Settings) -> None:
        """Refuse settings with which the loss makes no sense."""
        if self.needs_whole_image and settings.pixelwise:
            msg = (
                f"--loss {settings.loss} needs whole images, and a step of --arch {settings.arch} "
                f"sees {settings.batch} pixels: use mse, l1, huber or poisson"
            )
            raise UsageError(msg)


def adapt(name: str, thing: Any) -> type[Loss]:
    """A loss of the user's: a subclass of `Loss`, or a function (output, target) -> loss."""
    if isinstance(thing, type) and issubclass(thing, Loss):
        return thing
    if isinstance(thing, Loss):
        constant: type[Loss] = spec.constant(type(thing), thing)
        return constant
    if not callable(thing) or isinstance(thing, type):
        msg = f"{name} must be a subclass of dipcli.Loss or a function (output, target) -> loss"
        raise DipError(msg)

    class FunctionLoss(Loss):
        """Where pixels are unknown, the target that the function gets is the output itself."""

        needs_whole_image: ClassVar[bool] = True
        of_values: ClassVar[bool] = True
        original: ClassVar[Any] = staticmethod(thing)

        def __call__(self, output: Tensor, target: Any) -> Tensor:
            values = target.values
            if target.known is not None:
                values = torch.where(target.known, values, output.detach())
            loss = thing(output, values)
            if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
                msg = f"--loss {name} must return a tensor with one number, not {loss!r:.60}"
                raise DipError(msg)
            return loss.reshape(())

    FunctionLoss.name = name
    FunctionLoss.__doc__ = thing.__doc__
    return FunctionLoss
