"""Stop where pixels that the fit does not see are restored best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dipcli.fitting.stopping.base import Minimum, Observation


@dataclass
class SelfValidation(Minimum):
    """Stop at the least error at one pixel in fifty that the fit does not see

    The error is that of the running mean, which is the estimate.
    """

    name: ClassVar[str] = "self-validation"
    holds_out: ClassVar[float] = 0.02
    patience: ClassVar[int] = 500
    fallen: ClassVar[float] = 1.0  # an error is not small before anything was learned

    def see(self, observation: Observation) -> bool:
        return self.follow(observation.iteration, observation.held_out)
