"""Read images of OME-Zarr: NGFF 0.4 (in Zarr v2) and 0.5 (in Zarr v3)."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from dipcli.errors import BadImage
from dipcli.images.image import Meta, Resolution
from dipcli.images.stack import Stack, chosen_series, fold, native, series_notes
from dipcli.images.zarrays import ArrayInfo, find_array, read_array
from dipcli.images.zarrfiles import (
    META,
    V2_ATTRIBUTES,
    V2_GROUP,
    Files,
    LocalFiles,
    open_files,
    read_json,
)

WHAT = "an OME-Zarr image"
ADDRESS = re.compile(r".+://.+\.ome\.zarr(/\d+)?/*")
BIOFORMATS = "bioformats2raw.layout"
KINDS = ("multiscales", "plate", "well", "labels", "image-label", BIOFORMATS, "series")
MAX_SERIES = 10_000
LETTERS = {"time": "T", "channel": "C"}  # by the type of an axis that is not called t, c, z, y, x
SPARE = "QRP"  # letters of other axes, whose pages are not in time or space
METRES = {
    "picometer": Fraction(1, 10**12),
    "angstrom": Fraction(1, 10**10),
    "nanometer": Fraction(1, 10**9),
    "micrometer": Fraction(1, 10**6),
    "millimeter": Fraction(1, 10**3),
    "centimeter": Fraction(1, 100),
    "meter": Fraction(1),
    "inch": Fraction(254, 10**4),
}


class NgffGroup(NamedTuple):
    """A Zarr group with metadata of NGFF."""

    path: str
    version: int  # of Zarr
    attributes: Mapping[str, Any]
    ome: Mapping[str, Any]

    @property
    def is_image(self) -> bool:
        return "multiscales" in self.ome and not self.is_run

    @property
    def is_run(self) -> bool:
        """Whether it is a run of a trajectory store, which viewers show as an image."""
        dip = self.attributes.get("dip")
        return isinstance(dip, Mapping) and "status" in dip


# -- recognition -------------------------------------------------------------------------------


def is_ngff(name: str) -> bool:
    """Whether a name is that of an OME-Zarr image, plate or labels, or an address of one."""
    if "://" in name:
        return ADDRESS.fullmatch(name) is not None
    try:
        group = _group(LocalFiles(name), "") if os.path.isdir(name) else None  # noqa: PTH112
    except (BadImage, OSError, ValueError):
        return False
    return group is not None and not group.is_run and any(kind in group.ome for kind in KINDS)


def is_image(folder: Path) -> bool:
    """Whether a folder is an OME-Zarr image, which another may replace."""
    try:
        group = _group(LocalFiles(folder), "") if folder.is_dir() else None
    except (BadImage, OSError):
        return False
    return group is not None and group.is_image


def _group(files: Files, path: str) -> NgffGroup | None:
    """The group at a path; None if there is none."""
    prefix = f"{path}/" if path else ""
    document = read_json(files, prefix + META)
    if document is not None:
        attributes = document.get("attributes")
        attributes = attributes if isinstance(attributes, dict) else {}
        ome = attributes.get("ome")
        if document.get("node_type") != "group":
            return None
        return NgffGroup(path, 3, attributes, ome if isinstance(ome, dict) else {})
    if read_json(files, prefix + V2_GROUP) is None:
        return None
    attributes = read_json(files, prefix + V2_ATTRIBUTES) or {}
    return NgffGroup(path, 2, attributes, attributes)


# -- reading -----------------------------------------------------------------------------------


def decode(name: str, axes: str | None, level: int, series: int | None) -> Stack:
    """All pages of a level of an image; `series`, from 1, chooses among several images."""
    files = open_files(name)
    group = _group(files, "")
    if group is None:
        msg = "there is no Zarr group"
        raise BadImage(msg)
    if BIOFORMATS in group.ome:
        group, series = _series(files, series), None
    _refuse_others(group)
    version = _version(group)
    scales = _list(group.ome, "multiscales", group.path)
    image = scales[chosen_series(series, len(scales)) - 1]
    dataset = _dataset(image, level, group.path)
    array = find_array(files, _join(group.path, dataset.get("path")))
    record = {"version": version, "name": image.get("name"), "axes": _axes(image, dataset, array)}
    if isinstance(omero := group.ome.get("omero"), dict):
        record["omero"] = omero
    meta = _meta(record, axes, array)
    numbers, absent = read_array(files, array)
    notes = series_notes(series, len(scales))
    if absent:
        count, fill = math.prod(array.grid), float(array.fill)
        notes.append(f"{absent} of {count} chunks are absent: their pixels are {fill:g}")
    history = group.attributes.get("dip")
    history = history if isinstance(history, dict) else None
    return Stack(fold(native(numbers), meta.axes), None, meta, history, tuple(notes))


def _meta(record: Mapping[str, Any], axes: str | None, array: ArrayInfo) -> Meta:
    letters = axes or _letters(record["axes"])
    if len(letters) != len(array.shape):
        msg = f"--axes {letters} names {len(letters)} axes; the image has {len(array.shape)}"
        raise BadImage(msg)
    return Meta(
        axes=letters,
        shape=array.shape,
        kind="ngff",
        description=json.dumps(record),
        resolution=_resolution(dict(zip(letters, record["axes"], strict=True))),
    )


def _dataset(image: Mapping[str, Any], level: int, path: str) -> Mapping[str, Any]:
    """What the metadata say of a level."""
    datasets = _list(image, "datasets", path)
    if not 0 <= level < len(datasets):
        levels = "the only level is 0" if len(datasets) == 1 else f"0 to {len(datasets) - 1}"
        msg = f"there is no level {level}: {levels}"
        raise BadImage(msg)
    return datasets[level]


def _series(files: Files, series: int | None) -> NgffGroup:
    """One image of a folder that bioformats2raw wrote."""
    listed = _group(files, "OME")
    paths = listed.ome.get("series") if listed else None
    if not isinstance(paths, list):
        names = map(str, range(MAX_SERIES))
        paths = []
        for name in names:
            if _group(files, name) is None:
                break
            paths.append(name)
    if series is None and len(paths) > 1:
        msg = f"it holds {len(paths)} images: choose one with --series N"
        raise BadImage(msg)
    if not paths:
        msg = "it holds no images"
        raise BadImage(msg)
    number = chosen_series(series, len(paths))
    path = _join("", paths[number - 1])
    found = _group(files, path)
    if found is None:
        msg = f"its series {number} is missing: there is no group {path}"
        raise BadImage(msg)
    return found


def _refuse_others(group: NgffGroup) -> None:
    """Refuse what is no image of intensities."""
    ome = group.ome
    if "image-label" in ome:
        msg = "it holds labels, which are no intensities: name the image that they belong to"
    elif group.is_image:
        return
    elif "plate" in ome:
        msg = "it is a well plate of many images: name one of them, as PLATE.zarr/A/1/0"
    elif "well" in ome:
        msg = "it is a well of several images: name one of them, as WELL/0"
    elif "labels" in ome:
        msg = "it is a group of labels, which are no intensities: name the image itself"
    else:
        msg = "it holds no image: its metadata have no multiscales"
    raise BadImage(msg)


def _version(group: NgffGroup) -> str:
    """The version of NGFF: 0.4 or 0.5."""
    own = "0.4" if group.version == 2 else "0.5"
    scales = group.ome["multiscales"]
    holder = scales[0] if isinstance(scales, list) and scales and own == "0.4" else group.ome
    stated = holder.get("version", own) if isinstance(holder, Mapping) else own
    if stated != own:
        found = f"NGFF {str(stated)[:20]} in Zarr v{group.version}"
        msg = f"it is {found}; dip reads 0.4 in v2 and 0.5 in v3: convert it"
        raise BadImage(msg)
    return own


def _list(holder: Mapping[str, Any], key: str, path: str) -> Sequence[Mapping[str, Any]]:
    found = holder.get(key)
    if not isinstance(found, list) or not found or not all(isinstance(i, dict) for i in found):
        msg = f"the metadata {path or 'of its group'} have no valid {key}"
        raise BadImage(msg)
    return found


def _join(group: str, path: Any) -> str:
    """The path of a member, which must be inside of its group."""
    parts = path.split("/") if isinstance(path, str) else [".."]
    if any(part in ("", ".", "..") or not part.isprintable() or "\\" in part for part in parts):
        msg = f"its metadata name the path {str(path)[:60]!r}, which is not inside of it"
        raise BadImage(msg)
    return f"{group}/{path}" if group else str(path)


# -- axes and pixel sizes ----------------------------------------------------------------------


def _axes(
    image: Mapping[str, Any], dataset: Mapping[str, Any], array: ArrayInfo
) -> list[dict[str, Any]]:
    """The axes with name, type, unit, and the scale and translation of one level."""
    described = _list(image, "axes", array.path)
    names = [axis.get("name") for axis in described]
    count = len(array.shape)
    if len(names) != count or len(set(map(str, names))) != count:
        msg = f"its axes {names} do not fit an array of {count} dimensions"
        raise BadImage(msg)
    scale, shift = [1.0] * count, [0.0] * count
    for holder in (dataset, image):
        for change in holder.get("coordinateTransformations") or ():
            kind = change.get("type") if isinstance(change, dict) else None
            if kind == "identity":
                continue
            values = _numbers(change, kind, count)
            if kind == "scale":
                scale = [a * b for a, b in zip(scale, values, strict=True)]
                shift = [a * b for a, b in zip(shift, values, strict=True)]
            else:
                shift = [a + b for a, b in zip(shift, values, strict=True)]
    rows = zip(described, scale, shift, strict=True)
    return [
        {**{k: axis[k] for k in ("name", "type", "unit") if isinstance(axis.get(k), str)}}
        | {"scale": size, "translation": start}
        for axis, size, start in rows
    ]


def _numbers(change: Any, kind: Any, count: int) -> list[float]:
    found = change.get(kind) if kind in ("scale", "translation") else None
    values = found if isinstance(found, list) else []
    known = all(type(n) in (int, float) for n in values)
    if not known or len(values) != count or not all(map(math.isfinite, values)):
        msg = f"it has a coordinate transformation that dip does not read: {str(change)[:60]}"
        raise BadImage(msg)
    return [float(n) for n in values]


def _letters(axes: Sequence[Mapping[str, Any]]) -> str:
    """A letter for each axis: T, C, Z, Y, X, or a spare one."""
    letters: list[str] = []
    spare = iter(SPARE)
    for axis in axes:
        name = str(axis.get("name")).upper()
        letter = name if name in ("T", "C", "Z", "Y", "X") else LETTERS.get(str(axis.get("type")))
        letters.append(letter or next(spare, "?"))
    if len(set(letters)) != len(letters) or "?" in letters or not {"Y", "X"} <= set(letters):
        names = ", ".join(str(axis.get("name"))[:20] for axis in axes)
        msg = f"its axes are {names}: name them, as in --axes TCZYX"
        raise BadImage(msg)
    return "".join(letters)


def _resolution(axes: Mapping[str, Mapping[str, Any]]) -> Resolution | None:
    """Pixels per cm, for formats that hold only that."""
    units = [METRES.get(str(axes[letter].get("unit"))) for letter in "XY" if letter in axes]
    sizes = [axes[letter]["scale"] for letter in "XY" if letter in axes]
    if len(units) < 2 or None in units or min(sizes) <= 0:
        return None
    exact = [1 / (Fraction(n) * unit * 100) for n, unit in zip(sizes, units, strict=True) if unit]
    if not all(1 < 2**31 * n < 2**62 for n in exact):
        return None
    # TIFF has 32 bits for each part of a fraction
    x, y = (n.limit_denominator(max(1, min(2**31, int(2**31 / n)))) for n in exact)
    return Resolution(x, y, "cm")


def record_of(meta: Meta) -> dict[str, Any]:
    """What is known of an OME-Zarr image that was read; {} if it is of another format or broken."""
    if meta.kind != "ngff":
        return {}
    try:
        record = json.loads(meta.description)
        axes = {
            letter: {
                **{k: str(axis[k]) for k in ("name", "type", "unit") if k in axis},
                "scale": _finite(axis["scale"]),
                "translation": _finite(axis["translation"]),
            }
            for letter, axis in zip(meta.axes, record.get("axes", ()), strict=False)
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}
    return {**record, "axes": axes}


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def history_of(name: str) -> Any:
    """The provenance of an image; None if it has none."""
    group = _group(open_files(name), "")
    return group.attributes.get("dip") if group else None
