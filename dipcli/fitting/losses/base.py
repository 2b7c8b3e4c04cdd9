"""What a loss is: a number that says how far what is seen is from a target."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from torch import Tensor

# moves the network's input image by so much: in which direction, and the output that it gives,
# both (1, channel, y, x); the direction is 0 where the target is unknown
Nudge = Callable[[float], tuple[Tensor, Tensor]]


class Target:
    """Numbers to compare with, of which some may be unknown; these are 0 here.

    They are an image (1, channel, y, x), or the colours of some pixels, (n, channel).
    """

    def __init__(
        self,
        values: Tensor,
        known: Tensor | None = None,
        weight: Tensor | None = None,
        total: Tensor | None = None,
    ) -> None:
        """`known` says which are (None: all); `weight` what each counts, for a sum of `total`."""
        self.values = values
        self.known = known
        self._weight = weight
        self._total = total

    def mean(self, numbers: Tensor) -> Tensor:
        """Over what is known."""
        if self._weight is None:
            return numbers.mean()
        total = (self._weight * numbers).sum()
        return total if self._total is None else total / self._total

    def masked(self, numbers: Tensor) -> Tensor:
        """With 0 for what is unknown."""
        return numbers if self.known is None else numbers * self.known

    def picked(self, numbers: Tensor) -> Tensor:
        """What is known, (n)."""
        flat = numbers.flatten()
        return flat if self._places is None else flat[self._places]

    @cached_property
    def count(self) -> int:
        """How many numbers are known."""
        return self.values.numel() if self._places is None else len(self._places)

    @cached_property
    def _places(self) -> Tensor | None:
        return None if self.known is None else self.known.flatten().nonzero()[:, 0]


class Loss:
    """How far what the task sees of an output is from the target, and what is added to that."""

    def __call__(self, seen: Tensor, target: Target) -> Tensor:
        raise NotImplementedError

    def more(self, output: Tensor, target: Target, nudge: Nudge) -> Tensor | None:
        """What depends on the output itself, (1, channel, y, x), or on how it would change."""
        return None
