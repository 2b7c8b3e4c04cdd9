"""White Gaussian noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dipcli.degrade.base import Degradation
from dipcli.degrade.noise import LOUD, UNIT
from dipcli.images import Image
from dipcli.spec import key, value


@dataclass(frozen=True)
class Gaussian(Degradation):
    """Add white Gaussian noise; SIGMA in 1/255.

    The result is clipped to [0, 1], as a camera does, unless `clip` is off.
    """

    name: ClassVar[str] = "gaussian"
    sigma: float = value(0, LOUD)  # in 1/255
    clip: bool = key(True)
    shared: bool = key(False)  # the same noise in all channels

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        if self.sigma == 0:
            return image
        channels = 1 if self.shared else image.channels
        noisy = image.pixels + self.sigma / UNIT * rng.standard_normal((channels, *image.size))
        return image.with_pixels(np.clip(noisy, 0, 1) if self.clip else noisy)
