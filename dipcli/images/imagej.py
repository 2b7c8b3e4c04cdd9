"""Hyperstacks of ImageJ and Fiji: the order of their axes, their types, their metadata."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dipcli.images.scale import Numbers
from dipcli.images.stack import Planes

ORDER = "TZCYXS"
# keys that tifffile derives from the array
DERIVED = ("ImageJ", "axes", "images", "channels", "slices", "frames", "hyperstack")
WIDE = ("Info", "Labels", "Properties")  # texts that ImageJ keeps in UTF-16
DISPLAY = ("min", "max", "Ranges")  # in the numbers of the file
CALIBRATION = ("cf", "c0", "c1", "c2", "c3", "c4", "vunit")  # the meaning of these numbers
CHANNELS = ("mode", "Ranges", "LUTs")  # one entry for each channel
MAX_BYTES = 1 << 32  # ImageJ has no BigTIFF
COMPOSITE = 7  # the most channels that ImageJ shows as one picture


def is_hyperstack(planes: Planes, axes: str) -> bool:
    """Whether a stack is to be written for ImageJ: it comes from there, or its axes have names."""
    if planes.meta.kind != "plain":
        return planes.meta.kind == "imagej"
    if planes.alpha is not None or planes.numbers.nbytes > MAX_BYTES:
        return False
    # channels behind Y and X are samples, as those of RGB
    return not set(axes.partition("Y")[0]).isdisjoint("TZC")


def arrange(numbers: Numbers, axes: str) -> tuple[Numbers, str] | None:
    """The numbers in the order of ImageJ, and their axes; None if it cannot hold them.

    ImageJ has colours in 8 bits only, so other samples become channels, as when it opens them.
    """
    if axes.endswith("C"):
        axes = axes.replace("C", "S")
    colours = numbers.dtype == np.uint8 and "S" in axes and numbers.shape[axes.index("S")] == 3
    if not colours and "C" not in axes:
        axes = axes.replace("S", "C")
    if not set(axes) <= set(ORDER if colours else "TZCYX"):
        return None
    if numbers.dtype not in (np.uint8, np.uint16, np.float32):
        return None
    ordered = sorted(axes, key=ORDER.index)
    return numbers.transpose([axes.index(axis) for axis in ordered]), "".join(ordered)


def metadata(planes: Planes, numbers: Numbers, axes: str) -> dict[str, Any]:
    """The metadata of the source file that still hold, and the axes."""
    meta = planes.meta
    kept = {key: value for key, value in meta.imagej.items() if key not in DERIVED}
    sizes = dict(zip(axes, numbers.shape, strict=True))
    channels = sizes.get("C", 1)
    if len(kept.get("Labels", ())) != math.prod(n for a, n in sizes.items() if a not in "YXS"):
        kept.pop("Labels", None)  # the number of planes has changed
    before = dict(zip(meta.axes, meta.shape, strict=False)).get("C", 1)
    rescaled = numbers.dtype.kind != "f" and numbers.dtype != planes.first.dtype
    for key in (DISPLAY + CALIBRATION) * rescaled + CHANNELS * (channels != before):
        kept.pop(key, None)
    if 1 < channels <= COMPOSITE:
        kept.setdefault("mode", "composite")
    if meta.description:
        kept.setdefault("Info", meta.description)
    kept = {_ascii(key): item if key in WIDE else _ascii(item) for key, item in kept.items()}
    return {**kept, "axes": axes}


def _ascii(item: Any) -> Any:
    """Escape a text of the description as ImageJ does: its description is ASCII."""
    if not isinstance(item, str):
        return item
    return "".join(char if char.isascii() else f"\\u{ord(char):04X}" for char in item)
