"""White uniform noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dipcli.degrade.base import Degradation
from dipcli.degrade.noise import LOUD, UNIT
from dipcli.images import Image
from dipcli.spec import value


@dataclass(frozen=True)
class Uniform(Degradation):
    """Add uniform noise from -WIDTH to WIDTH, in 1/255."""

    name: ClassVar[str] = "uniform"
    width: float = value(0, LOUD)  # half the width of the distribution, in 1/255

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        if self.width == 0:
            return image
        noise = rng.uniform(-self.width, self.width, image.pixels.shape)
        return image.with_pixels(image.pixels + noise / UNIT)
