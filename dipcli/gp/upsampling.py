"""Upsampling of a signal by 2: insert zeros between its values and filter the result."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dipcli.arrays import Doubles
from dipcli.errors import UsageError
from dipcli.nets.upsamplers import UPSAMPLERS

NAMES = ("nearest", "bilinear", "gaussian")
TAPS = {"nearest": ((1.0, 1.0), 0), "bilinear": ((0.25, 0.75, 0.75, 0.25), -1)}


@dataclass(frozen=True)
class Upsampling:
    """Taps that spread x[k] over y[2k + first], y[2k + first + 1], ..."""

    taps: tuple[float, ...]
    first: int

    @classmethod
    def parse(cls, text: str) -> Upsampling:
        """Parse `nearest`, `bilinear` or `gaussian[:SIGMA]` (the five taps of Shi et al., 2022)."""
        name = text.partition(":")[0]
        if name not in NAMES:
            msg = f"--upsample must be nearest, bilinear or gaussian[:SIGMA], not {text!r}"
            raise UsageError(msg)
        try:
            method = UPSAMPLERS.parse(text)
        except UsageError as error:
            msg = f"--upsample {error}"
            raise UsageError(msg) from None
        if name in TAPS:
            return cls(*TAPS[name])
        return cls(tuple(method.at_level(0).taps()), -2)

    @property
    def last(self) -> int:
        return self.first + len(self.taps) - 1

    def needs(self, size: int) -> int:
        """Number of input values that determine `size` upsampled ones."""
        return (size + len(self.taps)) // 2 + 1

    def matrix(self, size: int) -> Doubles:
        """Matrix from `size` values to the upsampled values that they determine. (y, x)"""
        rows = 2 * (size - 1) + self.first - self.last + 1
        offset = np.arange(rows)[:, None] + self.last - 2 * np.arange(size) - self.first
        inside = (offset >= 0) & (offset < len(self.taps))
        return np.where(inside, np.array(self.taps)[offset.clip(0, len(self.taps) - 1)], 0.0)
