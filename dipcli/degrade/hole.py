"""A square hole in the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dipcli.degrade.base import Degradation
from dipcli.images import Image
from dipcli.spec import key, value


@dataclass(frozen=True)
class Hole(Degradation):
    """Make a square unknown; SIDE, and its centre x, y, in fractions of the image.

    SIDE is a fraction of the shorter side of the image.
    """

    name: ClassVar[str] = "hole"
    side: float = value(0, 1)
    x: float = key(0.5, 0, 1)  # the centre, in fractions of the image
    y: float = key(0.5, 0, 1)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        height, width = image.size
        side = round(self.side * min(height, width))
        if side == 0:
            return image
        top, left = round(self.y * height - side / 2), round(self.x * width - side / 2)
        pixels = image.pixels.copy()
        pixels[:, max(top, 0) : top + side, max(left, 0) : left + side] = np.nan
        return image.with_pixels(pixels)
