"""`--lipschitz auto`: a bound on convolutions that suits an image, from its size and its noise.

With a bound of 1.2 an image of 128x128 with noise of sigma 25 keeps its peak. More pixels, or less
noise in them, leave more of the image to be fitted before its noise is, so the bound may be larger.
Measured for two sizes and two levels of noise (docs/networks.md); 512x512 has the published 1.4.
"""

from __future__ import annotations

import math

BOUND, SIDE, SIGMA = 1.2, 128, 25 / 255
PER_DOUBLED_SIDE, PER_HALVED_NOISE = 0.1, 0.15
LEAST, MOST = 1.0, 2.0  # below, the image itself is not fitted; above, the bound has no effect


def suited(size: tuple[int, int], noise: float) -> float:
    """The largest spectral norm that keeps the peak; `noise` is a sigma on [0, 1]."""
    larger = math.log2(math.sqrt(math.prod(size)) / SIDE)
    quieter = math.log2(SIGMA / max(noise, 1e-9))
    bound = BOUND + PER_DOUBLED_SIDE * larger + PER_HALVED_NOISE * quieter
    return round(min(MOST, max(LEAST, bound)), 2)
