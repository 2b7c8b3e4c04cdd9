"""The size of a pixel in a unit of length, as a file states it."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from typing import NamedTuple

from dipcli.images.image import Image
from dipcli.images.ngff import METRES, record_of

MICRO = ("\\u00B5", "\u00b5", "\u03bc")  # as ImageJ escapes it, micro sign, Greek mu
NO_LENGTH = ("", "pixel", "pixels")  # units of files that are not calibrated


class PixelSize(NamedTuple):
    """Height and width of a pixel."""

    y: float
    x: float
    unit: str  # as in the file


def pixel_size(image: Image) -> PixelSize | None:
    """The size of a pixel of this image, by OME, OME-Zarr, ImageJ or the resolution of the file.

    A resolution in pixels per inch counts too, though most are meant for printing.
    """
    if image.meta.kind == "ngff":
        size = _ngff(image)
    else:
        size = _ome(image.meta.description) if image.meta.kind == "ome" else None
        size = size or _resolution(image)
    if size is None or not (0 < size.y < math.inf and 0 < size.x < math.inf):
        return None
    return PixelSize(size.y * image.spacing, size.x * image.spacing, _tidy(size.unit))


def plane_distance(image: Image) -> float | None:
    """How far apart the planes of a stack are, in widths of a pixel; None if the file is silent."""
    width = pixel_size(image)
    if width is None:
        return None
    meta = image.meta
    try:
        if meta.kind == "ngff":
            z, x = (record_of(meta)["axes"][axis] for axis in "ZX")
            distance = z["scale"] / x["scale"] if z.get("unit") == x.get("unit") else 0.0
        elif meta.kind == "ome":
            pixels = ET.fromstring(meta.description).find("{*}Image/{*}Pixels")
            attrib = {} if pixels is None else pixels.attrib
            units = {attrib.get(f"PhysicalSize{axis}Unit", "µm") for axis in "ZX"}
            same = len(units) == 1
            distance = float(attrib["PhysicalSizeZ"]) / float(attrib["PhysicalSizeX"]) * same
        else:
            distance = float(meta.imagej["spacing"]) / (width.x / image.spacing)
    except (KeyError, ValueError, TypeError, ZeroDivisionError):
        return None
    distance /= image.spacing
    return distance if 0 < distance < math.inf else None


def _ngff(image: Image) -> PixelSize | None:
    axes = record_of(image.meta).get("axes", {})
    y, x = axes.get("Y", {}), axes.get("X", {})
    high, wide = y.get("unit"), x.get("unit")
    if not wide or (high != wide and not {high, wide} <= METRES.keys()):
        return None
    ratio = 1.0 if high == wide else float(METRES[high] / METRES[wide])
    return PixelSize(y["scale"] * ratio, x["scale"], wide)


def _ome(description: str) -> PixelSize | None:
    pixels = ET.fromstring(description).find("{*}Image/{*}Pixels")
    if pixels is None:
        return None
    try:
        x = float(pixels.attrib["PhysicalSizeX"])
        y = float(pixels.get("PhysicalSizeY", x))
    except (KeyError, ValueError):
        return None
    units = [pixels.get(f"PhysicalSize{axis}Unit", "µm") for axis in "XY"]
    return PixelSize(y, x, units[0]) if len({_tidy(unit) for unit in units}) == 1 else None


def _resolution(image: Image) -> PixelSize | None:
    resolution = image.meta.resolution
    if resolution is None:
        return None
    unit = resolution.unit
    if unit == "none":
        unit = str(image.meta.imagej.get("unit", ""))
    if unit in NO_LENGTH:
        return None
    return PixelSize(float(1 / resolution.y), float(1 / resolution.x), unit)


def _tidy(unit: str) -> str:
    for sign in MICRO:
        unit = unit.replace(sign, "µ")
    return unit
