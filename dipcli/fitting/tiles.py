"""Tiles: how a large picture is cut, and how the pieces are put together without a seam.

All tiles of a picture have one size, so that one network fits each of them and can begin with the
weights of another. Neighbours overlap; across the overlap one fades into the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dipcli.arrays import Floats
from dipcli.errors import UsageError

if TYPE_CHECKING:
    from dipcli.fitting.settings import Settings
    from dipcli.fitting.tasks import Task

AUTO_SIDE = 272  # of the tiles of --tile auto (docs/large.md)
AUTO_PIXELS = 400_000  # a picture of more is cut
SMALLEST = 64
MULTIPLE = 16  # sides that the levels of a network halve without a rest
OVERLAP = 16  # a side has this many times the overlap

Size = tuple[int, int]  # height and width


class Tile(NamedTuple):
    """A piece of a picture."""

    y: int
    x: int
    height: int
    width: int

    @property
    def name(self) -> str:
        return f"{self.y}-{self.x}"

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)


@dataclass(frozen=True)
class Grid:
    """A picture cut into tiles whose sides are `side` pixels at most."""

    size: Size
    side: int

    @cached_property
    def _axes(self) -> tuple[tuple[int, list[int]], ...]:
        """For y and for x: the side of a tile, and where each begins."""
        return tuple(_cut(length, self.side, self.side // OVERLAP) for length in self.size)

    @property
    def shape(self) -> Size:
        """Height and width of each tile."""
        (height, _), (width, _) = self._axes
        return height, width

    def __iter__(self) -> Iterator[Tile]:
        (height, rows), (width, columns) = self._axes
        return (Tile(y, x, height, width) for y, x in product(rows, columns))

    def __len__(self) -> int:
        return len(self._axes[0][1]) * len(self._axes[1][1])

    @cached_property
    def weights(self) -> list[Floats]:
        """The weight of each pixel of each tile; at each pixel of the picture their sum is 1."""
        fade = max(1, self.side // OVERLAP)
        down, across = (
            _fade(length, *axis, fade) for length, axis in zip(self.size, self._axes, strict=True)
        )
        return [np.outer(y, x).astype(np.float32) for y, x in product(down, across)]

    def blend(self, pieces: list[Floats]) -> Floats:
        """The picture, (channel, y, x), from an image of each tile."""
        whole = np.zeros((len(pieces[0]), *self.size), np.float32)
        for tile, weight, piece in zip(self, self.weights, pieces, strict=True):
            whole[(slice(None), *tile.slices)] += weight * piece
        return whole


def _cut(length: int, side: int, overlap: int) -> tuple[int, list[int]]:
    """The side of the tiles along one axis, and where they begin: as few and as small as can be."""
    if length <= side:
        return length, [0]
    count = -(-(length - overlap) // (side - overlap))
    needed = -(-(length - overlap) // count) + overlap
    side = min(side, -(-needed // MULTIPLE) * MULTIPLE)
    return side, [round(k * (length - side) / (count - 1)) for k in range(count)]


def _fade(length: int, side: int, starts: list[int], fade: int) -> list[Floats]:
    """Along one axis, weights that rise and fall linearly where tiles overlap; their sum is 1."""
    places = np.arange(side) + 0.5
    total, ramps = np.zeros(length), []
    for start in starts:
        rise = places if start else np.full(side, np.inf)
        fall = side - places if start + side < length else np.full(side, np.inf)
        ramp = np.minimum(np.minimum(rise, fall), fade)
        total[start : start + side] += ramp
        ramps.append(ramp)
    return [r / total[s : s + side] for s, r in zip(starts, ramps, strict=True)]


def check(settings: Settings) -> None:
    """Refuse a --tile that is no size, or with what looks at whole pictures."""
    text = settings.tile
    if text != "auto" and not re.fullmatch(r"0|\d{2,5}", text):
        msg = f"--tile must be auto, 0 or the side of a tile in pixels, not {text!r}"
        raise UsageError(msg)
    if text in ("auto", "0"):
        return
    if int(text) < SMALLEST:
        msg = f"--tile must be 0 or at least {SMALLEST} pixels, not {text}"
        raise UsageError(msg)
    if reason := _whole(settings, settings.parsed_task):
        msg = f"--tile {text} does not go with {reason}; use --tile 0"
        raise UsageError(msg)


def settled(settings: Settings, task: Task, size: Size) -> int:
    """The side of the tiles of a picture of this size; 0 where it is fitted whole."""
    if settings.tile != "auto":
        side = int(settings.tile)
        return side if side and max(size) > side else 0
    if size[0] * size[1] <= AUTO_PIXELS or _whole(settings, task):
        return 0
    return AUTO_SIDE


def _whole(settings: Settings, task: Task) -> str:
    """What of the settings looks at whole pictures; "" if nothing does."""
    if not task.by_tiles:
        return f"--task {task.name}, which needs the whole picture"
    if settings.architecture.by_pixel:
        return f"--arch {settings.arch}, which is fitted pixel by pixel"
    if settings.dims == 3:
        return "--dims 3, which fits the volume whole"
    if settings.record:
        return "--record, which measures the whole picture at each step"
    return ""
