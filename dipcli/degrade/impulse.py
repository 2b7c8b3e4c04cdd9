"""Impulse noise: dead and hot pixels, or pixels of any value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dipcli.degrade.base import Degradation
from dipcli.degrade.noise import scatter
from dipcli.images import Image
from dipcli.spec import key, value


@dataclass(frozen=True)
class Impulse(Degradation):
    """Replace a FRACTION of the pixels by black or white, or by random values."""

    name: ClassVar[str] = "impulse"
    fraction: float = value(0, 1)
    mode: str = key("salt-pepper", choices=("salt-pepper", "uniform"))

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        if self.fraction == 0:
            return image
        hit = scatter(rng, self.fraction, image.size)
        count = np.count_nonzero(hit)
        pixels = image.pixels.copy()
        if self.mode == "uniform":
            pixels[:, hit] = rng.random((image.channels, count))
        else:
            pixels[:, hit] = rng.integers(0, 2, count)
        return image.with_pixels(np.where(image.unknown, np.nan, pixels))
