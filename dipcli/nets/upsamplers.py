"""Upsampling methods: of `--upsample`.

Interpolations make any size. The others are for a stride; the filters are fixed low-pass filters
for stride 2, which follow zeros between the pixels. A filter is a kernel along one axis, applied
along both; its middle is at a pixel, that of an even kernel is the left one of two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from dipcli.registry import Registry
from dipcli.spec import Spec, value

UPSAMPLERS = Registry(
    "upsampling method",
    "nets",
    **{
        kind.lower(): f"upsamplers:{kind}"
        for kind in ("Nearest", "Bilinear", "Deconv", "Gaussian", "Lpf", "Kaiser")
    },
)

# Liu and others, The Devil in the Upsampling (ICCV 2023): half of a kernel, its middle last
_LPF = {
    3: (-0.1070, 0.0000, 0.3389, 0.5360),
    4: (
        *(0.002745, 0.014011, 0.011312, -0.021707, -0.055602, -0.021802, 0.112306, 0.280146),
        0.357183,
    ),
    5: (
        *(-0.001921, -0.004291, 0.009947, 0.021970, -0.022680, -0.073998, 0.034907, 0.306100),
        0.459933,
    ),
    6: (
        *(0.000015, 0.000541, 0.003707, 0.014130, 0.037396, 0.075367, 0.121291, 0.159962),
        0.175182,
    ),
}


@dataclass(frozen=True)
class Upsampler(Spec):
    """A way to make the image of a level larger."""

    any_size: ClassVar[bool] = False  # an interpolation
    filters: ClassVar[bool] = False  # zeros between the pixels, convolved with `taps`
    learned: ClassVar[bool] = False
    border: ClassVar[str] = "spaced"  # of a filter: a reflection of the image with its zeros

    def at_level(self, level: int) -> Self:
        """The same with the values that are left to the level."""
        return self

    def taps(self) -> list[float]:
        """The kernel of a filter, times its gain."""
        raise NotImplementedError


class Nearest(Upsampler):
    """Copy pixels."""

    name: ClassVar[str] = "nearest"
    any_size: ClassVar[bool] = True


class Bilinear(Upsampler):
    """Interpolate between the centres of pixels."""

    name: ClassVar[str] = "bilinear"
    any_size: ClassVar[bool] = True


class Deconv(Upsampler):
    """Learn a transposed convolution."""

    name: ClassVar[str] = "deconv"
    learned: ClassVar[bool] = True


@dataclass(frozen=True)
class Gaussian(Upsampler):
    """Filter with a Gaussian of 2 SIGMA; 0.5 at the two finest levels, 0.1 elsewhere.

    The filter of Shi and others has the sum 1, so a quarter of the mean is left.
    """

    name: ClassVar[str] = "gaussian"
    filters: ClassVar[bool] = True
    border: ClassVar[str] = "zero"  # as published
    sigma: float | None = value(1e-3, 1e3, default=None)

    def at_level(self, level: int) -> Gaussian:
        return self if self.sigma is not None else Gaussian(0.5 if level < 2 else 0.1)

    def taps(self) -> list[float]:
        assert self.sigma is not None
        weights = [math.exp(-(((i - 2) / 2) ** 2) / (2 * self.sigma**2)) for i in range(5)]
        return [weight / sum(weights) for weight in weights]


@dataclass(frozen=True)
class Lpf(Upsampler):
    """Filter with one of six kernels: 1 copies pixels, 2 interpolates, 6 is the smoothest."""

    name: ClassVar[str] = "lpf"
    filters: ClassVar[bool] = True
    k: int = value(1, 6)

    def taps(self) -> list[float]:
        if self.k < 3:
            return [[1.0, 1.0], [0.5, 1.0, 0.5]][self.k - 1]
        half = [2 * tap for tap in _LPF[self.k]]
        return half + half[-2::-1]


@dataclass(frozen=True)
class Kaiser(Upsampler):
    """Filter with a Kaiser window: Liu and others (ECCV 2024) take 3 TAPS and BETA 0.1."""

    name: ClassVar[str] = "kaiser"
    filters: ClassVar[bool] = True
    length: int = value(1, 64, label="TAPS")
    beta: float = value(0)

    def taps(self) -> list[float]:
        window = np.kaiser(self.length, self.beta)
        return [2 * float(tap) for tap in window / window.sum()]
