"""`--lipschitz auto`: the bound on convolutions that suits an image, without its clean one.

An image of 128 x 128 with noise of sigma 25 keeps its peak with 1.2. Where there are more pixels,
or less noise in them, there is more of the image to be fitted before its noise is, and the bound
may be larger. Measured for two sizes and two levels (docs/networks.md); 512 x 512 has the
published 1.4.
"""

from __future__ import annotations

import math

BOUND, SIDE, SIGMA = 1.2, 128, 25 / 255
PER_DOUBLED_SIDE, PER_HALVED_NOISE = 0.1, 0.15
LEAST, MOST = 1.0, 2.0  # below, the image itself is not fitted; above, a bound hardly binds


def suited(size: tuple[int, int], noise: float) -> float:
    """The largest spectral norm with which the peak is kept; `noise` is its sigma on [0, 1]."""
    larger = math.log2(math.sqrt(math.prod(size)) / SIDE)
    quieter = math.log2(SIGMA / max(noise, 1e-9))
    bound = BOUND + PER_DOUBLED_SIDE * larger + PER_HALVED_NOISE * quieter
    return round(min(MOST, max(LEAST, bound)), 2)
