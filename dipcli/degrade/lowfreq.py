"""Low-frequency noise: a slowly varying stain, as in Chakrabarty & Maji 2019."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dipcli.degrade.base import Degradation
from dipcli.degrade.noise import LOUD, UNIT, cycles, filtered
from dipcli.images import Image
from dipcli.spec import key, value


@dataclass(frozen=True)
class LowFrequency(Degradation):
    """Add noise of up to CUTOFF cycles per image side; SIGMA in 1/255.

    The mean is included. The RMS over the image is exactly sigma. Values are not clipped, since
    clipping would add other frequencies.
    """

    name: ClassVar[str] = "lowfreq"
    sigma: float = value(0, LOUD)  # in 1/255
    cutoff: float = key(4.0, 0)  # cycles per height along y, per width along x
    shared: bool = key(False)  # the same noise in all channels

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        if self.sigma == 0:
            return image
        keep = np.hypot(*cycles(image.size)) <= self.cutoff
        channels = 1 if self.shared else image.channels
        return image.with_pixels(image.pixels + filtered(rng, channels, keep, self.sigma / UNIT))
