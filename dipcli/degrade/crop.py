"""Cut a rectangle out of an image."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from dipcli.degrade.base import Degradation, Linear, Operator
from dipcli.errors import DipError, UsageError
from dipcli.images import Image
from dipcli.spec import value

PART = re.compile(r"([1-9][0-9]{0,8})x([1-9][0-9]{0,8})(?:\+([0-9]{1,9})\+([0-9]{1,9}))?")


@dataclass(frozen=True)
class Crop(Degradation):
    """Cut out W x H pixels around the centre, or from the corner X, Y."""

    name: ClassVar[str] = "crop"
    part: str = value(label="WxH[+X+Y]")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._numbers()

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        rows, columns = self._window(image.size)
        return replace(  # pixels keep their values, so the file's own numbers stay valid
            image,
            pixels=image.pixels[:, rows, columns],
            alpha=None if image.alpha is None else image.alpha[rows, columns],
            raw=None if image.raw is None else image.raw[:, rows, columns],
        )

    def linear(self, size: tuple[int, int], rng: np.random.Generator) -> Linear:
        rows, columns = self._window(size)
        return lambda x: x[:, rows, columns]

    def forward(self, size: tuple[int, int], rng: np.random.Generator) -> Operator:
        rows, columns = self._window(size)
        return lambda x: x[..., rows, columns]

    def _numbers(self) -> tuple[int, ...]:
        """Width and height, then the corner if the part names one."""
        match = PART.fullmatch(self.part)
        if not match:
            msg = f"part must be WxH or WxH+X+Y in pixels, at least 1x1, not {self.part!r}"
            raise UsageError(msg)
        return tuple(int(number) for number in match.groups() if number)

    def _window(self, size: tuple[int, int]) -> tuple[slice, slice]:
        """The rows and columns to keep of an image of `size` (height, width)."""
        w, h, *corner = self._numbers()
        height, width = size
        left, top = corner or ((width - w) // 2, (height - h) // 2)
        if left < 0 or top < 0 or left + w > width or top + h > height:
            msg = f"{self} does not fit into an image of {width}x{height} pixels"
            raise DipError(msg)
        return slice(top, top + h), slice(left, left + w)
