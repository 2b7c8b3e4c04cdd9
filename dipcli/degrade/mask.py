"""Unknown pixels: scattered, in a hole, or where a file says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dipcli.arrays import Bools
from dipcli.degrade.base import Degradation
from dipcli.degrade.gray import luma
from dipcli.degrade.noise import scatter
from dipcli.errors import DipError
from dipcli.images import Image, read
from dipcli.spec import key, value


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


@dataclass(frozen=True)
class MaskFile(Degradation):
    """Make unknown the pixels that are black in the image PATH.

    Black is below half of the maximum, or transparent. `invert` makes the other pixels unknown.
    """

    name: ClassVar[str] = "maskfile"
    path: str = value()
    invert: bool = key(False)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        unknown = self.unknown(image.size)
        return image.with_pixels(np.where(unknown, np.nan, image.pixels))

    def unknown(self, size: tuple[int, int]) -> Bools:
        """The pixels (y, x) that the mask makes unknown in an image of this size."""
        mask = read(self.path)
        if mask.size != size:
            (mask_height, mask_width), (height, width) = mask.size, size
            msg = (
                f"the mask {self.path} has {mask_width}x{mask_height} pixels; it needs the size of "
                f"the image, {width}x{height}"
            )
            raise DipError(msg)
        gray = np.nan_to_num(luma(mask.pixels)[0])  # transparent is black
        black: Bools = gray < gray.max() / 2 if gray.max() > 0 else np.ones(mask.size, bool)
        return ~black if self.invert else black
