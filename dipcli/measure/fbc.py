"""Frequency-band correspondence: how much of a reference's spectrum an image has, band by band.

Shi, Mettes, Maji and Snoek, "On Measuring and Controlling the Spectral Bias of the Deep Image
Prior", IJCV 130 (2022). With A and B the amplitudes of the image and of the reference, both gray,
it is the mean over a band of min(A / B, 1). The phase is ignored.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from dipcli.arrays import Doubles, Floats
from dipcli.measure.base import BANDS, Measure, gray
from dipcli.measure.fourier import (
    Labels,
    Size,
    band_axis,
    band_labels,
    cycles,
    frequency,
    mean,
    total,
    transform,
)

EPSILON = 1e-8


class Fbc(Measure):
    """Frequency-band correspondence with the target, as published.

    The bands are rings of a radius in bins, in fractions of half the width, and every bin weighs
    the same. Where an image is not square, the rings are not round in frequency; bins beyond half
    the width, such as the corners, are in no band.
    """

    needs = "target"
    volumes = True
    quantity = "frequency-band correspondence"
    columns = ("fbc",)

    def __init__(self, reference: Floats, bands: int = BANDS) -> None:
        super().__init__(reference, bands)
        self.axis = band_axis(bands)
        self._size = reference.shape[1:]
        self._target = np.abs(transform(gray(reference), len(self._size)))
        self._rings = _rings(self._size, bands)

    def take(self, frame: Floats) -> list[Doubles]:
        ratio = np.abs(transform(gray(frame), len(self._size))) / (self._target + EPSILON)
        return [mean(np.clip(ratio, 0, 1), self._rings, self.bands, self._size)]


class FbcEnergy(Fbc):
    """Frequency-band correspondence weighted by energy, in bands round in frequency.

    Each bin is weighted by the reference's energy there: sum of min(A, B) B / sum of B^2. The last
    band includes the corners. The mean of the image is left out, because it outweighs everything
    and is learned first.
    """

    quantity = "energy-weighted correspondence"

    def __init__(self, reference: Floats, bands: int = BANDS) -> None:
        super().__init__(reference, bands)
        self._target[(0,) * len(self._size)] = 0
        self._rings = band_labels(self._size, bands)
        self._energy = total(np.square(self._target), self._rings, bands, self._size)

    def take(self, frame: Floats) -> list[Doubles]:
        common = (
            np.minimum(np.abs(transform(gray(frame), len(self._size))), self._target) * self._target
        )
        with np.errstate(invalid="ignore"):
            return [total(common, self._rings, self.bands, self._size) / self._energy]


@lru_cache(8)
def _rings(size: Size, bands: int) -> Labels:
    """The ring of each bin, from 0, or `bands` if outside; in integers, so that edges are exact.

    The shells of a volume are round in frequency.
    """
    if len(size) == 3:
        return np.where(frequency(size) <= 0.5, band_labels(size, bands), bands)
    y, x = cycles(size)
    half = size[1] // 2
    edges = np.square(np.arange(1, bands + 1) * half)
    return np.searchsorted(edges, (y**2 + x**2) * bands**2)


def onset(iteration: npt.NDArray[np.int64], values: Doubles, threshold: float) -> Doubles:
    """The first iteration at which each band of (iteration, band) reaches a threshold, or NaN.

    Between two saved iterations the curve is taken as a straight line.
    """
    return np.array([_first(iteration, band, threshold) for band in values.T])


def _first(iteration: npt.NDArray[np.int64], values: Doubles, threshold: float) -> float:
    known = ~np.isnan(values)
    at, values = iteration[known], values[known]
    reached = np.flatnonzero(values >= threshold)
    if not reached.size:
        return np.nan
    place = reached[0]
    if place == 0:
        return float(at[0])
    before, after = values[place - 1 : place + 1]
    start, end = at[place - 1 : place + 1]
    return float(start + (threshold - before) / (after - before) * (end - start))
