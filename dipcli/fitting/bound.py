"""`--lipschitz auto`: the bound on convolutions that suits an image, without its clean one."""

from __future__ import annotations

import math

SIDE, SIGMA = 128, 25 / 255  # an image of this size and noise ...
BOUND = 1.2  # ... keeps its peak with this bound
STEP = 0.1  # and one of twice the size, or half the noise, with one so much larger
LEAST, MOST = 1.0, 2.0  # below, the image itself is not fitted; above, a bound hardly binds


def suited(size: tuple[int, int], noise: float) -> float:
    """The largest spectral norm with which the peak is kept, as mapped in docs/networks.md.

    Where there is less noise for each pixel, or more of the image, there is more to be fitted
    before the noise is. `noise` is its sigma on [0, 1].
    """
    times = math.sqrt(math.prod(size)) / SIDE * SIGMA / max(noise, 1e-9)
    return round(min(MOST, max(LEAST, BOUND + STEP * math.log2(times))), 2)
