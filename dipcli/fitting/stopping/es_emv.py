"""ES-EMV: es-wmv with exponential weights in place of a window (Wang and others, TMLR 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dipcli.fitting.stopping.base import Minimum, Observation

ALPHA = 0.1
START = 100  # iterations before the first one that can be chosen


@dataclass
class ExponentialVariance(Minimum):
    """Stop at the least variance of the outputs about their running mean

    Both have the weight ALPHA.
    """

    name: ClassVar[str] = "es-emv"

    def begin(self, sigma: float) -> None:
        self.mean = np.zeros(0, np.float32)  # (n)
        self.variance = 0.0

    def see(self, observation: Observation) -> bool:
        if not self.mean.size:
            self.mean = observation.sample.copy()
        delta = observation.sample - self.mean
        self.mean = self.mean + np.float32(ALPHA) * delta
        square = float(np.mean(np.square(delta), dtype=np.float64))
        self.variance = (1 - ALPHA) * (self.variance + ALPHA * square)
        return observation.iteration >= START and self.follow(observation.iteration, self.variance)
