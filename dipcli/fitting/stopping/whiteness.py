"""Stop where what is left of the noisy image is white: then it is noise, and all of it.

While the fit lacks something of the image, neighbours in the residual resemble each other; once
it fits noise, of which it learns low frequencies first, they are opposed to each other. No level
and no distribution of the noise has to be known, only that pixels are hit one by one. The
whiteness of residuals chooses parameters elsewhere too (Hansen, Kilmer and Kjeldsen, BIT 2006).
"""

from __future__ import annotations

import math

import numpy as np

from dipcli.fitting.stopping.base import Rule, Seen
from dipcli.images import Floats

SCATTER = 3.0  # over the square root of the pixels: three times that of white noise
LARGE = 64**2  # pixels, from which on less than the scatter would be too little


class Whiteness(Rule):
    """The first iteration at which neighbours along both axes, once alike, are opposed."""

    def __init__(self, sigma: float) -> None:
        super().__init__(sigma)
        self.alike = False

    def see(self, seen: Seen) -> bool:
        correlation = max(neighbours(seen.residual, axis) for axis in (1, 2))
        self.alike |= correlation > 0
        self.sure = bool(
            self.alike and correlation < -opposed(int(np.isfinite(seen.residual[0]).sum()))
        )
        return self.sure and self.choose(seen.iteration)


def opposed(pixels: int) -> float:
    """How much neighbours of so many pixels are opposed at the peak.

    Some noise is fitted before all of the image is: a part of it that is smaller in larger images,
    but shrinks only with the root of their side. Measured; see docs/stopping.md.
    """
    return SCATTER / math.sqrt(max(pixels, 1)) * math.pow(max(1, pixels / LARGE), 1 / 4)


def neighbours(residual: Floats, axis: int) -> float:
    """The correlation of pixels (channel, y, x) with the next ones, where both are known."""
    residual = residual.swapaxes(1, axis)
    known = np.isfinite(residual)
    r = np.where(known, residual, 0)
    pairs = int(np.count_nonzero(known[:, 1:] & known[:, :-1]))
    power = float(np.vdot(r, r)) / max(int(known.sum()), 1)
    return float(np.vdot(r[:, 1:], r[:, :-1])) / pairs / power if pairs and power else np.nan
