"""The noise of a camera made alike everywhere: the generalised Anscombe transform and its inverse.

A camera's numbers are y = gain Poisson(x / gain) + N(offset, read^2), so the noise grows with the
brightness. z = 2 sqrt(y' + 3/8 + s^2) of the photons y' = (y - offset) / gain, with s = read /
gain, has noise of standard deviation 1 everywhere. A smoothed z is about the mean of z, which is
less than z of the mean; so the inverse is the number of photons whose mean of z it is (Makitalo and
Foi, IEEE Trans. Image Process. 2011 and 2013).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dipcli.arrays import Doubles, Floats
from dipcli.images.scale import Scale

FEW = 100.0  # photons, or variance of the read noise: above it the closed form is exact enough
STEPS = 500  # of the table of means below it
NODES = 241  # of an integral over the read noise, from -6 to 6 standard deviations


@dataclass(frozen=True)
class Anscombe:
    """Between pixels on the scale of an image, and values that have noise of one spread.

    Pixels of 0 and 1 are values of 0 and 1, so a network meets the range that it is made for.
    """

    gain: float  # numbers of the file per photon
    read: float  # standard deviation of the read noise, in numbers of the file
    offset: float  # the number of the file for no light
    scale: Scale

    def stabilised(self, pixels: Floats) -> Floats:
        """The values of pixels; NaN stays NaN."""
        low, high = self._ends
        values = (self._forward(self.scale.numbers(pixels)) - low) / (high - low)
        return values.astype(np.float32)

    def restored(self, values: Floats) -> Floats:
        """The pixels whose noisy values have these means: the exact unbiased inverse."""
        low, high = self._ends
        photons = self._inverse(values.astype(np.float64) * (high - low) + low)
        return self.scale.pixels(photons * self.gain + self.offset)

    @property
    def _spread(self) -> float:
        """The standard deviation of the read noise, in photons."""
        return self.read / self.gain

    @cached_property
    def _ends(self) -> tuple[float, float]:
        """What is 0 and what is 1."""
        low, high = self._forward(self.scale.numbers(np.array([0.0, 1.0])))
        return float(low), float(high)

    def _forward(self, numbers: Doubles) -> Doubles:
        return _transform((numbers - self.offset) / self.gain, self._spread)

    def _inverse(self, z: Doubles) -> Doubles:
        """Photons, at least 0."""
        photons, means = self._table
        last = means[-1:]
        many = _closed_form(np.maximum(z, last), self._spread)
        many += photons[-1] - _closed_form(last, self._spread)  # they meet where the table ends
        return np.where(z <= last, np.interp(z, means, photons), many)

    @cached_property
    def _table(self) -> tuple[Doubles, Doubles]:
        """Few photons, and the means of z for so many."""
        s = self._spread
        if s**2 > FEW:  # the noise is nearly Gaussian
            nothing = 2 * np.sqrt(1 / 8 + s**2)  # where the closed form is 0
            return np.zeros(1), np.array([nothing])
        photons = np.linspace(0, np.sqrt(FEW), STEPS) ** 2
        counts = np.arange(int(FEW + 12 * np.sqrt(FEW)))
        nodes = np.linspace(-6, 6, NODES)
        weights = np.exp(-(nodes**2) / 2)
        read = _transform(counts[:, None] + s * nodes, s) @ (weights / weights.sum())
        logs = np.append(0, np.cumsum(np.log(counts[1:])))  # of the factorials
        with np.errstate(divide="ignore", invalid="ignore"):
            chance = np.exp(counts * np.log(photons)[:, None] - photons[:, None] - logs)
        chance[0] = counts == 0
        return photons, chance @ read


def _transform(photons: Doubles, spread: float) -> Doubles:
    """z, whose noise has a standard deviation of 1."""
    z: Doubles = 2 * np.sqrt(np.maximum(photons + 3 / 8 + spread**2, 0))
    return z


def _closed_form(z: Doubles, spread: float) -> Doubles:
    """The unbiased inverse for many photons."""
    root = np.sqrt(3 / 2)
    series = root / 4 / z - 11 / 8 / z**2 + 5 / 8 * root / z**3
    photons: Doubles = z**2 / 4 + series - 1 / 8 - spread**2
    return photons
