"""The ratio of blur and sharpness no longer changes (Shi and others, IJCV 2022, equation 8)."""

from __future__ import annotations

import numpy as np

from dipcli.fitting.stopping.base import Observation, Rule
from dipcli.measure.base import gray
from dipcli.measure.blur import blur, sharpness

WINDOW = 100  # n
EPSILON = 0.01


class BlurSharp(Rule):
    """Stop when the ratio of blur and sharpness no longer changes

    |mean r[i - 2n : i - n] - mean r[i - n + 1 : i]| < EPSILON, for the first time, at i > 2n.
    """

    name = "blur-sharp"

    def begin(self, sigma: float) -> None:
        self.ratios = np.zeros(2 * WINDOW)  # of the iterations before this one, the last at the end

    def see(self, observation: Observation) -> bool:
        if self.sure:
            return False
        before, after = self.ratios[:WINDOW].mean(), self.ratios[WINDOW + 1 :].mean()
        enough = observation.iteration > 2 * WINDOW and abs(before - after) < EPSILON
        image = gray(observation.output)
        sharp = sharpness(image)
        ratio = blur(image) / sharp if sharp else np.nan
        self.ratios = np.append(self.ratios[1:], ratio)
        self.sure = bool(enough)
        return self.sure and self.choose(observation.iteration)
