"""Stop where what is left of the noisy image is white: then it is noise, and all of it.

While the fit lacks something of the image, neighbours in the residual resemble each other; once
it fits noise, of which it learns low frequencies first, they are opposed to each other. No level
and no distribution of the noise has to be known, only that pixels are hit one by one. The
whiteness of residuals chooses parameters elsewhere too (Hansen, Kilmer and Kjeldsen, BIT 2006).
"""

from __future__ import annotations

import numpy as np

from dipcli.fitting.stopping.base import Rule, Seen
from dipcli.images import Floats

OPPOSED = 4.0  # over the square root of the pixels; measured, see docs/stopping.md


class Whiteness(Rule):
    """The first iteration at which neighbours, once alike, are opposed."""

    def __init__(self, sigma: float) -> None:
        super().__init__(sigma)
        self.alike = False

    def see(self, seen: Seen) -> bool:
        correlation = neighbours(seen.residual)
        self.alike |= correlation > 0
        pixels = np.isfinite(seen.residual[0]).sum()
        self.sure = bool(self.alike and correlation < -OPPOSED / np.sqrt(max(pixels, 1)))
        return self.sure and self.choose(seen.iteration)


def neighbours(residual: Floats) -> float:
    """The correlation of pixels with the next ones along x and along y, (channel, y, x)."""
    known = np.isfinite(residual)
    r = np.where(known, residual, 0)
    products, pairs = 0.0, 0
    for one, next_ in (
        (np.s_[:, :, :-1], np.s_[:, :, 1:]),
        (np.s_[:, :-1], np.s_[:, 1:]),
    ):
        products += float(np.vdot(r[one], r[next_]))
        pairs += int(np.count_nonzero(known[one] & known[next_]))
    power = float(np.vdot(r, r)) / max(int(known.sum()), 1)
    return products / pairs / power if pairs and power else np.nan
