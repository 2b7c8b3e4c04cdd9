"""Morozov's principle: stop where the fit is as far from the noisy image as the clean one is."""

from __future__ import annotations

import numpy as np

from dipcli.fitting.stopping.base import Rule, Seen

MEMORY = 0.9  # of the loss, which jumps where noise is added to the input


class Discrepancy(Rule):
    """The first iteration at which the mean squared error is sigma squared."""

    def __init__(self, sigma: float) -> None:
        super().__init__(sigma)
        self.sigma = sigma
        self.loss: float | None = None

    def see(self, seen: Seen) -> bool:
        if self.sure or not np.isfinite(seen.error):
            return False
        last = seen.error if self.loss is None else self.loss
        self.loss = MEMORY * last + (1 - MEMORY) * seen.error
        self.sure = self.loss <= self.sigma**2
        return self.sure and self.choose(seen.iteration)
