"""Noise in a band of frequencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dipcli.degrade.base import Degradation
from dipcli.degrade.noise import LOUD, UNIT, cycles, filtered
from dipcli.errors import DipError, UsageError
from dipcli.images import Image
from dipcli.spec import key, value


@dataclass(frozen=True)
class Band(Degradation):
    """Add noise from LOW to HIGH, fractions of Nyquist; SIGMA in 1/255.

    The corners of the spectrum reach the square root of 2. The RMS over the image is exactly
    sigma. Values are not clipped, since clipping would add other frequencies.
    """

    name: ClassVar[str] = "band"
    sigma: float = value(0, LOUD)  # in 1/255
    low: float = key(0.0, 0, 1.5)
    high: float = key(1.0, 0, 1.5)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low >= self.high:
            msg = f"low must be below high, not {self.low:g} with high={self.high:g}"
            raise UsageError(msg)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        if self.sigma == 0:
            return image
        height, width = image.size
        y, x = cycles(image.size)
        radius = np.hypot(y / height, x / width) / 0.5
        keep = (self.low <= radius) & (radius <= self.high)
        if not keep.any():
            msg = (
                f"{self}: an image of {width}x{height} pixels has no frequency in this band; "
                "use a wider band or a larger image"
            )
            raise DipError(msg)
        return image.with_pixels(
            image.pixels + filtered(rng, image.channels, keep, self.sigma / UNIT)
        )
