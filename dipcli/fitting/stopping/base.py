"""What a stopping rule is: it sees every step, chooses an iteration, and knows when it is sure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dipcli.images import Floats

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Seen:
    """What a rule may look at: a step's output and error, never the clean image."""

    iteration: int
    output: Floats  # (channel, y, x)
    error: float  # mean squared, where the target is known
    sample: npt.NDArray[np.float32]  # (n), the same numbers of the output each time
    residual: Floats  # the target less the running mean, (channel, y, x); NaN where it is unknown
    held_out: float  # the mean square of the residual where the fit does not see, or NaN


class Rule:
    """A rule of one fit; numbers and arrays among its attributes are its state.

    `see` is told of every iteration from 0 on, in order, and says whether this one is the one to
    choose as far as is known. Nothing depends on how many iterations are planned: a fit that is
    extended later has seen what it would have.
    """

    def __init__(self, sigma: float) -> None:
        """`sigma` is the noise of the target, on [0, 1]; most rules have no use for it."""
        self.chosen: int | None = None
        self.sure = False  # it would end the fit, and has chosen for good

    def see(self, seen: Seen) -> bool:
        raise NotImplementedError

    def choose(self, iteration: int) -> bool:
        self.chosen = iteration
        return True

    def state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        """All that is to come depends on: arrays and attributes."""
        mine = vars(self)
        arrays = {name: value for name, value in mine.items() if isinstance(value, np.ndarray)}
        return arrays, {name: value for name, value in mine.items() if name not in arrays}

    def restore(self, arrays: Arrays, attrs: Mapping[str, Any]) -> None:
        """Go back to what `state` took."""
        vars(self).update(attrs)
        vars(self).update({name: np.array(values) for name, values in arrays.items()})


class Minimum(Rule):
    """Chooses the minimum of a curve, once nothing undercuts it for `patience` iterations.

    The first one that is confirmed stays: late in a fit the steps shrink, and the curve with them.
    While an output hardly moves at first, a curve that measures movement is low without meaning
    anything: nothing counts until it has fallen to this part of what it was at most.
    """

    patience = 1000
    fallen = 0.5

    def __init__(self, sigma: float) -> None:
        super().__init__(sigma)
        self.highest = 0.0
        self.lowest: float | None = None
        self.waiting = 0

    def follow(self, iteration: int, value: float) -> bool:
        """Take the next point of the curve."""
        if self.sure or not np.isfinite(value):
            return False
        self.highest = max(self.highest, value)
        if value > self.highest * self.fallen:
            return False
        if self.lowest is None or value < self.lowest:
            self.lowest, self.waiting = value, 0
            return self.choose(iteration)
        self.waiting += 1
        self.sure = self.waiting >= self.patience
        return False
