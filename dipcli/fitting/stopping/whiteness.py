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

SCATTER = 3.5  # over the root of the pixels, which is the scatter of white noise; docs/stopping.md


class Whiteness(Rule):
    """The first iteration at which neighbours along both axes, once alike, are opposed."""

    def __init__(self, sigma: float) -> None:
        super().__init__(sigma)
        self.alike = False

    def see(self, seen: Seen) -> bool:
        correlation = max(neighbours(seen.residual))
        pixels = int(np.count_nonzero(np.isfinite(seen.residual[0])))
        self.alike |= correlation > 0
        self.sure = self.alike and correlation < -SCATTER / math.sqrt(max(pixels, 1))
        return self.sure and self.choose(seen.iteration)


def neighbours(residual: Floats) -> tuple[float, float]:
    """The correlation of pixels (channel, y, x) with the next ones along y, and along x."""
    known = np.isfinite(residual)
    r = np.where(known, residual, 0)
    power = float(np.vdot(r, r)) / max(int(np.count_nonzero(known)), 1)

    def with_next(last: tuple[slice, ...], first: tuple[slice, ...]) -> float:
        pairs = int(np.count_nonzero(known[last] & known[first]))
        products = float(np.einsum("cyx,cyx->", r[last], r[first]))
        return products / pairs / power if pairs and power else np.nan

    every, but_last, but_first = slice(None), slice(-1), slice(1, None)
    return (
        with_next((every, but_last), (every, but_first)),
        with_next((every, every, but_last), (every, every, but_first)),
    )
