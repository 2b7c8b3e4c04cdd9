"""The scale of a file: which of its numbers are 0 and 1 (`--normalize`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dipcli.arrays import Doubles, Floats
from dipcli.errors import UsageError

Numbers = npt.NDArray[Any]  # in the units and the type of a file
Provenance = Mapping[str, Any]  # how `dip` made an image, and the scale of its file

CAMERA_BITS = (10, 12, 14, 16)  # bit depths of cameras, stored in wider integers


class Scale(NamedTuple):
    """The number in the file = pixel * scale + offset."""

    scale: float
    offset: float = 0.0

    def pixels(self, numbers: Numbers) -> Floats:
        with np.errstate(invalid="ignore", over="ignore"):  # a file may hold any bit pattern
            if self == (1.0, 0.0):
                return numbers.astype(np.float32)
            # through float64, so that 16 and 32 bits are rounded once
            return ((numbers.astype(np.float64) - self.offset) / self.scale).astype(np.float32)

    def numbers(self, pixels: Numbers) -> Doubles:
        return pixels.astype(np.float64) * self.scale + self.offset


def choose(numbers: Numbers, normalize: str = "auto", history: Provenance | None = None) -> Scale:
    """The scale of a file, from all of its numbers."""
    if normalize == "auto":
        return _recorded(history) or _auto(numbers)
    if normalize == "dtype":
        return _dtype(numbers.dtype)
    if normalize == "minmax":
        return _between(*_extremes(numbers))
    return _between(*parse_range(normalize))


def parse_range(text: str) -> tuple[float, float]:
    """Read `LOW:HIGH`: `100:4095` -> (100.0, 4095.0)."""
    low, _, high = text.partition(":")
    try:
        ends = float(low), float(high)
    except ValueError:
        ends = math.nan, math.nan
    if not (math.isfinite(ends[0]) and math.isfinite(ends[1]) and ends[0] < ends[1]):
        msg = (
            f"--normalize must be auto, dtype, minmax or LOW:HIGH with LOW below HIGH, not {text!r}"
        )
        raise UsageError(msg)
    return ends


def _recorded(history: Provenance | None) -> Scale | None:
    """The scale that an earlier `dip` recorded, so that noise does not change the scale."""
    try:
        scale = Scale(float(history["scale"]), float(history["offset"]))  # type: ignore[index]
    except (TypeError, KeyError, ValueError):
        return None
    return scale if math.isfinite(sum(scale)) and scale.scale > 0 else None


def _auto(numbers: Numbers) -> Scale:
    if numbers.dtype == np.uint8:
        return Scale(255.0)
    low, high = _extremes(numbers)
    if numbers.dtype.kind == "f":
        return Scale(1.0) if low >= 0 and high <= 1 else _between(low, high)
    fitting = [2.0**bits - 1 for bits in CAMERA_BITS if high < 2**bits]
    return Scale(fitting[0]) if low >= 0 and fitting else _between(low, high)


def _dtype(dtype: np.dtype[Any]) -> Scale:
    if dtype.kind == "f":
        return Scale(1.0)
    info = np.iinfo(dtype)
    return _between(float(info.min), float(info.max))


def _extremes(numbers: Numbers) -> tuple[float, float]:
    if numbers.dtype.kind == "f":
        numbers = numbers[np.isfinite(numbers)]
    return (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 1.0)


def _between(low: float, high: float) -> Scale:
    return Scale(high - low if high > low else 1.0, low)
