"""All pages of a file in its own numbers: decoded, or about to be encoded."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dipcli.arrays import Bools
from dipcli.errors import BadImage, UsageError
from dipcli.images.image import Image, Meta, Resolution
from dipcli.images.scale import Numbers, Provenance, Scale, choose

Mask = Callable[[int, tuple[int, int]], Bools]  # page from 1, (height, width): unknown (y, x)
ALPHA = ("unknown", "keep", "drop")  # meanings of transparency
MAX_BYTES = 1 << 34  # of one file, decoded
SMALL = 1 << 26  # below this, any ratio of decoded to encoded bytes is accepted
MAX_RATIO = 2000  # deflate reaches 1032, LZW 1365


@dataclass(frozen=True)
class Stack:
    """The pages of a file; most files have one."""

    numbers: Numbers  # (page, channel, y, x), as the file holds them
    alpha: Numbers | None = None  # (page, y, x), likewise
    meta: Meta = field(default_factory=Meta)
    history: Provenance | None = None
    notes: tuple[str, ...] = ()  # what the reader left out, to tell the user

    def __len__(self) -> int:
        return int(self.numbers.shape[0])

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return int(self.numbers.shape[2]), int(self.numbers.shape[3])

    def pages(
        self,
        which: str = "all",
        *,
        normalize: str = "auto",
        alpha: str = "unknown",
        mask: Mask | None = None,
        stretch: bool = False,
    ) -> Pages:
        """The images of the chosen pages, all on the scale of the whole file.

        `mask` gives the pixels (y, x) of a page, by its number and size, that are unknown.
        `stretch` is for a fit: dark images of 8 bits are scaled by their range too.
        """
        if alpha not in ALPHA:
            msg = f"--alpha must be unknown, keep or drop, not {alpha!r}"
            raise UsageError(msg)
        chosen = select(which, len(self))
        hidden = {n: mask(n, self.size) for n in chosen} if mask else {}
        unknown = np.zeros((len(self), *self.size), bool)
        if self.alpha is not None and alpha == "unknown":
            unknown |= self.alpha == 0
        for n, pixels in hidden.items():
            unknown[n - 1] |= pixels
        unit, remark = choose(self.numbers, normalize, self.history, unknown, stretch=stretch)
        return Pages(self, chosen, unit, alpha, hidden, remark)

    def page(self, n: int, unit: Scale, policy: str, hidden: Bools | None = None) -> Image:
        """Page `n`, from 1, on the scale `unit`; `policy` is one of ALPHA."""
        numbers = self.numbers[n - 1]  # (channel, y, x)
        pixels = unit.pixels(numbers)
        pixels[~np.isfinite(numbers)] = np.nan
        if beyond := int(np.count_nonzero(np.isinf(pixels))):
            msg = f"{beyond:,} values are too large for their scale: set another with --normalize"
            raise BadImage(msg)
        opacity = None
        if self.alpha is not None and policy != "drop":
            alpha = self.alpha[n - 1]
            full = 1.0 if alpha.dtype.kind == "f" else float(np.iinfo(alpha.dtype).max)
            opacity = (alpha / full).astype(np.float32)
            if policy == "unknown":
                pixels[:, opacity == 0] = np.nan
                if (opacity[opacity > 0] == 1).all():
                    opacity = None
        if hidden is not None:
            pixels[:, hidden] = np.nan
        return Image(
            pixels=pixels,
            scale=unit,
            dtype=numbers.dtype,
            alpha=opacity,
            raw=numbers if hidden is None else None,
            meta=self.meta,
            history=self.history,
            page=n,
        )


@dataclass(frozen=True)
class Pages(Sequence[Image]):
    """Images that are converted on access, as a stack of floats may be larger than memory."""

    stack: Stack
    which: Sequence[int]
    unit: Scale
    policy: str
    hidden: Mapping[int, Bools] = field(default_factory=dict)  # by a mask, in each page
    remark: str = ""  # about the scale, to tell the user

    def __len__(self) -> int:
        return len(self.which)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[i] for i in range(len(self))[place]]
        n = self.which[place]
        return self.stack.page(n, self.unit, self.policy, self.hidden.get(n))


def total_pages(pages: Sequence[Image]) -> int:
    """How many pages the file of these has."""
    return len(pages.stack) if isinstance(pages, Pages) else max(1, len(pages))


def check_size(decoded: int, encoded: int) -> None:
    """Refuse sizes that a file of that length cannot hold, before allocating memory for them."""
    if decoded == 0:
        msg = "it has no pixels"
        raise BadImage(msg)
    if decoded > MAX_BYTES or (decoded > SMALL and decoded > MAX_RATIO * encoded):
        msg = f"it claims {decoded:,} bytes of pixels in {encoded:,} bytes of file"
        raise BadImage(msg)


def chosen_series(series: int | None, count: int) -> int:
    """The number, from 1, of the series to read; BadImage if there is none such."""
    if series is not None and not 1 <= series <= count:
        there = "the only series is 1" if count == 1 else f"the series are 1 to {count}"
        msg = f"there is no series {series}: {there}"
        raise BadImage(msg)
    return series or 1


def series_notes(series: int | None, count: int) -> list[str]:
    """A note about the series that are not read, if none was chosen."""
    if series is not None or count == 1:
        return []
    return [f"only the first of its {count} series is read; --series N reads another"]


def read_history(text: str | None) -> dict[str, Any] | None:
    """The provenance that an earlier `dip` wrote into a file; None if the text is none."""
    try:
        history = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return history if isinstance(history, dict) else None


def select(which: str, count: int) -> list[int]:
    """The page numbers, from 1, of `all`, `3`, `2-5` or `2,4,7-9`."""
    if which == "all":
        return list(range(1, count + 1))
    chosen: list[int] = []
    for word in which.split(","):
        first, _, last = word.partition("-")
        if not re.fullmatch(r"\d{1,9}(-\d{1,9})?", word):
            msg = f"--page must be all, N, A-B or a comma list of these, not {which!r}"
            raise UsageError(msg)
        low, high = int(first), int(last or first)
        if high > count:
            there = "the only page is 1" if count == 1 else f"the pages are 1 to {count}"
            msg = f"there is no page {high}: {there}"
            raise BadImage(msg)
        chosen += range(low, high + 1)
    if not chosen or min(chosen) < 1 or sorted(set(chosen)) != chosen:
        msg = f"--page must count upwards from 1, not {which!r}"
        raise UsageError(msg)
    return chosen


def fold(numbers: Numbers, axes: str) -> Numbers:
    """Rearrange an array of any axes to (page, channel, y, x): C and S are channels."""
    if len(set(axes)) != numbers.ndim or len(axes) != numbers.ndim or not {"Y", "X"} <= set(axes):
        msg = f"axes {axes!r} do not fit an array of shape {numbers.shape}"
        raise BadImage(msg)
    pages = [i for i, axis in enumerate(axes) if axis not in "CSYX"]
    channels = [axes.index(axis) for axis in "CS" if axis in axes]
    height, width = (numbers.shape[axes.index(axis)] for axis in "YX")
    order = [*pages, *channels, axes.index("Y"), axes.index("X")]
    count = int(np.prod([numbers.shape[i] for i in channels]))
    return numbers.transpose(order).reshape(-1, count, height, width)


def unfold(numbers: Numbers, meta: Meta, which: Sequence[int] = ()) -> tuple[Numbers, str]:
    """Rearrange (page, channel, y, x) to the axes of the file, as far as its sizes still hold.

    `which` are the numbers of these pages in the file, from 1.
    """
    pages, channels, height, width = (int(n) for n in numbers.shape)
    sizes: dict[str, int] = dict(zip(meta.axes, meta.shape, strict=False))
    page_axes = [axis for axis in meta.axes if axis not in "CSYX"]
    channel_axes = [axis for axis in "CS" if axis in sizes]
    if grid := _grid([sizes.get(axis, 0) for axis in page_axes], which, pages):
        sizes |= dict(zip(page_axes, grid, strict=True))
        page_axes = [axis for axis in page_axes if sizes[axis] > 1]
    elif int(np.prod([sizes.get(axis, 0) for axis in page_axes])) != pages:
        page_axes = page_axes[:1] if pages > 1 and page_axes else (["Q"] if pages > 1 else [])
        sizes.update(dict.fromkeys(page_axes, pages))
    if int(np.prod([sizes[axis] for axis in channel_axes])) != channels:
        # a C axis may have any length; S is for samples such as RGB; one channel needs no axis
        axis = "C" if "C" in sizes else "S"
        channel_axes = [axis] if channels > 1 else []
        sizes.update(dict.fromkeys(channel_axes, channels))
    sizes |= {"Y": height, "X": width}
    now = [*page_axes, *channel_axes, "Y", "X"]
    numbers = numbers.reshape([sizes[axis] for axis in now])
    kept = [axis for axis in meta.axes if axis in now]
    new = [axis for axis in now if axis not in kept]
    order = [axis for axis in new if axis != "S"] + kept + [axis for axis in new if axis == "S"]
    return numbers.transpose([now.index(axis) for axis in order]), "".join(order)


def _grid(sizes: Sequence[int], which: Sequence[int], pages: int) -> list[int]:
    """The sizes of a part of the axes of the pages: the pages of one time are all z of it.

    Empty if the pages are all that the file has, or no such part.
    """
    total = math.prod(sizes)
    ascending = len(which) == pages and list(which) == sorted(set(which))
    if pages == total or not ascending or min(which) < 1 or max(which) > total:
        return []
    places = np.unravel_index(np.array(which) - 1, sizes)
    counts = [len(np.unique(place)) for place in places]
    return counts if math.prod(counts) == pages else []


def native(numbers: Numbers) -> Numbers:
    """Convert to this machine's byte order, bits to 8 bits, and long floats to 64 bits."""
    if numbers.dtype == bool:
        return numbers.astype(np.uint8) * 255
    if numbers.dtype.kind == "f" and numbers.dtype.itemsize > 8:  # only .npy holds these
        with np.errstate(over="ignore"):
            return numbers.astype(np.float64)
    return numbers.astype(numbers.dtype.newbyteorder("="), copy=False)


@dataclass(frozen=True)
class Planes:
    """All pages of a file to encode, in its own numbers."""

    numbers: Numbers  # (page, channel, y, x)
    alpha: Numbers | None  # (page, y, x)
    first: Image  # the page whose metadata are written
    provenance: str  # JSON: how it was made, and the scale of its numbers
    pages: tuple[int, ...] = ()  # their numbers in the file that they come from

    @property
    def meta(self) -> Meta:
        return self.first.meta

    @property
    def icc(self) -> bytes | None:
        """The colour profile, if it fits the number of channels."""
        profile = self.meta.icc
        space = {1: b"GRAY", 3: b"RGB "}.get(self.numbers.shape[1])
        return profile if profile and profile[16:20] == space else None

    @property
    def resolution(self) -> Resolution | None:
        """The resolution, corrected for a change of the pixel size."""
        resolution = self.meta.resolution
        if resolution is None or self.first.spacing == 1:
            return resolution
        factor = type(resolution.x)(self.first.spacing).limit_denominator(10**6)
        return Resolution(resolution.x / factor, resolution.y / factor, resolution.unit)
