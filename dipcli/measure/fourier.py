"""Half of the Fourier transform of real images, and the bands and rings of its frequencies.

Of a volume, rings are shells; along z a frequency is in cycles per plane.

The other half is its mirror image: `twice` counts the bins of the whole transform. Frequencies are
in cycles per pixel, so that they agree along both sides of an image that is not square.
"""

from __future__ import annotations

from functools import lru_cache, reduce

import numpy as np
import numpy.typing as npt
import scipy.fft

from dipcli.arrays import Doubles
from dipcli.measure.base import Axis

Size = tuple[int, ...]  # height and width; of a volume the planes before them
Labels = npt.NDArray[np.intp]  # (y, x) or (z, y, x) of the half

ROUNDING = 1e-9  # keeps a frequency on the edge of two bands in the lower one, despite rounding


def transform(image: npt.NDArray[np.floating], dims: int = 2) -> npt.NDArray[np.complex128]:
    """The transform along the last axes, not normalised; in float64: ratios use the least bins."""
    return np.asarray(scipy.fft.rfftn(image.astype(np.float64), axes=range(-dims, 0)))


def power(image: npt.NDArray[np.floating], dims: int = 2) -> Doubles:
    """|F|^2 along the last axes."""
    spectrum = transform(image, dims)
    return np.asarray(np.square(spectrum.real) + np.square(spectrum.imag))


@lru_cache(8)
def twice(size: Size) -> Doubles:
    """The number of bins of the whole transform that each bin of the half stands for, (y, x)."""
    *others, width = size
    counts = np.full((*others, width // 2 + 1), 2.0)
    counts[..., 0] = 1
    if width % 2 == 0:
        counts[..., -1] = 1
    return counts


def cycles(size: Size) -> tuple[npt.NDArray[np.int64], ...]:
    """Whole cycles per image of the bins, along each axis."""
    *others, width = size
    along = [np.rint(np.fft.fftfreq(n, 1 / n)).astype(np.int64) for n in others]
    return np.ix_(*along, np.arange(width // 2 + 1))


def frequency(size: Size) -> Doubles:
    """Cycles per pixel of the bins, (y, x); 0.5 is Nyquist, and the corners lie beyond it."""
    along = [whole / n for whole, n in zip(cycles(size), size, strict=True)]
    return np.asarray(reduce(np.hypot, along))


def total(weights: Doubles, labels: Labels, groups: int, size: Size) -> Doubles:
    """Sum (y, x) over the whole transform, per label."""
    sums = np.bincount(labels.ravel(), (twice(size) * weights).ravel(), groups)
    return np.asarray(sums[:groups], np.float64)


def mean(weights: Doubles, labels: Labels, groups: int, size: Size) -> Doubles:
    """Average (y, x) over the whole transform, per label; NaN for a label without bins."""
    counts = total(np.ones(weights.shape), labels, groups, size)
    with np.errstate(invalid="ignore"):
        return np.asarray(total(weights, labels, groups, size) / counts)


def band_axis(bands: int) -> Axis:
    """Number, lower and upper end of bands of equal width, as fractions of Nyquist."""
    number = np.arange(1, bands + 1)
    return {"band": number, "low": (number - 1) / bands, "high": number / bands}


@lru_cache(8)
def band_labels(size: Size, bands: int) -> Labels:
    """The band of each bin, from 0; the last band includes the corners beyond Nyquist."""
    place = np.ceil(frequency(size) / 0.5 * bands - ROUNDING).astype(np.intp) - 1
    return np.clip(place, 0, bands - 1)
