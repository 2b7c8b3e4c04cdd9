"""Fourier ring correlation: in which frequencies two images agree, phase included.

Saxton and Baumeister, J. Microscopy 127 (1982); of volumes the rings are shells (Fourier shell
correlation). Over a ring, with F and G the transforms of the two images,

    frc = Re sum F conj(G) / sqrt(sum |F|^2 sum |G|^2)

Sums run over channels too. The mean of each image is taken off first, and its border is faded out
(Nieuwenhuizen and others, Nature Methods 10, 2013): the step from one side to the other, which both
images share, would count as agreement at all frequencies.
"""

from __future__ import annotations

from functools import lru_cache, reduce

import numpy as np

from dipcli.arrays import Doubles, Floats
from dipcli.measure import fourier
from dipcli.measure.base import BANDS, Measure
from dipcli.measure.fourier import Size
from dipcli.measure.radial import Radial, rings

FADED = 1 / 8  # of a side, at each end, in which the border is faded out
SEVENTH = 1 / 7
NYQUIST = 0.5  # cycles per pixel


class Frc(Radial):
    """Fourier ring correlation with the target: agreement of amplitude and phase, -1 to 1."""

    needs = "target"
    quantity = "Fourier ring correlation"
    columns = ("frc",)

    def __init__(self, reference: Floats, bands: int = BANDS) -> None:
        super().__init__(reference, bands)
        self._own = spectrum(reference)

    def take(self, frame: Floats) -> list[Doubles]:
        return [correlation(spectrum(frame), self._own, self._size)]


class FrcHalves(Measure):
    """Fourier ring correlation of two halves of the pixels: what an image agrees on with itself.

    The halves are every second pixel of the even lines and of the odd lines, so frequencies reach
    half as far, and noise that neighbours share counts as agreement.
    """

    quantity = "Fourier ring correlation of two halves"
    columns = ("frc",)

    def __init__(self, reference: Floats, bands: int = BANDS) -> None:
        super().__init__(reference, bands)
        height, width = (max(1, n // 2) for n in reference.shape[1:])
        self._size = height, width
        _, axis = rings(self._size)
        self.axis = {"radius": axis["radius"], "frequency": axis["frequency"] / 2}

    def take(self, frame: Floats) -> list[Doubles]:
        if min(frame.shape[1:]) < 2:  # there are no halves
            return [np.full(self.places, np.nan)]
        height, width = (2 * n for n in self._size)
        whole = frame[:, :height, :width]
        even, odd = (spectrum(whole[:, k::2, k::2]) for k in (0, 1))
        return [correlation(even, odd, self._size)]


class Resolution(Measure):
    """The resolution in pixels: where the ring correlation with the target falls below 1/7, and
    below half a bit

    A bit is the information of a ring whose signal is as strong as its noise (van Heel and Schatz,
    2005). It is 2, that of Nyquist, where the correlation stays above.
    """

    needs = "target"
    volumes = True
    quantity = "resolution (pixels)"
    columns = ("half_bit", "seventh")

    def __init__(self, reference: Floats, bands: int = BANDS) -> None:
        super().__init__(reference, bands)
        self._frc = Frc(reference)
        self._limit = half_bit(reference.shape[1:])

    def take(self, frame: Floats) -> list[float]:
        (curve,) = self._frc.take(frame)
        at = self._frc.axis["frequency"]
        return [resolution(at, curve, limit) for limit in (self._limit, SEVENTH)]


class Phase(Measure):
    """Mean error of the phase against the target in bands of frequency, in radians; of noise pi/2.

    The bands are those of fbc-energy, and every bin weighs the same.
    """

    needs = "target"
    volumes = True
    quantity = "phase error (radians)"
    columns = ("phase",)

    def __init__(self, reference: Floats, bands: int = BANDS) -> None:
        super().__init__(reference, bands)
        self.axis = fourier.band_axis(bands)
        self._size = reference.shape[1:]
        labels = fourier.band_labels(self._size, bands).copy()
        labels[(0,) * len(self._size)] = bands  # the mean has no phase
        self._labels = labels
        self._own = fourier.transform(np.nan_to_num(reference), len(self._size))

    def take(self, frame: Floats) -> list[Doubles]:
        other = fourier.transform(np.nan_to_num(frame), len(self._size))
        error = np.abs(np.angle(other * self._own.conj())).mean(axis=0)
        return [fourier.mean(error, self._labels, self.bands, self._size)]


def spectrum(image: Floats) -> np.ndarray:
    """The transform of each channel, without its mean, and faded out at its border."""
    size = image.shape[1:]
    axes = tuple(range(1, image.ndim))
    centred = image - np.nanmean(image, axis=axes, keepdims=True, dtype=np.float64)
    return fourier.transform(np.nan_to_num(centred, nan=0.0) * _window(size), len(size))


def correlation(one: np.ndarray, other: np.ndarray, size: Size) -> Doubles:
    """The correlation of two transforms (channel, y, x) in each ring; NaN where one is 0."""
    labels, axis = rings(size)
    places = len(axis["radius"])

    def total(values: Doubles) -> Doubles:
        return fourier.total(values.sum(axis=0), labels, places, size)

    common = total((one * other.conj()).real)
    powers = [total(np.square(np.abs(each))) for each in (one, other)]
    with np.errstate(invalid="ignore"):
        return np.asarray(common / np.sqrt(powers[0] * powers[1]))


def half_bit(size: Size) -> Doubles:
    """The correlation of each ring at half a bit of information per pixel."""
    labels, axis = rings(size)
    bins = fourier.total(np.ones(labels.shape), labels, len(axis["radius"]), size)
    root = np.sqrt(np.maximum(bins, 1))
    return np.asarray((0.2071 + 1.9102 / root) / (1.2071 + 0.9102 / root))


def resolution(frequency: Doubles, curve: Doubles, limit: Doubles | float) -> float:
    """The period of the first crossing, on the straight line between rings; NaN if all is below.

    Ring 0, the mean, is left out.
    """
    above = (curve - limit)[1:]
    at = frequency[1:]
    inside = at <= NYQUIST
    above, at = above[inside], at[inside]
    below = np.flatnonzero(~(above >= 0))
    if not below.size:
        return 1 / NYQUIST
    place = int(below[0])
    if place == 0 or np.isnan(above[place]):
        return np.nan if place == 0 else float(1 / at[place - 1])
    before, after = above[place - 1 : place + 1]
    start, end = at[place - 1 : place + 1]
    return float(1 / (start + before / (before - after) * (end - start)))


@lru_cache(8)
def _window(size: Size) -> Doubles:
    """1 in the middle, falling to 0 at the border, (y, x) or (z, y, x); not along a few planes."""
    return np.asarray(reduce(np.multiply.outer, map(_faded, size)))


def _faded(length: int) -> Doubles:
    """The window of Tukey: flat, with a half wave of a cosine at each end."""
    if length * FADED <= 0.5:
        return np.ones(length)
    place = np.arange(length) / (length - 1)
    near = np.minimum(np.minimum(place, 1 - place) / FADED, 1)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * near))
