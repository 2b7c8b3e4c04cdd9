"""Photon noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dipcli.degrade.base import Degradation
from dipcli.images import Image
from dipcli.spec import value


@dataclass(frozen=True)
class Poisson(Degradation):
    """Add photon noise; PHOTONS is the mean count at full scale.

    Pixels below 0 emit no photons.
    """

    name: ClassVar[str] = "poisson"
    photons: float = value(0, 1e12, above=True)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        expected = np.maximum(np.nan_to_num(image.pixels.astype(np.float64)), 0) * self.photons
        # numpy counts in int64; at 1e18 photons the relative noise is only 1e-9
        counts = rng.poisson(np.minimum(expected, 1e18))
        return image.with_pixels(np.where(image.unknown, np.nan, counts / self.photons))
