"""Speckle: noise in proportion to the signal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dipcli.degrade.base import Degradation
from dipcli.degrade.noise import LOUD
from dipcli.images import Image
from dipcli.spec import value


@dataclass(frozen=True)
class Speckle(Degradation):
    """Multiply each value by 1 + Gaussian noise of standard deviation SIGMA."""

    name: ClassVar[str] = "speckle"
    sigma: float = value(0, LOUD)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        if self.sigma == 0:
            return image
        return image.with_pixels(
            image.pixels * (1 + self.sigma * rng.standard_normal(image.pixels.shape))
        )
