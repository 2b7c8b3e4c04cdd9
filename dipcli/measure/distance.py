"""The distance of two images: squared error, PSNR, SSIM, and the error by band.

Images are on [0, 1]; pixels that are unknown in either image are left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dipcli.arrays import Doubles, Floats
from dipcli.errors import DipError
from dipcli.measure import fourier, quality
from dipcli.measure.base import Axis
from dipcli.measure.frc import correlation, spectrum
from dipcli.measure.radial import rings

# BT.601 from 16 to 235 of 255, as in published super-resolution tables
STUDIO = (65.481 / 255, 128.553 / 255, 24.966 / 255)


@dataclass(frozen=True)
class Comparison:
    """How two images are compared: in colour or luma, with or without their borders."""

    bands: int | None = None  # the error is split into so many
    luma: bool = False
    border: int = 0
    ssim: bool = False
    frc: bool = False  # the correlation by ring, in place of distances

    def axis_of(self, size: tuple[int, ...]) -> Axis:
        """The bands, or the rings of images of (channel, y, x)."""
        if self.frc:
            height, width = (max(1, length - 2 * self.border) for length in size[1:])
            return rings((height, width))[1]
        return fourier.band_axis(self.bands) if self.bands else {}

    @property
    def axis(self) -> Axis:
        """The names of the axis; those of rings have other values."""
        return self.axis_of((1, 8, 8))

    @property
    def columns(self) -> list[str]:
        if self.frc:
            return ["frc"]
        return ["sse"] if self.bands else ["sse", "mse", "psnr", *(["ssim"] if self.ssim else [])]

    def __call__(self, one: Floats, other: Floats) -> Mapping[str, Any]:
        """The numbers of two images (channel, y, x), by column."""
        if self.frc:
            return {"frc": self.by_ring(one, other)}
        if self.bands:
            return {"sse": self.by_band(one, other, self.bands)}
        return self.between(one, other)

    def select(self, image: Floats) -> Floats:
        """The part of an image (channel, y, x) to compare."""
        border = self.border
        if border:
            height, width = image.shape[1:]
            image = image[:, border:-border, border:-border]
            if 0 in image.shape:
                msg = f"--border {border} leaves no pixels of an image of {width}x{height}"
                raise DipError(msg)
        if not self.luma or len(image) == 1:
            return image
        if len(image) != len(STUDIO):
            msg = f"--luma needs 3 channels (red, green, blue); this image has {len(image)}"
            raise DipError(msg)
        return np.tensordot(np.array(STUDIO, np.float32), image, 1)[None]

    def between(self, one: Floats, other: Floats) -> dict[str, float]:
        """sse, mse, psnr and, with `ssim`, ssim of two images (channel, y, x)."""
        one, other = self.select(one), self.select(other)
        squares = np.square(one.astype(np.float64) - other)
        known = np.count_nonzero(~np.isnan(squares))
        sse = float(np.nansum(squares))
        mse = sse / known if known else math.nan
        row = {"sse": sse, "mse": mse, "psnr": -10 * math.log10(mse) if mse > 0 else math.inf}
        return row | ({"ssim": quality.ssim(one, other)} if self.ssim else {})

    def by_ring(self, one: Floats, other: Floats) -> Doubles:
        """The Fourier ring correlation of two images; of volumes plane by plane."""
        one, other = self.select(one), self.select(other)
        return correlation(spectrum(one), spectrum(other), (one.shape[1], one.shape[2]))

    def by_band(self, one: Floats, other: Floats, bands: int) -> Doubles:
        """The squared error in each band of frequency; they sum to the sse (Parseval)."""
        one, other = self.select(one), self.select(other)
        difference = np.nan_to_num(one.astype(np.float64) - other, nan=0.0)
        size = difference.shape[1], difference.shape[2]
        power = fourier.power(difference).sum(axis=0) / (size[0] * size[1])  # (y, x) of the half
        return fourier.total(power, fourier.band_labels(size, bands), bands, size)
