"""Upsampling of a signal by 2: insert zeros between its values and filter the result."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dipcli.arrays import Doubles
from dipcli.errors import UsageError
from dipcli.nets.architecture import parse_option
from dipcli.nets.upsamplers import UPSAMPLERS

TAPS = {"nearest": (1.0, 1.0), "bilinear": (0.25, 0.75, 0.75, 0.25), "gaussian": ()}


@dataclass(frozen=True)
class Upsampling:
    """Taps that spread x[k] over y[2k], y[2k + 1], ..."""

    taps: tuple[float, ...]

    @classmethod
    def parse(cls, text: str) -> Upsampling:
        """Parse `nearest`, `bilinear` or `gaussian[:SIGMA]` (the five taps of Shi et al., 2022)."""
        name = text.partition(":")[0]
        if name not in TAPS:
            msg = f"--upsample must be nearest, bilinear or gaussian[:SIGMA], not {text!r}"
            raise UsageError(msg)
        method = parse_option("--upsample", UPSAMPLERS, text)
        return cls(TAPS[name] or tuple(method.at_level(0).taps()))

    def needs(self, size: int) -> int:
        """Number of input values that determine `size` upsampled ones."""
        return (size + len(self.taps)) // 2 + 1

    def matrix(self, size: int) -> Doubles:
        """Matrix from `size` values to the upsampled values that they determine. (y, x)"""
        last = len(self.taps) - 1
        place = np.arange(last, 2 * size - 1)[:, None] - 2 * np.arange(size)
        inside = (place >= 0) & (place <= last)
        return np.where(inside, np.array(self.taps)[place.clip(0, last)], 0.0)
