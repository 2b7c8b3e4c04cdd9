"""JPEG compression."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL.JpegImagePlugin import JpegImageFile

from dipcli.arrays import Floats
from dipcli.degrade.base import Degradation
from dipcli.errors import DipError
from dipcli.images import Image
from dipcli.spec import value

Levels = npt.NDArray[np.uint8]  # (channel, y, x)

LONGEST = 65500  # of a side, in libjpeg


@dataclass(frozen=True)
class Jpeg(Degradation):
    """Compress as JPEG of that QUALITY, from 1 to 100.

    Images of 1 or 3 channels are compressed whole, others channel by channel, all in 8 bits.
    Colour is stored at half the resolution (4:2:0), as most programs do.
    """

    name: ClassVar[str] = "jpeg"
    quality: int = value(1, 100)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        height, width = image.size
        if max(height, width) > LONGEST:
            msg = f"JPEG holds up to {LONGEST} pixels a side, and the image has {width}x{height}"
            raise DipError(msg)
        levels = np.rint(np.clip(_filled(image), 0, 1) * 255).astype(np.uint8)
        parts = [levels] if image.channels in (1, 3) else np.split(levels, image.channels)
        decoded = np.concatenate([self._there_and_back(part) for part in parts])
        return image.with_pixels(np.where(image.unknown, np.nan, decoded / 255))

    def _there_and_back(self, levels: Levels) -> Levels:
        """Encode and decode one or three channels."""
        samples = levels.transpose(1, 2, 0)
        buffer = BytesIO()
        Pillow.fromarray(samples.squeeze(2) if len(levels) == 1 else samples).save(
            buffer, "JPEG", quality=self.quality
        )
        buffer.seek(0)
        # Pillow.open would refuse a large image as a possible attack
        return np.atleast_3d(np.asarray(JpegImageFile(buffer))).transpose(2, 0, 1)


def _filled(image: Image) -> Floats:
    """The pixels, with the mean of the known pixels of a channel for its unknown ones."""
    unknown = image.unknown
    if not unknown.any():
        return image.pixels
    known = np.count_nonzero(~unknown, axis=(1, 2), keepdims=True)
    total = np.nan_to_num(image.pixels).sum(axis=(1, 2), keepdims=True, dtype=np.float64)
    return np.where(unknown, total / np.maximum(known, 1), image.pixels)
