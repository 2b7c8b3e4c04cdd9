"""Stop where the residual is white: then it is noise, and all of the noise.

While the fit lacks a part of the image, neighbours in the residual are positively correlated; once
it fits noise, of which it learns low frequencies first, they are negatively correlated. Neither the
level nor the distribution of the noise has to be known, only that it is independent from pixel to
pixel. Whiteness of residuals chooses parameters elsewhere (Hansen, Kilmer and Kjeldsen, BIT 2006).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from dipcli.arrays import Floats
from dipcli.fitting.stopping.base import Observation, Rule
from dipcli.spec import value

# The threshold, over the root of the pixels, which is the scatter of white noise (docs/stopping.md)
SCATTER = 3.5


@dataclass
class Whiteness(Rule):
    """Stop when the residual is white: neighbouring pixels are no longer positively correlated

    It is the first iteration at which the correlation along both axes, once positive, is negative.
    Pixels are compared that are LAG apart: 1, or more where near ones share noise.
    """

    name = "whiteness"
    lag: int = value(
        1, 64, default=1, label="LAG"
    )  # how far apart the pixels are, where nearer ones share noise
    alike: bool = field(default=False, init=False)

    def warm(self) -> None:
        """The first residual may be white already: it is that of an image like this one.

        Pixels that are further apart may also differ where an image is another one.
        """
        self.alike = self.lag == 1

    def see(self, observation: Observation) -> bool:
        correlation = max(neighbours(observation.residual, self.lag))
        pixels = int(np.count_nonzero(np.isfinite(observation.residual[0])))
        self.alike |= correlation > 0
        self.sure = self.alike and correlation < -SCATTER / math.sqrt(max(pixels, 1))
        return self.sure and self.choose(observation.iteration)


def neighbours(residual: Floats, lag: int = 1) -> tuple[float, float]:
    """The correlation of pixels (channel, y, x) with those `lag` further along y, and along x."""
    known = np.isfinite(residual)
    r = np.where(known, residual, 0)
    power = float(np.vdot(r, r)) / max(int(np.count_nonzero(known)), 1)

    def with_next(last: tuple[slice, ...], first: tuple[slice, ...]) -> float:
        pairs = int(np.count_nonzero(known[last] & known[first]))
        products = float(np.einsum("cyx,cyx->", r[last], r[first]))
        return products / pairs / power if pairs and power else np.nan

    every, but_last, but_first = slice(None), slice(-lag), slice(lag, None)
    return (
        with_next((every, but_last), (every, but_first)),
        with_next((every, every, but_last), (every, every, but_first)),
    )
