"""TIFF, plain or of ImageJ or OME: stacks, axes, pixel size and description."""

from __future__ import annotations

import math
import struct
import xml.etree.ElementTree as ET
from contextlib import suppress
from fractions import Fraction
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
import tifffile

from dipcli.errors import BadImage
from dipcli.images import imagej
from dipcli.images.image import Meta, Resolution
from dipcli.images.ngff_writer import to_ome
from dipcli.images.raster import upright
from dipcli.images.scale import Numbers
from dipcli.images.stack import (
    Planes,
    Stack,
    check_size,
    chosen_series,
    fold,
    native,
    read_history,
    series_notes,
    unfold,
)

LOSSLESS = ("LZW", "ADOBE_DEFLATE", "DEFLATE", "PACKBITS", "ZSTD", "LZMA")
UNITS = {1: "none", 2: "inch", 3: "cm"}
RESOLUTION_UNITS = {"inch": "INCH", "cm": "CENTIMETER", "none": "NONE"}
OME_TYPES = {"float32": "float", "float64": "double"}


def decode(file: BinaryIO, length: int, axes: str | None, series: int | None) -> Stack:
    with tifffile.TiffFile(file) as tif:
        _refuse_loop(tif)
        number = chosen_series(series, len(tif.series))
        image = tif.series[number - 1]
        page = image.keyframe
        check_size(math.prod(image.shape) * image.dtype.itemsize, length)
        # zeros: tifffile leaves samples as they are in memory where a file lacks strips
        numbers = image.asarray(out=np.zeros(image.shape, image.dtype))
        numbers, own_axes = _colours(native(numbers), image.axes, page)
        if numbers.dtype.kind not in "uif":
            msg = f"its numbers are {numbers.dtype}, not integers or floats"
            raise BadImage(msg)
        if axes and len(axes) != len(own_axes):
            msg = f"--axes {axes} names {len(axes)} axes; the file has {len(own_axes)} ({own_axes})"
            raise BadImage(msg)
        numbers, alpha, own_axes = _alpha(numbers, axes or own_axes, page)
        planes = _upright(fold(numbers, own_axes), page)
        if alpha is not None:
            alpha = _upright(fold(alpha, own_axes.replace("S", "")), page)[:, 0]
        notes = series_notes(series, len(tif.series))
        meta = _meta(tif, page, own_axes, numbers.shape, number)
        return Stack(planes, alpha, meta, _history(page), tuple(notes))


def _refuse_loop(tif: Any) -> None:
    """Refuse a page that an earlier one follows: tifffile would read them for ever."""
    form, file, seen = tif.tiff, tif.filehandle, set[int]()
    file.seek(4 if form.offsetsize == 4 else 8)
    with suppress(struct.error):  # the file ends
        while offset := struct.unpack(form.offsetformat, file.read(form.offsetsize))[0]:
            if offset in seen:
                msg = "its pages form a loop"
                raise BadImage(msg)
            seen.add(offset)
            file.seek(offset)
            (count,) = struct.unpack(form.tagnoformat, file.read(form.tagnosize))
            file.seek(offset + form.tagnosize + count * form.tagsize)


def _colours(numbers: Numbers, axes: str, page: Any) -> tuple[Numbers, str]:
    """Convert to gray or RGB in which the largest value is white."""
    name = getattr(page.photometric, "name", "")
    if name == "PALETTE" and page.colormap is not None:
        colours = (page.colormap >> 8).astype(np.uint8)  # (3, index)
        return np.moveaxis(colours[:, numbers], 0, -1), axes + "S"
    if page.bitspersample in (2, 4):
        numbers = numbers * np.uint8(255 // (2**page.bitspersample - 1))
    if name == "MINISWHITE" and numbers.dtype.kind == "u":
        top = 2**page.bitspersample - 1 if page.bitspersample > 8 else 255
        return (top - numbers).astype(numbers.dtype), axes
    if name == "SEPARATED" and page.samplesperpixel == 4 and "S" in axes:
        ink = np.moveaxis(numbers, axes.index("S"), -1).astype(np.float64)
        full = np.iinfo(numbers.dtype).max
        light = (full - ink[..., :3]) * (full - ink[..., 3:]) / full
        return np.rint(light).astype(numbers.dtype), axes.replace("S", "") + "S"
    return numbers, axes


def _alpha(numbers: Numbers, axes: str, page: Any) -> tuple[Numbers, Numbers | None, str]:
    """Separate the alpha sample from the others, if the file declares one."""
    extra = [int(kind) for kind in page.extrasamples or ()]
    samples = numbers.shape[axes.index("S")] if "S" in axes else 1
    declared = [i for i, kind in enumerate(extra) if kind in (1, 2)]
    if not declared or samples != page.samplesperpixel or samples < 2:
        return numbers, None, axes
    place = samples - len(extra) + declared[0]
    axis = axes.index("S")
    alpha = np.take(numbers, place, axis=axis)
    numbers = np.delete(numbers, place, axis=axis)
    return numbers, alpha, axes


def _upright(planes: Numbers, page: Any) -> Numbers:
    """Apply the orientation tag to (page, channel, y, x)."""
    tag = page.tags.get(274)
    if tag is None or tag.value == 1:
        return planes
    return upright(planes.transpose(2, 3, 0, 1), tag.value).transpose(2, 3, 0, 1)


def _meta(tif: Any, page: Any, axes: str, shape: tuple[int, ...], series: int) -> Meta:
    ome = _ome_of_series(tif, page, series)
    kind = "imagej" if tif.is_imagej else "ome" if ome else "plain"
    description = "" if kind == "imagej" or tif.is_shaped else (ome or page.description or "")
    icc = page.tags.get(34675)
    compression = page.compression.name if page.compression.name in LOSSLESS else ""
    return Meta(
        axes=axes,
        shape=tuple(int(n) for n in shape),
        kind=kind,
        description=description,
        imagej=dict(tif.imagej_metadata or {}) if kind == "imagej" else {},
        resolution=_resolution(page),
        icc=bytes(icc.value) if icc is not None else None,
        compression=compression,
        predictor=bool(compression) and int(page.predictor) > 1,
    )


def _ome_of_series(tif: Any, page: Any, series: int) -> str:
    """The OME of a series; "" if it cannot be parsed and written again with other sizes."""
    description = page.description or (tif.pages[0].description if series > 1 else "")
    if not description.lstrip().startswith("<") or "OME" not in description[:1000]:
        return ""
    try:
        root = ET.fromstring(description)
        images = root.findall("{*}Image")
        if images[min(series, len(images)) - 1].find("{*}Pixels") is None:
            return ""
    except (ET.ParseError, ValueError, IndexError):
        return ""
    if series == 1:
        return str(description)
    for number, image in enumerate(images, 1):
        if number != min(series, len(images)):
            root.remove(image)
    ET.register_namespace("", root.tag.strip("{").partition("}")[0] if "}" in root.tag else "")
    return ET.tostring(root, encoding="unicode")


def _resolution(page: Any) -> Resolution | None:
    tags = [page.tags.get(name) for name in ("XResolution", "YResolution")]
    try:
        x, y = (Fraction(*(int(n) for n in tag.value)) for tag in tags)
    except (AttributeError, TypeError, ValueError, ZeroDivisionError):
        return None
    unit = page.tags.get("ResolutionUnit")
    known = UNITS.get(int(unit.value) if unit is not None else 2, "none")
    return Resolution(x, y, known) if x > 0 and y > 0 else None


def _history(page: Any) -> dict[str, Any] | None:
    software = getattr(page.tags.get("Software"), "value", None)
    history = (read_history(software) or {}).get("dip") if isinstance(software, str) else None
    return history if isinstance(history, dict) else None


def encode(planes: Planes) -> bytes:
    """All pages, in the conventions of the file that they come from."""
    kind = planes.meta.kind
    if kind != "plain" and planes.alpha is not None:
        name = "ome" if kind == "ngff" else kind
        msg = f"{name} TIFF cannot hold unknown pixels as integers: use --depth float"
        raise BadImage(msg)
    numbers, axes = unfold(planes.numbers, planes.meta, planes.pages)
    if imagej.is_hyperstack(planes, axes) and (arranged := imagej.arrange(numbers, axes)):
        metadata = imagej.metadata(planes, *arranged)
        return _write(*arranged, planes, imagej=True, metadata=metadata)
    if kind == "ome" or (kind == "ngff" and set(axes) <= set("TCZYXS")):
        return _write(numbers, axes, planes, description=_ome(planes, numbers, axes), metadata=None)
    numbers, axes = _plain(planes)
    text = None if kind == "ngff" else planes.meta.description.encode() or None
    return _write(numbers, axes, planes, description=text, metadata=None)


def _plain(planes: Planes) -> tuple[Numbers, str]:
    """Arrange pages of samples, with the alpha as the last sample."""
    numbers = planes.numbers  # (page, channel, y, x)
    if planes.alpha is not None:
        numbers = np.concatenate([numbers, planes.alpha[:, None]], axis=1)
    if numbers.shape[1] == 1:
        numbers, axes = numbers[:, 0], "QYX"
    else:
        numbers, axes = np.ascontiguousarray(numbers.transpose(0, 2, 3, 1)), "QYXS"
    return (numbers, axes) if len(numbers) > 1 else (numbers[0], axes[1:])


def _write(numbers: Numbers, axes: str, planes: Planes, **options: Any) -> bytes:
    samples = numbers.shape[axes.index("S")] if "S" in axes else 1
    colours = 3 if samples - (planes.alpha is not None) == 3 else 1
    options |= {
        "photometric": "rgb" if colours == 3 else "minisblack",
        "software": f'{{"dip": {planes.provenance}}}',
        "compression": planes.meta.compression or None,
        "predictor": planes.meta.predictor or None,
        "iccprofile": planes.icc,
    }
    if "S" in axes:
        options["planarconfig"] = "contig" if axes.endswith("S") else "separate"
        extra = samples - colours
        alpha = ["unassalpha"] if planes.alpha is not None else []
        options["extrasamples"] = ["unspecified"] * (extra - len(alpha)) + alpha
    if resolution := planes.resolution:
        x, y = (n.limit_denominator(2**31 - 1) for n in resolution[:2])
        options["resolution"] = (x.as_integer_ratio(), y.as_integer_ratio())
        options["resolutionunit"] = RESOLUTION_UNITS[resolution.unit]
    buffer = BytesIO()
    tifffile.imwrite(buffer, numbers, **options)
    return buffer.getvalue()


def _count(numbers: Numbers, axes: str) -> int:
    """The number of planes of an array."""
    return math.prod(n for n, a in zip(numbers.shape, axes, strict=True) if a not in "YXS")


def _ome(planes: Planes, numbers: Numbers, axes: str) -> bytes:
    """The description of the source file, with the sizes and the type of this one."""
    meta = planes.meta
    root = ET.fromstring(to_ome(meta, axes) if meta.kind == "ngff" else meta.description)
    first, *others = root.findall("{*}Image")
    for other in others:
        root.remove(other)
    ET.register_namespace("", root.tag.strip("{").partition("}")[0] if "}" in root.tag else "")
    root.attrib.pop("UUID", None)  # it identifies the source file
    pixels = first.find("{*}Pixels")
    assert pixels is not None  # checked by _ome_of_series
    sizes = dict(zip(axes, numbers.shape, strict=True))
    for axis in "XYZT":
        pixels.set(f"Size{axis}", str(sizes.get(axis, 1)))
    if "Q" in sizes:
        pixels.set("SizeZ", str(sizes["Q"]))
    samples = sizes.get("S", 1)
    pixels.set("SizeC", str(sizes.get("C", 1) * samples))
    kind = OME_TYPES.get(str(numbers.dtype), str(numbers.dtype))
    if pixels.get("Type") != kind:
        pixels.attrib.pop("SignificantBits", None)
    pixels.set("Type", kind)
    for name in ("PhysicalSizeX", "PhysicalSizeY"):
        if planes.first.spacing != 1:
            with suppress(KeyError, ValueError):  # it is absent, or not a number
                pixels.set(name, repr(float(pixels.attrib[name]) * planes.first.spacing))
    _ome_layout(pixels, axes)
    _ome_planes(pixels, sizes.get("C", 1), samples, _count(numbers, axes))
    return b'<?xml version="1.0" encoding="UTF-8"?>' + ET.tostring(root)


def _ome_layout(pixels: ET.Element, axes: str) -> None:
    """Describe the order of planes and samples, where the source file has another."""
    order = [axis for axis in reversed(axes.replace("Q", "Z")) if axis in "ZCT"]
    if [axis for axis in pixels.get("DimensionOrder", "") if axis in order] != order:
        rest = [axis for axis in "CZT" if axis not in order]
        pixels.set("DimensionOrder", "".join(["XY", *order, *rest]))
    pixels.attrib.pop("BigEndian", None)
    if "Interleaved" in pixels.attrib:
        pixels.set("Interleaved", str(axes.endswith("S")).lower())


def _ome_planes(pixels: ET.Element, channels: int, samples: int, planes: int) -> None:
    """As many channels as there are, and one TiffData for all planes in order."""
    named = pixels.findall("{*}Channel")
    for extra in named[channels:]:
        pixels.remove(extra)
    for number in range(len(named), channels if named else 0):
        channel = ET.Element(named[0].tag, {"ID": f"{named[0].get('ID')}:{number}"})
        pixels.insert(list(pixels).index(named[-1]) + 1, channel)
        named.append(channel)
    for channel in named:
        channel.set("SamplesPerPixel", str(samples))
    for name in ("TiffData", "BinData", "MetadataOnly", "Plane"):
        for old in pixels.findall("{*}" + name):
            pixels.remove(old)
    data = ET.Element(
        pixels.tag.replace("Pixels", "TiffData"), {"IFD": "0", "PlaneCount": str(planes)}
    )
    pixels.insert(len(pixels.findall("{*}Channel")), data)
