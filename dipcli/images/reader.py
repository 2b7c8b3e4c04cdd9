"""Read image files of every format."""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dipcli.bucket import is_address, read_object
from dipcli.errors import BadImage, DipError
from dipcli.images import builtin, npy
from dipcli.images.image import Image
from dipcli.images.stack import MAX_BYTES, SMALL, Stack, chosen_series
from dipcli.machine import available_memory

ZARR_GROUPS = ("zarr.json", ".zgroup")  # files that every Zarr group has, of v3 or v2
CHUNK = 1 << 20  # bytes of a stream that are read at once
# (first bytes, format); the extension of a name is ignored
MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"\x93NUMPY", "npy"),
    (b"\xff\xd8\xff", "photo"),
    (b"GIF8", "photo"),
    (b"BM", "photo"),
    (b"RIFF", "photo"),
    *((b"P" + kind, "netpbm") for kind in (b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"f", b"F")),
)


def read(
    source: str | Path | bytes,
    page: int = 1,
    *,
    axes: str | None = None,
    normalize: str = "auto",
    alpha: str = "unknown",
    level: int = 0,
    series: int | None = None,
) -> Image:
    """Read one page of an image file, of builtin:NAME, or of the bytes of a file.

    `normalize` sets which numbers are 0 and 1: auto, dtype, minmax or LOW:HIGH. `alpha` sets what
    transparent pixels are: unknown, keep (opacity is kept) or drop (opaque). `level` is that of an
    OME-Zarr image, 0 being the finest, and `series`, from 1, is one of several images of a file.
    """
    stack = open_stack(source, axes=axes, level=level, series=series)
    image: Image = stack.pages(str(page), normalize=normalize, alpha=alpha)[0]
    return image


def read_stack(
    source: str | Path | bytes,
    pages: str = "all",
    *,
    axes: str | None = None,
    normalize: str = "auto",
    alpha: str = "unknown",
    level: int = 0,
    series: int | None = None,
) -> Sequence[Image]:
    """Read the pages `all`, `N` or `A-B` of an image file; each is converted on access."""
    stack = open_stack(source, axes=axes, level=level, series=series)
    return stack.pages(pages, normalize=normalize, alpha=alpha)


def as_image(source: Any, like: Image | None = None, *, stretch: bool = False) -> tuple[Image, str]:
    """An image from an Image, an array (y, x) or (y, x, channel), or a file; and its name.

    An array is scaled like a .npy file. With `like`, the image is put on the scale of that one
    where both have numbers of one type, and of a stack the page with the same number is used, or
    the pages of a volume.
    """
    if isinstance(source, Image):
        return (source.with_pixels(source.on_scale_of(like)) if like else source), "image"
    if isinstance(source, str | Path | bytes):
        name = "image" if isinstance(source, bytes) else str(source)
        stack = open_stack(source)
    else:
        name, stack = "array", npy.from_array(np.asarray(source))
    normalize, page = "auto", "1"
    if like is not None:
        low, high = like.scale.offset, like.scale.offset + like.scale.scale
        normalize = f"{low!r}:{high!r}" if stack.numbers.dtype == like.dtype else "auto"
        if like.planes:
            from dipcli.images.volume import volume

            which = ",".join(map(str, like.planes))
            return volume(stack.pages(which, normalize=normalize), like.page), name
        page = str(like.page) if len(stack) > 1 else "1"
    image: Image = stack.pages(page, normalize=normalize, stretch=stretch)[0]
    return image, name


def open_stack(
    source: str | Path | bytes,
    *,
    axes: str | None = None,
    name: str | None = None,
    level: int = 0,
    series: int | None = None,
) -> Stack:
    """Decode all of a file; `axes` names its dimensions if the file does not."""
    if isinstance(source, bytes):
        return _decode(BytesIO(source), len(source), name or "stdin", axes, level, series)
    if str(source).startswith("builtin:"):
        image = builtin.load(str(source))
        return image if isinstance(image, Stack) else open_stack(image, name=str(source))
    if is_ome_zarr(str(source)):
        from dipcli.images import ngff

        with decoding(str(source)):
            return ngff.decode(str(source), axes, level, series)
    if is_address(str(source)):
        return open_stack(read_object(str(source)), axes=axes, name=str(source), series=series)
    try:
        with Path(source).open("rb") as file:
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode):
                return _decode(file, status.st_size, name or str(source), axes, level, series)
            data = read_stream(file, str(source))  # a FIFO, as <(...) of a shell, cannot seek
        return _decode(BytesIO(data), len(data), name or str(source), axes, level, series)
    except OSError as error:
        msg = f"cannot read {source}: {error.strerror or error}"
        raise BadImage(msg) from error


def is_ome_zarr(name: str) -> bool:
    """Whether a name is that of an OME-Zarr image, or of a plate or labels, which are refused."""
    if "://" not in name and not any(os.path.lexists(f"{name}/{f}") for f in ZARR_GROUPS):
        return False
    from dipcli.images import ngff

    return ngff.is_ngff(name)


def read_stream(file: BinaryIO, name: str) -> bytes:
    """Read a pipe, a FIFO or a device, which may have no end, as far as memory allows.

    What begins like no image and no zipped store is read as far as a list of names may go.
    """
    buffer = BytesIO(file.read(CHUNK))
    if buffer.getvalue().startswith((b"PK", *(magic for magic, _ in MAGIC))):
        limit, why = min(MAX_BYTES, available_memory() // 2), "the most that is read of a stream"
    else:
        limit, why = SMALL, "and begins like no image or store"
    buffer.seek(0, os.SEEK_END)
    while chunk := file.read(CHUNK):
        buffer.write(chunk)
        if buffer.tell() > limit:
            msg = f"cannot read {name}: it has more than {limit:,} bytes, {why}"
            raise BadImage(msg)
    return buffer.getvalue()


def is_up_to_date(path: str, provenance: Mapping[str, Any]) -> bool:
    """Whether an image file exists that records just this provenance; `-` is stdout."""
    try:
        there = is_address(path) or Path(path).is_file() or Path(path).is_dir()
        if path == "-" or not there:
            return False
        recorded = dict(_history_of(path) or {})
    except (DipError, OSError, TypeError, ValueError):
        return False
    return {**recorded, "scale": 0, "offset": 0} == {**provenance, "scale": 0, "offset": 0}


def _decode(
    file: BinaryIO, length: int, name: str, axes: str | None, level: int, series: int | None
) -> Stack:
    head = file.read(16)
    if not head:
        msg = f"{name} is empty; an image file is needed"
        raise BadImage(msg)
    kind = next((kind for magic, kind in MAGIC if head.startswith(magic)), None)
    if kind is None:
        msg = (
            f"{name} is not an image that dip reads (PNG, TIFF, OME-Zarr, JPEG, WebP, BMP, GIF, "
            "NetPBM, .npy)"
        )
        raise BadImage(msg)
    file.seek(0)
    with decoding(name):
        if level:
            msg = f"there is no level {level}: only OME-Zarr images have levels (--level)"
            raise BadImage(msg)
        return _decode_as(kind, file, length, axes, series)


def _history_of(path: str) -> Any:
    if is_ome_zarr(path):  # it is whole, as it was renamed; so its pixels need not be read
        from dipcli.images import ngff

        return ngff.history_of(path)
    return open_stack(path).history


@contextmanager
def decoding(name: str) -> Iterator[None]:
    """Turn any error of a decoder into a one-line BadImage that names the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # decoders warn about what they read or refuse anyway
            yield
    except DipError as error:
        msg = f"cannot read {name}: {error}"
        raise BadImage(msg) from error
    except MemoryError as error:
        msg = f"cannot read {name}: it does not fit in memory"
        raise BadImage(msg) from error
    except Exception as error:  # decoders raise anything on broken files: IndexError, struct.error
        reason = " ".join(str(error).split()) or type(error).__name__
        msg = f"cannot read {name}: the file is broken ({reason[:200]})"
        raise BadImage(msg) from error


def _decode_as(
    kind: str, file: BinaryIO, length: int, axes: str | None, series: int | None
) -> Stack:
    if kind == "tiff":
        from dipcli.images import tiff

        return tiff.decode(file, length, axes, series)
    chosen_series(series, 1)
    if kind == "npy":
        return npy.decode(file, length, axes)
    if axes:
        msg = "--axes is for TIFF and .npy; this format has fixed axes"
        raise BadImage(msg)
    from dipcli.images import raster

    readers = {"png": raster.read_png, "photo": raster.read_photo, "netpbm": raster.read_netpbm}
    return readers[kind](file, length)
