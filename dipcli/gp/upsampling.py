"""Upsampling of a signal by 2: zeros between its values, and a kernel that spreads them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dipcli.errors import UsageError
from dipcli.nets.filters import gaussian

Doubles = npt.NDArray[np.float64]
NAMES = ("nearest", "bilinear", "gaussian")
SIGMA = 0.5  # of gaussian, in pixels before upsampling


@dataclass(frozen=True)
class Upsampling:
    """x[k] goes to y[2k + first], y[2k + first + 1], ..., each times a tap."""

    taps: tuple[float, ...]
    first: int

    @classmethod
    def parse(cls, text: str) -> Upsampling:
        """`nearest`, `bilinear`, or `gaussian[:SIGMA]` with the five taps of Shi et al. (2022)."""
        name, colon, value = text.partition(":")
        if name not in NAMES or (colon and name != "gaussian"):
            msg = f"--upsample is nearest, bilinear or gaussian[:SIGMA], not {text!r}"
            raise UsageError(msg)
        if name == "nearest":
            return cls((1.0, 1.0), 0)
        if name == "bilinear":
            return cls((0.25, 0.75, 0.75, 0.25), -1)
        try:
            sigma = float(value) if colon else SIGMA
        except ValueError:
            sigma = math.nan
        if not 0 < sigma < math.inf:
            msg = f"--upsample gaussian:SIGMA has a SIGMA above 0, not {value!r}"
            raise UsageError(msg)
        return cls(tuple(gaussian(sigma)), -2)

    @property
    def last(self) -> int:
        return self.first + len(self.taps) - 1

    def needs(self, size: int) -> int:
        """How many values it takes to know `size` of the upsampled ones."""
        return (size + len(self.taps)) // 2 + 1

    def matrix(self, size: int) -> Doubles:
        """From so many values to those upsampled ones that they determine. (y, x)"""
        rows = 2 * (size - 1) + self.first - self.last + 1
        offset = np.arange(rows)[:, None] + self.last - 2 * np.arange(size) - self.first
        inside = (offset >= 0) & (offset < len(self.taps))
        return np.where(inside, np.array(self.taps)[offset.clip(0, len(self.taps) - 1)], 0.0)
