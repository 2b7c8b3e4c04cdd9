"""ES-WMV: the least variance of the outputs over a moving window (Wang and others, TMLR 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dipcli.fitting.stopping.base import Minimum, Observation

WINDOW = 100


@dataclass
class WindowedVariance(Minimum):
    """Stop at the least variance of the outputs over 100 iterations

    It is the mean over a sample of the pixels of the variance over the last outputs.
    """

    name: ClassVar[str] = "es-wmv"

    def begin(self, sigma: float) -> None:
        self.count = 0
        self.window = np.zeros((0, 0), np.float32)  # (WINDOW, n), a ring
        self.sums = np.zeros((2, 0))  # (2, n), of the window and of its squares

    def see(self, observation: Observation) -> bool:
        sample = observation.sample
        if not self.window.size:
            self.window = np.zeros((WINDOW, len(sample)), np.float32)
            self.sums = np.zeros((2, len(sample)))
        place = self.count % WINDOW
        new, old = sample.astype(np.float64), self.window[place].astype(np.float64)
        self.sums[0] += new - old
        self.sums[1] += (new - old) * (new + old)
        self.window[place] = sample
        self.count += 1
        if self.count < WINDOW:
            return False
        mean, squares = self.sums / WINDOW
        return self.follow(observation.iteration, float(np.mean(squares - mean * mean)))
