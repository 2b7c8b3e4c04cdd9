"""PSNR and SSIM on [0, 1], as in scikit-image; images are clipped to [0, 1] first.

SSIM uses the default window of scikit-image (7 x 7, uniform) per channel, then the mean; below 7
pixels a side it is undefined, and NaN here.
"""

from __future__ import annotations

import math

import numpy as np

from dipcli.arrays import Floats
from dipcli.errors import DipError
from dipcli.images import Image
from dipcli.measure.base import Measure

WINDOW = 7


def psnr(image: Image | Floats, reference: Image | Floats) -> float:
    """Peak signal-to-noise ratio in dB over the pixels known in both; infinite if equal."""
    one, other = _same_size(image, reference)
    difference = np.clip(one, 0, 1).astype(np.float64) - np.clip(other, 0, 1)
    mse = float(np.nanmean(np.square(difference)))
    return math.inf if mse == 0 else -10 * math.log10(mse)


def ssim(image: Image | Floats, reference: Image | Floats) -> float:
    """Structural similarity; NaN below 7 pixels a side, or with unknown pixels."""
    one, other = _same_size(image, reference)
    if min(one.shape[1:]) < WINDOW:
        return math.nan
    from skimage.metrics import structural_similarity

    a, b = (np.clip(x, 0, 1).astype(np.float64) for x in (one, other))
    return float(structural_similarity(a, b, data_range=1.0, channel_axis=0, win_size=WINDOW))


def _same_size(image: Image | Floats, reference: Image | Floats) -> tuple[Floats, Floats]:
    """The pixels (channel, y, x) of both."""
    one, other = _pixels(image), _pixels(reference)
    if one.shape != other.shape:
        msg = f"images of shapes {one.shape} and {other.shape} cannot be compared"
        raise DipError(msg)
    return one, other


def _pixels(image: Image | Floats) -> Floats:
    """The pixels of an image, or of an array (y, x) or (channel, y, x)."""
    pixels = image.pixels if isinstance(image, Image) else np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else pixels


class Psnr(Measure):
    """Peak signal-to-noise ratio against the clean image, in dB."""

    needs = "clean"
    quantity = "PSNR (dB)"
    columns = ("psnr",)

    def take(self, frame: Floats) -> list[float]:
        return [psnr(frame, self.reference)]


class Ssim(Measure):
    """Structural similarity to the clean image."""

    needs = "clean"
    quantity = "SSIM"
    columns = ("ssim",)

    def take(self, frame: Floats) -> list[float]:
        return [ssim(frame, self.reference)]
