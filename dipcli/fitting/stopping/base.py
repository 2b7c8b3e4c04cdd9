"""What a stopping rule is: it sees every step, chooses an iteration, and knows when it is sure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from dipcli.arrays import Floats
from dipcli.errors import UsageError
from dipcli.spec import Spec, constant, options

if TYPE_CHECKING:
    from dipcli.fitting.settings import Settings

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Observation:
    """What a rule may look at: the output and the error of a step, never the clean image."""

    iteration: int
    output: Floats  # (channel, y, x)
    error: float  # mean squared, where the target is known
    sample: npt.NDArray[np.float32]  # (n), the same pixels of the output each time
    residual: Floats  # target minus running mean, (channel, y, x); NaN where it is unknown
    held_out: float  # mean square of the residual at the held-out pixels, or NaN


@dataclass
class Rule(Spec):
    """The rule of one fit; its attributes that are numbers and arrays are its state.

    `see` is called for every iteration from 0 on, in order, and returns whether this iteration is
    the best choice so far. Nothing depends on how many iterations are planned: a fit that is
    extended later has seen what it would have.
    """

    holds_out: ClassVar[float] = 0.0  # the fraction of the known pixels that the fit may not see
    chosen: int | None = field(default=None, init=False)
    sure: bool = field(default=False, init=False)  # it would end the fit; the choice is final

    def begin(self, sigma: float) -> None:
        """Called once, before the first step, with the noise of the target on [0, 1]."""

    def warm(self) -> None:
        """Called after `begin` if the fit starts with the weights of another."""

    def see(self, observation: Observation) -> bool:
        raise NotImplementedError

    def check(self, settings: Settings) -> None:
        """Refuse settings with which the rule makes no sense."""

    def choose(self, iteration: int) -> bool:
        self.chosen = iteration
        return True

    def state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        """What later steps depend on: arrays and attributes."""
        mine = {k: v for k, v in vars(self).items() if k not in options(type(self))}
        arrays = {k: v.copy() for k, v in mine.items() if isinstance(v, np.ndarray)}
        return arrays, {name: value for name, value in mine.items() if name not in arrays}

    def restore(self, arrays: Arrays, attrs: Mapping[str, Any]) -> None:
        """Go back to a state."""
        vars(self).update(attrs)
        vars(self).update({name: np.array(values) for name, values in arrays.items()})


def adapt(name: str, thing: Any) -> Any:
    """A rule of the user's: a subclass of `Rule`, or an object of one, of which each run copies."""
    if isinstance(thing, type) and issubclass(thing, Rule):
        return thing
    if not isinstance(thing, Rule):
        msg = f"{name} must be a subclass of dipcli.Rule, or an object of one"
        raise UsageError(msg)
    return constant(type(thing), thing)
