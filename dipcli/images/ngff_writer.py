"""Write images as OME-Zarr, with the axes, pixel sizes and channels of the file they come from."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from dipcli.errors import BadImage
from dipcli.files import Folder
from dipcli.images import ngff
from dipcli.images.image import Meta
from dipcli.images.scale import Numbers
from dipcli.images.stack import Planes, unfold
from dipcli.images.zarrfiles import META, V2_ARRAY, V2_ATTRIBUTES, V2_GROUP

LEVEL = "0"  # the path of the only level
TILE = 1024  # pixels of a chunk's side, at most
TYPES = {"T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"}
# units of NGFF by those of OME and ImageJ
UNITS = {
    "pm": "picometer",
    "Å": "angstrom",
    "nm": "nanometer",
    "µm": "micrometer",
    "um": "micrometer",
    "micron": "micrometer",
    "microns": "micrometer",
    "mm": "millimeter",
    "cm": "centimeter",
    "m": "meter",
    "in": "inch",
    "inch": "inch",
    "ns": "nanosecond",
    "µs": "microsecond",
    "ms": "millisecond",
    "s": "second",
    "sec": "second",
    "min": "minute",
    "h": "hour",
}
SYMBOLS = {name: symbol for symbol, name in reversed(UNITS.items())}
INTEGERS = "unknown pixels as integers: use --depth float"
RGB = ("FF0000", "00FF00", "0000FF")


def encode(planes: Planes) -> Folder:
    """All pages, in the version of NGFF that the image comes from, or else 0.5."""
    if planes.alpha is not None:
        floats = planes.numbers.dtype.kind == "f"
        what = "opacity: --alpha drop removes it"
        msg = f"OME-Zarr cannot hold {what if floats else INTEGERS}"
        raise BadImage(msg)
    record = ngff.record_of(planes.meta)
    numbers, letters = _arranged(planes, record.get("axes", {}))
    axes = _sized_axes(planes, letters, record.get("axes", {}))
    ome: dict[str, Any] = {"multiscales": [_multiscale(axes, record.get("name"))]}
    if omero := _omero(planes, record, numbers.shape[letters.index("C")] if "C" in letters else 1):
        ome["omero"] = omero
    history = json.loads(planes.provenance)
    tiles = [1] * (numbers.ndim - 2) + [min(n, TILE) for n in numbers.shape[-2:]]
    if record.get("version") == "0.4":
        ome["multiscales"][0]["version"] = "0.4"
        prefix, files = f"{LEVEL}/", _metadata_v2({**ome, "dip": history}, numbers, tiles)
    else:
        attributes = {"ome": {"version": "0.5", **ome}, "dip": history}
        names = [axis["name"] for axis in axes]
        prefix, files = f"{LEVEL}/c/", _metadata_v3(attributes, numbers, tiles, names)
    for index in np.ndindex(*(-(-n // m) for n, m in zip(numbers.shape, tiles, strict=True))):
        files[prefix + "/".join(map(str, index))] = _chunk(numbers, index, tiles)
    return Folder(files, ngff.is_image, ngff.WHAT)


# -- axes --------------------------------------------------------------------------------------


def _arranged(planes: Planes, known: Mapping[str, Any]) -> tuple[Numbers, str]:
    """The numbers with axes in the order that NGFF prescribes, and the letters of these."""
    meta = planes.meta
    sizes = dict(zip(meta.axes, meta.shape, strict=False))
    channels = [sizes.pop(axis) for axis in "CS" if axis in sizes]  # NGFF has one axis for both
    if channels:
        sizes["C"] = int(np.prod(channels))
    plain = replace(meta, axes="".join(sizes), shape=tuple(sizes.values()))
    numbers, letters = unfold(planes.numbers, plain)
    letters = letters.replace("S", "C")
    free = [letter for letter in "ZT" if letter not in letters]
    for letter in reversed([a for a in letters if a not in TYPES and a not in known]):
        if not free:
            msg = f"OME-Zarr has the axes t, c, z, y, x, and the image has {meta.axes}: write TIFF"
            raise BadImage(msg)
        letters = letters.replace(letter, free.pop(0))
    order = sorted(range(len(letters)), key=lambda i: _rank(letters[i]))
    return numbers.transpose(order), "".join(letters[i] for i in order)


def _rank(letter: str) -> int:
    """Time, channels and others, then space."""
    return {"T": 0, "C": 1, "Z": 3, "Y": 4, "X": 5}.get(letter, 2)


def _sized_axes(planes: Planes, letters: str, known: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The axes with units, and the scale and the translation of each."""
    sizes = known or _sizes(planes.meta)
    # a crop moves the origin by an unknown length
    before = dict(zip(planes.meta.axes, planes.meta.shape, strict=False))
    moved = planes.first.spacing == 1 and planes.first.size != (before.get("Y"), before.get("X"))
    axes = []
    for letter in letters:
        axis = {"name": letter.lower(), "scale": 1.0, "translation": 0.0, **sizes.get(letter, {})}
        axis.setdefault("type", TYPES.get(letter, "other"))
        if letter in "ZYX":  # --axes may have named it
            axis |= {"name": letter.lower(), "type": "space"}
        if letter in "YX":
            axis["scale"] *= float(planes.first.spacing)
            axis["translation"] *= not moved
        axes.append(axis)
    return axes


def _sizes(meta: Meta) -> dict[str, dict[str, Any]]:
    """Scale and unit by axis, from the metadata of OME, of ImageJ, or the resolution."""
    if meta.kind == "ome":
        return _ome_sizes(meta)
    sizes: dict[str, dict[str, Any]] = {}
    if meta.resolution is not None:
        x, y, unit = meta.resolution
        unit = _unit(meta.imagej.get("unit")) if unit == "none" else unit
        factor = {"inch": 25400.0, "cm": 10000.0}.get(unit)
        named = {"unit": "micrometer" if factor else unit} if unit else {}
        for letter, density in (("X", x), ("Y", y)):
            if unit:
                sizes[letter] = {"scale": float((factor or 1.0) / density), **named}
        _add(sizes, "Z", meta.imagej.get("spacing"), unit)
    _add(sizes, "T", meta.imagej.get("finterval"), "second")
    return sizes


def _ome_sizes(meta: Meta) -> dict[str, dict[str, Any]]:
    sizes: dict[str, dict[str, Any]] = {}
    pixels = _pixels(meta)
    for letter in "XYZT":
        key = "TimeIncrement" if letter == "T" else f"PhysicalSize{letter}"
        unit = pixels.get(f"{key}Unit", "s" if letter == "T" else "µm")
        _add(sizes, letter, pixels.get(key), UNITS.get(unit, ""))
    return sizes


def _add(sizes: dict[str, dict[str, Any]], letter: str, size: Any, unit: str) -> None:
    with suppress(TypeError, ValueError):
        if 0 < float(size) < float("inf"):
            sizes[letter] = {"scale": float(size), **({"unit": unit} if unit else {})}


def _unit(symbol: Any) -> str:
    """The unit of NGFF for that of ImageJ; "" for pixels and unknown ones."""
    return UNITS.get(str(symbol).replace("\\u00B5", "µ"), "")


def _pixels(meta: Meta) -> ET.Element:
    """The element of OME with the sizes and channels of the image."""
    with suppress(ET.ParseError, ValueError):
        found = ET.fromstring(meta.description).find("{*}Image/{*}Pixels")
        if found is not None:
            return found
    return ET.Element("Pixels")


# -- metadata ----------------------------------------------------------------------------------


def _multiscale(axes: Sequence[Mapping[str, Any]], name: Any) -> dict[str, Any]:
    changes = [{"type": "scale", "scale": [axis["scale"] for axis in axes]}]
    if any(axis["translation"] for axis in axes):
        shift = [axis["translation"] for axis in axes]
        changes.append({"type": "translation", "translation": shift})
    return {
        **({"name": name} if isinstance(name, str) else {}),
        "axes": [{k: axis[k] for k in ("name", "type", "unit") if k in axis} for axis in axes],
        "datasets": [{"path": LEVEL, "coordinateTransformations": changes}],
    }


def _omero(planes: Planes, record: Mapping[str, Any], count: int) -> dict[str, Any] | None:
    """Names and colours of the channels, if they are known, and there are as many as there were."""
    old = record.get("omero")
    if isinstance(old, dict):
        shown = old.get("channels")
        return old if isinstance(shown, list) and len(shown) == count else None
    if record:
        return None
    named = _pixels(planes.meta).findall("{*}Channel") if planes.meta.kind == "ome" else []
    if len(named) != count or not any(channel.get("Name") for channel in named):
        named = []
    if not named and (count != 3 or "C" in planes.meta.axes):  # no colours either
        return None
    scale, dtype = planes.first.scale, planes.numbers.dtype
    ends = (float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)) if dtype.kind in "iu" else None
    low, high = scale.offset, scale.offset + scale.scale
    window = dict(zip(("min", "max"), ends or (low, high), strict=True))
    window |= {"start": low, "end": high}
    colours = [_colour(channel) for channel in named] or list(RGB)
    labels = [channel.get("Name", str(i)) for i, channel in enumerate(named)] or list("RGB")
    channels = [
        {"label": label, "color": colour, "active": True, "window": window}
        for label, colour in zip(labels, colours, strict=True)
    ]
    return {"channels": channels}


def _colour(channel: ET.Element) -> str:
    """RRGGBB of the signed integer RRGGBBAA of OME."""
    with suppress(ValueError):
        return f"{(int(channel.get('Color', '-1')) & 0xFFFFFFFF) >> 8:06X}"
    return "FFFFFF"


def to_ome(meta: Meta, letters: str) -> str:
    """The description of an OME-TIFF with the pixel sizes and channels of an OME-Zarr image.

    Its sizes are those of no image: the writer of TIFF sets them.
    """
    record = ngff.record_of(meta)
    root = ET.Element("OME", {"xmlns": "http://www.openmicroscopy.org/Schemas/OME/2016-06"})
    image = ET.SubElement(root, "Image", {"ID": "Image:0"})
    if isinstance(record.get("name"), str):
        image.set("Name", record["name"])
    fastest = letters.replace("S", "")[::-1]
    order = fastest + "".join(axis for axis in "XYZCT" if axis not in fastest)
    pixels = ET.SubElement(image, "Pixels", {"ID": "Pixels:0", "DimensionOrder": order})
    for letter, axis in record.get("axes", {}).items():
        key = "TimeIncrement" if letter == "T" else f"PhysicalSize{letter}"
        if letter in "TZYX" and axis.get("unit") in SYMBOLS:
            pixels.set(key, repr(axis["scale"]))
            pixels.set(f"{key}Unit", SYMBOLS[axis["unit"]])
    omero = record.get("omero")
    shown = omero.get("channels") if isinstance(omero, dict) else None
    for i, channel in enumerate(shown if isinstance(shown, list) else []):
        element = ET.SubElement(pixels, "Channel", {"ID": f"Channel:0:{i}"})
        if isinstance(channel, dict) and isinstance(channel.get("label"), str):
            element.set("Name", channel["label"])
        with suppress(TypeError, ValueError, AttributeError):
            colour = (int(channel["color"], 16) << 8) + 255
            element.set("Color", str(colour - (colour >> 31 << 32)))
    return ET.tostring(root, encoding="unicode")


# -- arrays ------------------------------------------------------------------------------------


def _metadata_v2(
    attributes: Mapping[str, Any], numbers: Numbers, tiles: Sequence[int]
) -> dict[str, bytes]:
    """The descriptions of a group and of its only array, by path, in Zarr v2."""
    compressor = {"id": "blosc", "cname": "zstd", "clevel": 3, "shuffle": 2, "blocksize": 0}
    array = {
        "zarr_format": 2,
        "shape": numbers.shape,
        "chunks": tiles,
        "dtype": numbers.dtype.newbyteorder("<").str,
        "compressor": compressor,
        "fill_value": numbers.dtype.type(0).item(),
        "order": "C",
        "filters": None,
        "dimension_separator": "/",
    }
    group = {V2_GROUP: _json({"zarr_format": 2}), V2_ATTRIBUTES: _json(attributes)}
    return {**group, f"{LEVEL}/{V2_ARRAY}": _json(array)}


def _metadata_v3(
    attributes: Mapping[str, Any], numbers: Numbers, tiles: Sequence[int], names: Sequence[str]
) -> dict[str, bytes]:
    """The descriptions of a group and of its only array, by path, in Zarr v3."""
    blosc = {
        "typesize": numbers.itemsize,
        "cname": "zstd",
        "clevel": 3,
        "shuffle": "bitshuffle",
        "blocksize": 0,
    }
    array = {
        "shape": numbers.shape,
        "data_type": numbers.dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": tiles}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": numbers.dtype.type(0).item(),
        "codecs": [
            {"name": "bytes", "configuration": {"endian": "little"}},
            {"name": "blosc", "configuration": blosc},
        ],
        "attributes": {},
        "dimension_names": names,
        "zarr_format": 3,
        "node_type": "array",
        "storage_transformers": [],
    }
    group = {"attributes": attributes, "zarr_format": 3, "node_type": "group"}
    return {META: _json(group), f"{LEVEL}/{META}": _json(array)}


def _chunk(numbers: Numbers, index: tuple[int, ...], tiles: Sequence[int]) -> bytes:
    """A chunk, filled up with zeros at the border."""
    from numcodecs import blosc

    blosc.use_threads = False  # with threads, the order of the blocks would differ from run to run
    part = numbers[tuple(slice(i * n, (i + 1) * n) for i, n in zip(index, tiles, strict=True))]
    chunk = np.zeros(tiles, numbers.dtype.newbyteorder("<"))
    chunk[tuple(slice(0, n) for n in part.shape)] = part
    codec = blosc.Blosc(cname="zstd", clevel=3, shuffle=blosc.BITSHUFFLE)
    return bytes(codec.encode(chunk))


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, indent=2).encode()
