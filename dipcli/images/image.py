"""An image: its pixels, and what is needed to write it like the file that it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np

from dipcli.arrays import Bools, Floats
from dipcli.errors import BadImage
from dipcli.images.scale import Numbers, Provenance, Scale

PREVIEW = 1024  # pixels of the longer side in a notebook


class Resolution(NamedTuple):
    """Pixels per unit, as files record it."""

    x: Fraction
    y: Fraction
    unit: str  # "inch", "cm" or "none" (the unit is in the description)


@dataclass(frozen=True)
class Meta:
    """The metadata of a file, and the layout of its pixels."""

    axes: str = "YX"  # of the file, slowest first; C and S are channels, others but YX are pages
    shape: tuple[int, ...] = ()  # one size per axis
    kind: str = "plain"  # or "imagej", "ome": the conventions of the description
    description: str = ""
    imagej: Mapping[str, Any] = field(default_factory=dict)
    resolution: Resolution | None = None
    icc: bytes | None = field(default=None, repr=False)
    compression: str = ""  # of a TIFF, if lossless
    predictor: bool = False


@dataclass(frozen=True, repr=False)
class Image:
    """Pixels in [0, 1], and what is needed to write them like the file that they come from.

    Unknown pixels are NaN: arithmetic keeps them unknown, and their old values cannot leak.
    """

    pixels: Floats  # (channel, y, x)
    scale: Scale = Scale(255.0)
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.uint8))  # the file's numbers
    alpha: Floats | None = None  # (y, x); None: known pixels are opaque
    raw: Numbers | None = None  # (channel, y, x) the file's own numbers, until pixels change
    meta: Meta = field(default_factory=Meta)
    spacing: float = 1.0  # the size of a pixel, in pixels of the file
    history: Provenance | None = None  # how an earlier `dip` made it
    page: int = 1  # its number in the stack that it comes from
    planes: tuple[int, ...] = ()  # of a volume, the numbers of its pages; all have their channels

    def __repr__(self) -> str:
        height, width = self.size
        unknown = int(self.unknown.any(axis=0).sum())
        channels = self.channels // max(1, len(self.planes))
        words = [f"{width}x{height}", f"{channels} channel{'s' * (channels > 1)}"]
        words += [f"{len(self.planes)} planes"] * bool(self.planes)
        words += [str(self.dtype), *[f"{unknown} unknown pixels"] * (unknown > 0)]
        return f"Image({', '.join(words)})"

    def _repr_png_(self) -> bytes:
        """The preview in a notebook: 8 bits, unknown pixels transparent, large images reduced."""
        import PIL.Image

        middle = self.slices()[len(self.planes) // 2].pixels  # of an image, itself
        pixels = middle if len(middle) in (1, 3) else middle.mean(axis=0)[None]
        known = ~np.isnan(pixels).any(axis=0, keepdims=True)
        levels = np.rint(np.clip(np.where(known, pixels, 0), 0, 1) * 255)
        samples = np.concatenate([levels, known * 255.0]).astype(np.uint8).transpose(1, 2, 0)
        picture = PIL.Image.fromarray(np.ascontiguousarray(samples))
        picture = picture.reduce(max(1, -(-max(self.size) // PREVIEW)))
        buffer = BytesIO()
        picture.save(buffer, "PNG")
        return buffer.getvalue()

    @property
    def channels(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.pixels.shape[1], self.pixels.shape[2]

    @property
    def unknown(self) -> Bools:
        return np.isnan(self.pixels)  # (channel, y, x)

    def slices(self) -> list[Image]:
        """The planes of a volume, as the pages that they were; an image is its own only one."""
        if not self.planes:
            return [self]
        parts = np.split(self.pixels, len(self.planes))
        return [
            replace(self, pixels=part, raw=None, page=n, planes=())
            for part, n in zip(parts, self.planes, strict=True)
        ]

    def to_numpy(self) -> Numbers:
        """The pixels in the scale and type of the file: (y, x), or (y, x, channel).

        Of a volume the planes stand before these. With unknown pixels, which are NaN, the type is
        float64.
        """
        if self.planes:
            return np.stack([plane.to_numpy() for plane in self.slices()])
        if self.unknown.any():
            numbers: Numbers = self.scale.numbers(self.pixels)
        else:
            numbers, _ = self.as_numbers(self.dtype, self.scale)
        return numbers[0].copy() if self.channels == 1 else numbers.transpose(1, 2, 0).copy()

    def as_numbers(self, dtype: np.dtype[Any], scale: Scale) -> tuple[Numbers, int]:
        """The pixels (channel, y, x) in a type and scale, and how many values were clipped."""
        if self.raw is not None and self.raw.dtype == dtype and self.scale == scale:
            return self.raw, 0
        numbers = scale.numbers(self.pixels)
        if dtype.kind == "f":
            with np.errstate(over="ignore"):
                floats: Numbers = numbers.astype(dtype)
            if beyond := int(np.count_nonzero(np.isinf(floats))):
                msg = (
                    f"{beyond:,} values are too large for {dtype}: rescale the image, "
                    "or write integers"
                )
                raise BadImage(msg)
            return floats, 0
        known = ~np.isnan(numbers)
        numbers = np.rint(np.where(known, numbers, 0))
        info = np.iinfo(dtype)
        clipped = int(np.count_nonzero((numbers < info.min) | (numbers > info.max)))
        # float64 cannot hold the largest 64-bit integer: use the largest float64 below it
        top = np.nextafter(float(info.max) + 1, 0) if info.bits > 32 else info.max
        return np.clip(numbers, info.min, top).astype(dtype), clipped

    def on_scale_of(self, other: Image) -> Floats:
        """The pixels as if the file had been read on the scale of another file.

        If the types of their numbers differ, so do their units, and pixels stay as they are.
        """
        if self.scale == other.scale or self.dtype != other.dtype:
            return self.pixels
        return other.scale.pixels(self.scale.numbers(self.pixels))

    def with_pixels(self, pixels: Numbers, **changes: Any) -> Image:
        """The same image with other pixels, so that the file's own numbers are no longer valid."""
        return replace(self, pixels=pixels.astype(np.float32, copy=False), raw=None, **changes)
