"""Rules that choose the minimum of a curve.

ES-WMV and ES-EMV are by Wang and others (TMLR 2023).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dipcli.fitting.stopping.base import Observation, Rule

WINDOW = 100  # iterations over which es-wmv takes the variance
ALPHA = 0.1  # weight of es-emv
START = 100  # iterations before the first one that es-emv can choose


@dataclass
class Minimum(Rule):
    """Chooses the minimum of a curve, once nothing undercuts it for `patience` iterations.

    The first minimum that is confirmed stays: late in a fit the steps shrink, and the curve with
    them. At first an output hardly moves, and a curve that measures movement is low without
    meaning anything: nothing counts until it has fallen to `fallen` times its maximum.
    """

    patience = 1000
    fallen = 0.5
    highest: float = field(default=0.0, init=False)
    lowest: float | None = field(default=None, init=False)
    waiting: int = field(default=0, init=False)

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


class WindowedVariance(Minimum):
    """Stop at the least variance of the outputs over 100 iterations

    It is the mean over a sample of the pixels of the variance over the last outputs.
    """

    name = "es-wmv"

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


class ExponentialVariance(Minimum):
    """Stop at the least variance of the outputs about their running mean

    Both have exponential weights, ALPHA, in place of a window.
    """

    name = "es-emv"

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


class SelfValidation(Minimum):
    """Stop at the least error at one pixel in fifty that the fit does not see

    The error is that of the running mean, which is the estimate.
    """

    name = "self-validation"
    holds_out = 0.02
    patience = 500
    fallen = 1.0  # an error is not small before anything was learned

    def see(self, observation: Observation) -> bool:
        return self.follow(observation.iteration, observation.held_out)
