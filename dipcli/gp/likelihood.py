"""Choice of a kernel by its marginal likelihood, given the known pixels of an image.

The likelihood of n pixels costs n^3 operations. Therefore a composite likelihood replaces it: that
of a few neighbourhoods, spread evenly over the image, as if they were independent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular
from scipy.optimize import minimize

from dipcli.arrays import Doubles
from dipcli.errors import DipError
from dipcli.gp.process import Family, GaussianProcess

PIXELS = 256  # per neighbourhood
ACROSS = 4  # most neighbourhoods along each side of an image
JITTER = 1e-7  # least noise, as a fraction of the variance, for matrices to have an inverse
LENGTHS = (math.log(0.2), math.log(1000))
RATIOS = (math.log(JITTER), math.log(1e6))  # variance of the noise over that of the kernel


@dataclass(frozen=True)
class Neighbourhoods:
    """Known pixels in groups of equal size, each of one channel."""

    values: Doubles  # (group, pixel)
    rows: npt.NDArray[np.intp]  # (group, pixel, pixel): |dy| of each pair
    columns: npt.NDArray[np.intp]  # |dx|
    channel: npt.NDArray[np.intp]  # (group); each channel has one

    @classmethod
    def from_pixels(cls, pixels: Doubles) -> Neighbourhoods:
        """Group the known pixels of an image whose unknown ones are NaN. (channel, y, x)"""
        known = [np.argwhere(~np.isnan(channel)) for channel in pixels]
        counts = [len(places) for places in known]
        if min(counts) < 2:
            msg = "a channel has fewer than two known pixels, too few to infer the others from"
            raise DipError(msg)
        size = min(PIXELS, *counts)
        # at least one neighbourhood per channel
        across = max(_root(len(pixels)), min(ACROSS, _root(-(-max(counts) // size))))
        size = min(size, max(2, PIXELS * ACROSS // across))
        # channels alternate; the shift keeps a channel from filling a whole column
        shift = int(across % len(pixels) == 0)
        groups, channel = [], []
        for i in range(across**2):
            c = (i + i // across * shift) % len(pixels)
            centre = (np.array(divmod(i, across)) + 0.5) / across * pixels.shape[1:] - 0.5
            far = ((known[c] - centre) ** 2).sum(axis=1)
            groups.append(known[c][np.argsort(far, kind="stable")[:size]])
            channel.append(c)
        place = np.stack(groups)  # (group, pixel, 2)
        step = np.abs(place[:, :, None] - place[:, None])
        which = np.array(channel)
        values = pixels[which[:, None], place[..., 0], place[..., 1]]
        return cls(values.astype(float), step[..., 0], step[..., 1], which)

    def process(
        self, family: Family, length: float, ratio: float, noise: float | None
    ) -> GaussianProcess:
        """Find the likeliest means and variance, where noise^2 = ratio * variance."""
        shape = (int(self.rows.max()) + 1, int(self.columns.max()) + 1)
        matrices = family.correlation(shape, length)[self.rows, self.columns]
        groups, size = self.values.shape
        matrices[:, np.arange(size), np.arange(size)] += ratio
        roots = np.linalg.cholesky(matrices)
        right = np.stack([self.values, np.ones_like(self.values)], -1)
        white = np.stack(
            [
                solve_triangular(root, side, lower=True, check_finite=False)
                for root, side in zip(roots, right, strict=True)
            ]
        )  # (group, pixel, 2): the values, and ones
        means, squares = [], 0.0
        for c in range(self.channel.max() + 1):
            y, one = (white[self.channel == c][..., k].ravel() for k in (0, 1))
            means.append(float(one @ y / (one @ one)))
            squares += float(((y - means[c] * one) ** 2).sum())
        count = groups * size
        variance = max(noise**2 / ratio, 1e-200) if noise else max(squares / count, 1e-12)
        determinant = 2 * np.log(np.diagonal(roots, axis1=1, axis2=2)).sum()
        exponent = squares / variance + count * math.log(2 * math.pi * variance) + determinant
        sigma = math.sqrt(ratio * variance)
        return GaussianProcess(
            family, length, variance, sigma, tuple(means), -exponent / (2 * count)
        )


def _root(n: int) -> int:
    """Square root, rounded up."""
    return math.isqrt(n - 1) + 1


def fit(pixels: Doubles, family: Family, noise: float | None = None) -> GaussianProcess:
    """Fit the numbers of a Gaussian process to the known pixels of an image. (channel, y, x)

    Unknown pixels are NaN. `noise` fixes the standard deviation of the noise.
    """
    near = Neighbourhoods.from_pixels(pixels)
    free = np.array([family.free, noise != 0])
    start = np.log([max(family.length, 0.2), 1e-2 if noise != 0 else JITTER])

    def at(values: Doubles) -> GaussianProcess:
        full = start.copy()
        full[free] = values
        for k, (low, high) in enumerate((LENGTHS, RATIOS)):
            if free[k] and not low <= full[k] <= high:
                raise np.linalg.LinAlgError
        length = math.exp(full[0]) if family.free else family.length
        return near.process(family, length, math.exp(full[1]), noise)

    def cost(values: Doubles) -> float:
        try:
            return -at(values).likelihood
        except np.linalg.LinAlgError:  # out of bounds, or a matrix without an inverse
            return math.inf

    if not free.any():
        return at(start[free])
    result = minimize(
        cost,
        start[free],
        method="Nelder-Mead",
        options={"xatol": 0.01, "fatol": 1e-4, "maxfev": 120},
    )
    return at(result.x)


def best(processes: Sequence[GaussianProcess]) -> GaussianProcess:
    """Choose the likeliest process; of equal ones the first."""
    return max(processes, key=lambda process: process.likelihood)
