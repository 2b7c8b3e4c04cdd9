"""Stripes, as in the triangle images and from some detectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dipcli.degrade.base import Degradation
from dipcli.degrade.noise import LOUD, UNIT
from dipcli.images import Image
from dipcli.spec import key, value


@dataclass(frozen=True)
class Stripes(Degradation):
    """Add stripes in the top left part; AMPLITUDE peak to peak, in 1/255.

    A square wave, dark half first; horizontal at angle 0, turning counterclockwise.
    """

    name: ClassVar[str] = "stripes"
    amplitude: float = value(0, LOUD)  # peak to peak, in 1/255
    period: float = key(2.0, 2)  # pixels
    angle: float = key(0.0)  # degrees
    extent: float = key(1.0, 0, 1)  # fraction of each side that the stripes cover

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        if self.amplitude == 0:
            return image
        # 1e-9, because 0.29 * 100 is a little less than 29
        height, width = (int(self.extent * n + 1e-9) for n in image.size)
        y, x = np.arange(height)[:, None], np.arange(width)[None, :]
        turn = np.deg2rad(self.angle)
        periods = (y * np.cos(turn) + x * np.sin(turn)) / self.period
        # rounded, because the cosine of 90 degrees is not exactly 0 and could flip pixels at edges
        bright = np.round(periods, 9) % 1 >= 0.5
        pixels = image.pixels.copy()
        pixels[:, :height, :width] += np.where(bright, 0.5, -0.5) * (self.amplitude / UNIT)
        return image.with_pixels(pixels)
