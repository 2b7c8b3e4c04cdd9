"""The scale of a file: which of its numbers are 0 and 1 (`--normalize`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dipcli.arrays import Bools, Doubles, Floats
from dipcli.errors import BadImage, UsageError

Numbers = npt.NDArray[Any]  # in the units and the type of a file
Provenance = Mapping[str, Any]  # how `dip` made an image, and the scale of its file

CAMERA_BITS = (10, 12, 14, 16)  # bit depths of cameras, stored in wider integers
LEAST_FILL = 0.25  # of the range of a type; below it, the range of the data is the scale
SAMPLE = 1_000_000  # pixels of which percentiles are taken


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


def choose(
    numbers: Numbers,
    normalize: str = "auto",
    history: Provenance | None = None,
    unknown: Bools | None = None,
    *,
    stretch: bool = False,
) -> tuple[Scale, str]:
    """The scale of a file, from all of its numbers (page, channel, y, x), and a remark about it.

    `unknown` (page, y, x) are pixels that have no part in it. Without `stretch`, 8 bits are from
    0 to 255 also where the data fill little of that.
    """
    if normalize not in ("auto", "dtype", "minmax"):
        return _between(*parse_range(normalize)), ""
    known = np.isfinite(numbers) if numbers.dtype.kind == "f" else np.ones(numbers.shape, bool)
    if unknown is not None:
        known &= ~unknown[:, None]
    if normalize == "minmax":
        return _between(*_extremes(numbers, known)), ""
    low, high = robust_range(numbers, known)
    recorded = _recorded(history) if normalize == "auto" else None
    by_type = normalize == "dtype" or (numbers.dtype == np.uint8 and not stretch)
    scale = recorded or _full_range(numbers.dtype, None if by_type else (low, high))
    if scale is None:
        return _between(low, high), f"values {low:g} to {high:g} are mapped to 0 and 1"
    if 0 < high - low < LEAST_FILL * scale.scale:
        ends = f"{scale.offset:g} to {scale.offset + scale.scale:g}"
        part = f"{100 * (high - low) / scale.scale:.2g} %"
        advice = f"--normalize {low:g}:{high:g} maps them to 0 and 1"
        return scale, f"values {low:g} to {high:g} are {part} of the range {ends}; {advice}"
    return scale, ""


def parse_range(text: str) -> tuple[float, float]:
    """Read `LOW:HIGH`: `100:4095` -> (100.0, 4095.0)."""
    low, _, high = text.partition(":")
    try:
        ends = float(low), float(high)
    except ValueError:
        ends = math.nan, math.nan
    if not (ends[0] < ends[1] and math.isfinite(ends[1] - ends[0])):
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


def _full_range(dtype: np.dtype[Any], data: tuple[float, float] | None) -> Scale | None:
    """The range of a type; with the range of the data, None if they fill too little of it."""
    if data is None:
        if dtype.kind == "f":
            return Scale(1.0)
        info = np.iinfo(dtype)
        return _between(float(info.min), float(info.max))
    low, high = data
    if dtype.kind == "f":
        full = [1.0] if high <= 1 else []
    else:
        sizes = (8,) if dtype == np.uint8 else CAMERA_BITS
        full = [2.0**bits - 1 for bits in sizes if high < 2**bits]
    fits = full and low >= 0 and not 0 < high - low < LEAST_FILL * full[0]
    return Scale(full[0]) if fits else None


def _extremes(numbers: Numbers, known: Bools) -> tuple[float, float]:
    values = numbers[known]
    return (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)


def robust_range(numbers: Numbers, known: Bools) -> tuple[float, float]:
    """The smallest and the largest number that are no outliers: hot or dead pixels.

    An outlier is twice as far from the median as all but one of the eight pixels around it, and
    as all but a hundredth of the image. A bright spot of more than two pixels is none.
    """
    low, high = _extremes(numbers, known)
    sample = numbers[known][:: max(1, int(known.sum()) // SAMPLE)].astype(np.float64)
    if not sample.size:
        return low, high
    with np.errstate(invalid="ignore", over="ignore"):  # a file may hold any bit pattern
        bottom, middle, top = np.percentile(sample, (1, 50, 99))
        if high > 2 * top - middle:
            high = _without_outliers(numbers, known, middle, top - middle)
        if low < 2 * bottom - middle:
            low = -_without_outliers(-numbers.astype(np.float64), known, -middle, middle - bottom)
    return low, high


def clip_outliers(pixels: Floats) -> tuple[Floats, int]:
    """Pixels (channel, y, x) without far outliers, which would rule a loss, and their number.

    They are clipped where the range of all others, once more above and below it, ends; values
    from 0 to 1 never are.
    """
    known = np.isfinite(pixels)
    low, high = robust_range(pixels[None], known[None])
    least, most = min(0.0, 2 * low - high), max(1.0, 2 * high - low)
    count = int(np.count_nonzero(known & ((pixels < least) | (pixels > most))))
    return (np.clip(pixels, least, most), count) if count else (pixels, 0)


def _without_outliers(numbers: Numbers, known: Bools, middle: float, spread: float) -> float:
    """The largest number that is no outlier; those within two spreads of the middle are none."""
    far = known & (numbers > middle + 2 * spread)
    page, channel, y, x = np.nonzero(far)
    height, width = numbers.shape[2:]
    shifts = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]
    around = np.full((len(shifts), len(page)), -np.inf)
    for row, (dy, dx) in zip(around, shifts, strict=True):
        inside = (y + dy >= 0) & (y + dy < height) & (x + dx >= 0) & (x + dx < width)
        place = (page[inside], channel[inside], y[inside] + dy, x[inside] + dx)
        row[inside] = np.where(known[place], numbers[place], -np.inf)
    second = np.partition(around, -2, axis=0)[-2]  # the second largest neighbour
    values = numbers[far].astype(np.float64)
    kept = values[values - middle <= 2 * np.maximum(second - middle, spread)]
    near = numbers[known & ~far]
    return float(max(kept.max(initial=-np.inf), near.max()))


def _between(low: float, high: float) -> Scale:
    if not math.isfinite(high - low):
        msg = f"the range of values {low:g} to {high:g} is too large: use --normalize LOW:HIGH"
        raise BadImage(msg)
    return Scale(high - low if high > low else 1.0, low)
