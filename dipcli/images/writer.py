"""Write image files: format, bit depth, and metadata."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dipcli import files
from dipcli.errors import BadImage, UsageError
from dipcli.images.image import Image
from dipcli.images.scale import Numbers, Provenance, Scale
from dipcli.images.stack import Planes

EXTENSIONS = {
    ".png": "png",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".webp": "webp",
    ".npy": "npy",
    ".ome.zarr": "ome-zarr",
}
DEPTHS = ("8", "16", "float")
INTEGERS = {"png": ("uint8", "uint16"), "jpeg": ("uint8",), "webp": ("uint8",)}  # types they hold
NAMES = {"png": "PNG", "jpeg": "JPEG", "webp": "WebP"}


class Encoded(NamedTuple):
    """An encoded file or folder, a summary of it, and notes for the user."""

    data: bytes | files.Folder
    what: str  # size, channels, type
    notes: tuple[str, ...]


def write(
    path: str | Path,
    image: Image | Iterable[Image],
    *,
    force: bool = False,
    depth: str | None = None,
    provenance: Provenance | None = None,
) -> None:
    """Write an image, or the pages of a stack, in the format of the extension; whole or not at all.

    `depth` is "8", "16" or "float"; the default is that of the source. `provenance` is recorded
    in the file; the default is the history of the image.
    """
    pages = [image] if isinstance(image, Image) else image
    files.put(path, encode(pages, format_of(str(path)), depth, provenance).data, force=force)


def check_output(path: str, form: str | None, *, force: bool) -> None:
    """Raise the error of `files.put` before the work instead of after it."""
    if form == "ome-zarr":
        from dipcli.images import ngff

        files.check_folder(path, ngff.is_image, ngff.WHAT, force=force)
    else:
        files.check(path, force=force)


def format_of(path: str) -> str:
    """The format by the extension of a file name."""
    suffix = extension_of(path)
    if suffix not in EXTENSIONS:
        known = ", ".join(EXTENSIONS)
        msg = f"{path} has no extension that dip writes ({known}); use one, or --image-format"
        raise UsageError(msg)
    return EXTENSIONS[suffix]


def extension_of(path: str) -> str:
    """The extension of a name in lower case; that of OME-Zarr has two parts."""
    name = path.lower().rstrip("/")
    return ".ome.zarr" if name.endswith(".ome.zarr") else Path(name).suffix


def format_for_pipe(image: Image, pages: int, depth: str | None = None) -> str:
    """PNG, or TIFF if PNG cannot hold the image."""
    dtype, _ = _depth(image, depth)
    fits = dtype in (np.uint8, np.uint16) and image.channels in (1, 3) and pages == 1
    return "png" if fits else "tiff"


def encode(
    images: Iterable[Image],
    form: str,
    depth: str | None = None,
    provenance: Provenance | None = None,
) -> Encoded:
    """Encode images as the pages of a file."""
    numbers: list[Numbers] = []
    alphas: list[Numbers | None] = []
    pages: list[int] = []
    notes: list[str] = []
    clipped, values, unknown = 0, 0, 0
    images = chain.from_iterable(image.slices() for image in images)
    first = next(images, None)
    if first is None:
        msg = "there are no pages to write"
        raise BadImage(msg)
    dtype, scale = _fit_format(form, *_depth(first, depth), notes)
    for number, image in enumerate(chain([first], images), 1):
        if image.pixels.shape != first.pixels.shape:
            msg = f"all pages of a stack must have one size: page {number} differs from the first"
            raise BadImage(msg)
        if form == "npy" and dtype.kind != "f" and image.unknown.any():
            dtype = np.dtype(np.float32)
            numbers = [page.astype(dtype) for page in numbers]
            notes.append("unknown pixels are NaN in .npy, which is therefore written as floats")
        page, outside = image.as_numbers(dtype, scale)
        numbers.append(page)
        pages.append(image.page)
        alphas.append(_opacity(image, dtype, form))
        clipped, values = clipped + outside, values + page.size
        unknown += int(image.unknown.any(axis=0).sum())
    if unknown:
        notes.append(f"{unknown:,} of {values // first.channels:,} pixels are unknown")
    if clipped:
        share = 100 * clipped / values
        notes.append(
            f"{share:.2g} % of the values are outside of the range of {dtype} and were clipped; "
            "--depth float keeps them"
        )
    record = {**(provenance or first.history or {}), "scale": scale.scale, "offset": scale.offset}
    alpha = _stack_alpha(alphas, dtype)
    planes = Planes(np.stack(numbers), alpha, first, json.dumps(record), tuple(pages))
    return Encoded(_encode(planes, form), _describe(planes), tuple(notes))


def _describe(planes: Planes) -> str:
    pages, channels, height, width = planes.numbers.shape
    words = [f"{width}x{height}", f"{channels} channel{'s' * (channels > 1)}"]
    return ", ".join([*words, str(planes.numbers.dtype), *[f"{pages} pages"] * (pages > 1)])


def _encode(planes: Planes, form: str) -> bytes | files.Folder:
    if form == "ome-zarr":
        from dipcli.images import ngff_writer

        return ngff_writer.encode(planes)
    if form == "tiff":
        from dipcli.images import tiff

        return tiff.encode(planes)
    pages, channels = planes.numbers.shape[:2]
    if pages > 1:
        msg = (
            f"{form} holds one page, and there are {pages}: choose one with --page, or write TIFF "
            "or OME-Zarr"
        )
        raise BadImage(msg)
    if form == "npy":
        from dipcli.images import npy

        return npy.encode(planes)
    if channels not in (1, 3):
        msg = f"{form} holds 1 or 3 channels, and there are {channels}: write a TIFF or .npy"
        raise BadImage(msg)
    from dipcli.images import raster

    return raster.encode(planes, form)


def _depth(image: Image, depth: str | None) -> tuple[np.dtype[Any], Scale]:
    """Type and scale of the output: those of the source, or [0, 1] over the range of integers."""
    if depth is None:
        return image.dtype, image.scale
    if depth not in DEPTHS:
        msg = f"--depth must be 8, 16 or float, not {depth!r}"
        raise UsageError(msg)
    if depth == "float":
        return np.dtype(np.float32), image.scale
    dtype: np.dtype[Any] = np.dtype("uint8" if depth == "8" else "uint16")
    return dtype, image.scale if image.dtype == dtype else Scale(float(np.iinfo(dtype).max))


def _fit_format(
    form: str, dtype: np.dtype[Any], scale: Scale, notes: list[str]
) -> tuple[np.dtype[Any], Scale]:
    """The nearest type that the format has."""
    if form not in INTEGERS or dtype.name in INTEGERS[form]:
        return dtype, scale
    info = np.iinfo(INTEGERS[form][-1])
    notes.append(f"{NAMES[form]} cannot hold {dtype}: written as {info.bits}-bit integers")
    return info.dtype, Scale(float(info.max))


def _opacity(image: Image, dtype: np.dtype[Any], form: str) -> Numbers | None:
    """The opacity (y, x) in the type of the file, or None if all pixels are opaque."""
    unknown = image.unknown
    if image.alpha is None and (dtype.kind == "f" or not unknown.any()):
        return None
    if form in ("jpeg", "npy"):  # OME-Zarr has a message of its own
        what = "unknown pixels" if unknown.any() else "transparency (--alpha drop removes it)"
        msg = f"{form} cannot hold {what}: write PNG or TIFF"
        raise BadImage(msg)
    if dtype.kind != "f" and (unknown.any(axis=0) != unknown.all(axis=0)).any():
        msg = "some pixels are unknown in some channels only: write a TIFF with --depth float"
        raise BadImage(msg)
    alpha = np.ones(image.size, np.float32) if image.alpha is None else image.alpha
    if dtype.kind == "f":
        return alpha
    full = np.iinfo(dtype).max
    # a known pixel must not round to transparent, which would make it unknown
    visible = np.where((alpha > 0) & ~unknown.all(axis=0), 1, 0)
    levels = np.where(unknown.all(axis=0), 0, np.rint(alpha.astype(np.float64) * full))
    return np.maximum(levels, visible).astype(dtype)


def _stack_alpha(alphas: list[Numbers | None], dtype: np.dtype[Any]) -> Numbers | None:
    shape = next((alpha.shape for alpha in alphas if alpha is not None), None)
    if shape is None:
        return None
    opaque = np.full(shape, 1 if dtype.kind == "f" else np.iinfo(dtype).max, dtype)
    return np.stack([(opaque if alpha is None else alpha.astype(dtype)) for alpha in alphas])
