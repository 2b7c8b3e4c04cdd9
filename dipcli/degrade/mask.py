"""Missing pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dipcli.degrade.base import Degradation
from dipcli.degrade.noise import scatter
from dipcli.images import Image
from dipcli.spec import value


@dataclass(frozen=True)
class Mask(Degradation):
    """Make a FRACTION of the pixels unknown, in all channels."""

    name: ClassVar[str] = "mask"
    fraction: float = value(0, 1)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        if self.fraction == 0:
            return image
        missing = scatter(rng, self.fraction, image.size)
        return image.with_pixels(np.where(missing, np.nan, image.pixels))
