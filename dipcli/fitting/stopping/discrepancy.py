"""Morozov's principle: stop where the fit is as far from the noisy image as the clean one is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dipcli.fitting.stopping.base import Observation, Rule
from dipcli.spec import value

GRAY_LEVELS = 255  # the unit of SIGMA
MEMORY = 0.9  # weight of the earlier errors, which jump where noise is added to the input


@dataclass
class Discrepancy(Rule):
    """Stop when the mean squared error is that of noise of SIGMA/255; estimated if not given"""

    name = "discrepancy"
    level: float | None = value(0, above=True, default=None, label="SIGMA")

    def begin(self, sigma: float) -> None:
        self.sigma = sigma if self.level is None else self.level / GRAY_LEVELS
        self.loss: float | None = None

    def see(self, observation: Observation) -> bool:
        if self.sure or not np.isfinite(observation.error):
            return False
        last = observation.error if self.loss is None else self.loss
        self.loss = MEMORY * last + (1 - MEMORY) * observation.error
        self.sure = self.loss <= self.sigma**2
        return self.sure and self.choose(observation.iteration)
