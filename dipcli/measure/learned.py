"""How much of a spectrum is learned: the area of the poster's pictures of low error."""

from __future__ import annotations

import numpy as np

from dipcli.arrays import Floats
from dipcli.measure import fourier
from dipcli.measure.base import BANDS, Measure

CLOSE = 0.1  # relative error of a bin that counts as learned


class Learned(Measure):
    """The share of frequencies whose relative error against the target is below 0.1, phase included

    Each bin of the transform counts alike, and the numbers are means over channels.
    """

    needs = "target"
    volumes = True
    quantity = "share of frequencies that are learned"
    columns = ("learned",)

    def __init__(self, reference: Floats, bands: int = BANDS) -> None:
        super().__init__(reference, bands)
        self._size = reference.shape[1:]
        self._own = fourier.transform(np.nan_to_num(reference), len(self._size))
        self._weights = fourier.twice(self._size)

    def take(self, frame: Floats) -> list[float]:
        error = np.abs(fourier.transform(np.nan_to_num(frame), len(self._size)) - self._own)
        learned = (error < CLOSE * np.abs(self._own)).mean(axis=0)
        return [float((learned * self._weights).sum() / self._weights.sum())]
