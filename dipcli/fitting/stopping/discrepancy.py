"""Morozov's principle: stop where the fit is as far from the noisy image as the clean one is."""

from __future__ import annotations

import numpy as np

from dipcli.fitting.stopping.base import Rule, Seen
from dipcli.images import Floats

MEMORY = 0.9  # of the loss, which jumps where noise is added to the input
NORMAL = 0.6745  # median of |x| of a normal distribution of sigma 1


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


def noise_level(target: Floats) -> float:
    """Sigma of white noise in an image (channel, y, x) on [0, 1], from its finest diagonal detail.

    The median is that of noise: edges are few (Donoho and Johnstone 1994, with the Haar wavelet).
    """
    corner, right = target[:, :-1, :-1], target[:, :-1, 1:]
    below, across = target[:, 1:, :-1], target[:, 1:, 1:]
    detail = np.abs(corner - right - below + across) / 2
    known = detail[np.isfinite(detail)]
    return float(np.median(known)) / NORMAL if known.size else 0.0
