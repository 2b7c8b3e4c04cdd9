"""Radial spectra: of an image, and of the difference between an image and its reference.

Rings are one cycle per image side wide, in cycles of the longer side: ring k holds the frequencies
about k / max(height, width) cycles per pixel, and ring 0 the mean of the image alone. The transform
is not normalised. Each channel is transformed alone, and the numbers are means over channels.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from dipcli.arrays import Doubles, Floats
from dipcli.measure import fourier
from dipcli.measure.base import BANDS, Axis, Measure
from dipcli.measure.fourier import Labels, Size


class Radial(Measure):
    """A measure with a row for each ring of frequency."""

    volumes = True

    def __init__(self, reference: Floats, bands: int = BANDS) -> None:
        super().__init__(reference, bands)
        self._size = reference.shape[1:]
        self._rings, self.axis = rings(self._size)

    def _power(self, image: Floats | Doubles) -> Doubles:
        return fourier.power(image, len(self._size))

    def _mean(self, spectrum: Doubles) -> Doubles:
        return fourier.mean(spectrum.mean(axis=0), self._rings, self.places, self._size)


class Power(Radial):
    """Power spectrum: mean of |F|^2 in rings of frequency."""

    quantity = "power, mean of |F|² over the ring (image from 0 to 1)"
    columns = ("power",)

    def take(self, frame: Floats) -> list[Doubles]:
        return [self._mean(self._power(np.nan_to_num(frame)))]


class Amplitude(Radial):
    """Amplitude spectrum: sum of |F| in rings of frequency."""

    quantity = "amplitude, sum of |F| over the ring (image from 0 to 1)"
    columns = ("amplitude",)

    def take(self, frame: Floats) -> list[Doubles]:
        spectrum = np.sqrt(self._power(np.nan_to_num(frame))).mean(axis=0)
        return [fourier.total(spectrum, self._rings, self.places, self._size)]


class Error(Radial):
    """Power spectrum of the difference from the target, absolute and relative to it."""

    needs = "target"
    quantity = "relative error"
    columns = ("error", "relative")

    def __init__(self, reference: Floats, bands: int = BANDS) -> None:
        super().__init__(reference, bands)
        self._own = self._mean(self._power(np.nan_to_num(reference)))

    def take(self, frame: Floats) -> list[Doubles]:
        ring = self._mean(self._power(difference(frame, self.reference)))
        with np.errstate(divide="ignore", invalid="ignore"):
            return [ring, ring / self._own]


def difference(frame: Floats, reference: Floats) -> Doubles:
    """The difference of two images, (channel, y, x); 0 at unknown pixels."""
    return np.nan_to_num(frame.astype(np.float64) - reference, nan=0.0)


def power2d(frame: Floats, reference: Floats) -> Doubles:
    """|F|^2 of the difference, mean over channels, with frequency 0 in the centre, (y, x)."""
    whole = np.fft.fft2(difference(frame, reference))
    return np.fft.fftshift(np.square(np.abs(whole)).mean(axis=0))


@lru_cache(8)
def rings(size: Size) -> tuple[Labels, Axis]:
    """The ring of each bin, and the axis of the rings."""
    longer = max(size)
    rings = np.floor(fourier.frequency(size) * longer + 0.5).astype(np.intp)
    radius = np.arange(rings.max() + 1)
    return rings, {"radius": radius, "frequency": radius / longer}
