"""The table of images: what `dip` reads in a file, before a fit."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from dipcli.images import Image
from dipcli.images.pixelsize import pixel_size
from dipcli.measure.base import OnError, skipping
from dipcli.measure.noise import noise_level

COLUMNS = (
    "image",
    "axes",
    "pages",
    "channels",
    "width",
    "height",
    "dtype",
    "low",
    "high",
    "black",
    "white",
    "unknown",
    "noise",
    "pixel_size",
    "unit",
    "made_by",
)


def rows(
    names: Iterable[str], read: Callable[[str], Sequence[Image]], on_error: OnError
) -> Iterator[dict[str, Any]]:
    """A row for each file; one that cannot be read is left out."""
    for name in names:
        with skipping(on_error):
            yield _row(name, read(name))


def _row(name: str, pages: Sequence[Image]) -> dict[str, Any]:
    """The row of a file. `black` and `white` are the numbers mapped to 0 and 1; `noise` is the
    estimated standard deviation of the first page, in 1/255 of that range."""
    first = pages[0]
    height, width = first.size
    ranges = [_range(page) for page in pages]
    size = pixel_size(first)
    return {
        "image": name,
        "axes": first.meta.axes,
        "pages": len(pages),
        "channels": first.channels,
        "width": width,
        "height": height,
        "dtype": str(first.dtype),
        "low": min(low for low, _ in ranges),
        "high": max(high for _, high in ranges),
        "black": first.scale.offset,
        "white": first.scale.offset + first.scale.scale,
        "unknown": sum(int(page.unknown.any(axis=0).sum()) for page in pages),
        "noise": 255 * noise_level(first.pixels),
        "pixel_size": size.x if size else None,
        "unit": size.unit if size else None,
        "made_by": json.dumps(dict(first.history), ensure_ascii=False) if first.history else None,
    }


def _range(image: Image) -> tuple[float, float]:
    """The smallest and the largest number of an image, in those of its file."""
    numbers = image.scale.numbers(image.pixels) if image.raw is None else image.raw
    known = numbers[np.isfinite(numbers)]
    return (float(known.min()), float(known.max())) if known.size else (math.inf, -math.inf)
