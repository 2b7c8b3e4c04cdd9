"""Images of one page: PNG, the 8-bit formats of Pillow, and NetPBM."""

from __future__ import annotations

import math
import struct
import zlib
from fractions import Fraction
from io import BytesIO
from typing import Any, BinaryIO

import imagecodecs
import netpbmfile
import numpy as np
import PIL.Image
import PIL.ImageOps
import PIL.WebPImagePlugin  # Pillow loads it only after all other plugins have failed

from dipcli.errors import BadImage
from dipcli.images.image import Meta, Resolution
from dipcli.images.scale import Numbers
from dipcli.images.stack import SMALL, Planes, Stack, check_size, native, read_history

# Pillow has more formats, some of which start other programs
PHOTOS = ("JPEG", "WEBP", "BMP", "GIF")
INCH = Fraction(254, 10000)  # metres
PER_METRE = {"inch": 10000 / 254, "cm": 100.0}  # units in a metre


def read_png(file: BinaryIO, length: int) -> Stack:
    with _open(file, length, ("PNG",), 8) as picture:
        depth, kind = _ihdr(file)
        # Pillow keeps only the high bytes of 16-bit colour
        numbers = _eight_bits(picture) if depth < 16 else _sixteen_bits(file, picture, kind)
        return _stack(picture, numbers, read_history(picture.text.get("dip")))  # type: ignore[attr-defined]


def read_photo(file: BinaryIO, length: int) -> Stack:
    with _open(file, length, PHOTOS, 4) as picture:
        return _stack(picture, _eight_bits(picture), None)


def read_netpbm(file: BinaryIO, length: int) -> Stack:
    with netpbmfile.NetpbmFile(file) as picture:
        check_size(max(math.prod(picture.shape) * 4, length), length)  # it is read whole
        numbers = native(picture.asarray())
        if picture.magicnumber in ("Pf", "PF"):
            numbers = numbers[::-1]  # this format stores the bottom row first
        elif picture.magicnumber in ("P1", "P4"):
            numbers = 255 - numbers if numbers.max(initial=0) > 1 else (1 - numbers) * np.uint8(255)
        elif numbers.dtype == np.uint8 and 0 < picture.maxval < 255:
            numbers = np.rint(numbers * (255.0 / picture.maxval)).clip(0, 255).astype(np.uint8)
        depth = picture.shape[-1] if len(picture.shape) == 3 else 1
        alpha = "ALPHA" in str(picture.tupltype)
    return _split(numbers.reshape(*numbers.shape[:2], depth), alpha, Meta(), None)


def _open(file: BinaryIO, length: int, formats: tuple[str, ...], sample: int) -> PIL.Image.Image:
    picture = PIL.Image.open(file, formats=formats)
    check_size(picture.width * picture.height * sample, length)
    return picture


def _ihdr(file: BinaryIO) -> tuple[int, int]:
    """The bit depth and colour type of a PNG."""
    file.seek(24)
    depth, kind = file.read(2)
    file.seek(0)
    return depth, kind


def _eight_bits(picture: PIL.Image.Image) -> Numbers:
    """The pixels (y, x, channel) in 8 bits, with the EXIF orientation applied."""
    transparent = picture.has_transparency_data
    picture = PIL.ImageOps.exif_transpose(picture)
    mode = ("L" if picture.mode in ("1", "L", "LA", "La") else "RGB") + "A" * transparent
    return np.atleast_3d(np.asarray(picture.convert(mode)))


def _sixteen_bits(file: BinaryIO, picture: PIL.Image.Image, kind: int) -> Numbers:
    file.seek(0)
    most = SMALL + 16 * picture.width * picture.height  # an endless file has no more pixels
    numbers = np.atleast_3d(imagecodecs.png_decode(file.read(most)))
    key = picture.info.get("transparency")  # the colour that stands for transparent
    if kind in (0, 2) and key is not None and numbers.shape[2] in (1, 3):
        opaque = (numbers != np.asarray(key, np.uint16)).any(axis=2, keepdims=True)
        numbers = np.concatenate([numbers, opaque * np.uint16(65535)], axis=2)
    orientation = picture.getexif().get(0x0112, 1)
    return upright(numbers, orientation)


def upright(numbers: Numbers, orientation: int) -> Numbers:
    """Undo the EXIF orientation of (y, x, ...)."""
    if orientation in (5, 6, 7, 8):
        numbers = numbers.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        numbers = numbers[::-1]
    if orientation in (2, 3, 6, 7):
        numbers = numbers[:, ::-1]
    return numbers


def _stack(picture: PIL.Image.Image, numbers: Numbers, history: dict[str, Any] | None) -> Stack:
    info = picture.info
    profile = info.get("icc_profile") if picture.mode != "CMYK" else None
    meta = Meta(resolution=_resolution(info.get("dpi")), icc=profile or None)
    frames = getattr(picture, "n_frames", 1)
    notes = (f"only the first of its {frames} frames is read",) if frames > 1 else ()
    return _split(numbers, numbers.shape[2] in (2, 4), meta, history, notes)


def _split(
    numbers: Numbers,  # (y, x, channel)
    alpha: bool,
    meta: Meta,
    history: dict[str, Any] | None,
    notes: tuple[str, ...] = (),
) -> Stack:
    planes = numbers.transpose(2, 0, 1)[None]  # (page, channel, y, x)
    if not alpha:
        return Stack(planes, meta=meta, history=history, notes=notes)
    if planes.shape[1] < 2:
        msg = "it has no channel but alpha"
        raise BadImage(msg)
    return Stack(planes[:, :-1], planes[:, -1], meta, history, notes)


def _resolution(dpi: Any) -> Resolution | None:
    """The resolution in pixels per cm; Pillow converts it to dots per inch, exactly undone here."""
    try:
        x, y = (round(float(d) / float(INCH)) for d in dpi)
    except (TypeError, ValueError, OverflowError):
        return None
    if not (0 < x < 2**31 and 0 < y < 2**31):
        return None
    return Resolution(Fraction(x, 100), Fraction(y, 100), "cm")


def encode(planes: Planes, form: str) -> bytes:
    """The first page as PNG, JPEG or WebP."""
    if form == "png":
        return _png(planes)
    if form == "jpeg":
        return _pillow(planes, "JPEG", quality=95, subsampling=0, optimize=True)
    return _pillow(planes, "WEBP", lossless=True, exact=True)


def _png(planes: Planes) -> bytes:
    """8 or 16 bits, gray or RGB, with or without alpha."""
    pixels = _interleaved(planes)
    # each row begins with a byte for its filter, of which the room that is made by default has few
    room = 4096 + 2 * len(pixels) + pixels.nbytes + pixels.nbytes // 8
    data = bytes(imagecodecs.png_encode(pixels, out=room))
    chunks = []
    if profile := planes.icc:
        chunks.append((b"iCCP", b"icc\0\0" + zlib.compress(profile, 9)))
    if resolution := _per_metre(planes):
        chunks.append((b"pHYs", struct.pack(">IIB", *resolution, 1)))
    chunks.append((b"tEXt", b"dip\0" + planes.provenance.encode("ascii")))
    start = 8 + 25  # after the signature and IHDR
    return data[:start] + b"".join(_chunk(*chunk) for chunk in chunks) + data[start:]


def _interleaved(planes: Planes) -> Numbers:
    """The first page as (y, x) or (y, x, sample)."""
    samples = list(planes.numbers[0])
    if planes.alpha is not None:
        samples.append(planes.alpha[0])
    return np.ascontiguousarray(samples[0] if len(samples) == 1 else np.stack(samples, axis=-1))


def _pillow(planes: Planes, form: str, **options: Any) -> bytes:
    picture = PIL.Image.fromarray(_interleaved(planes))
    if resolution := _per_metre(planes):
        options["dpi"] = tuple(round(n * 0.0254) for n in resolution)
    if profile := planes.icc:
        options["icc_profile"] = profile
    buffer = BytesIO()
    try:
        picture.save(buffer, form, **options)
    except (OSError, ValueError) as error:  # each format has a largest size
        msg = f"{form} cannot hold {picture.width}x{picture.height} pixels: write PNG or TIFF"
        raise BadImage(msg) from error
    return buffer.getvalue()


def _per_metre(planes: Planes) -> tuple[int, int] | None:
    resolution = planes.resolution
    if resolution is None or resolution.unit not in PER_METRE:
        return None
    x, y = (round(float(n) * PER_METRE[resolution.unit]) for n in resolution[:2])
    return (x, y) if 0 < x < 2**31 and 0 < y < 2**31 else None


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
