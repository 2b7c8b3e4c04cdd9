"""Convert colours to gray."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from dipcli.degrade.base import Array, Degradation, Linear, Operator
from dipcli.images import Image

if TYPE_CHECKING:
    from torch import Tensor

BT601 = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Gray(Degradation):
    """Convert to one channel: BT.601 luma of three channels, else the mean."""

    name: ClassVar[str] = "gray"

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        if image.channels == 1:
            return image
        meta = replace(image.meta, icc=None)  # a colour profile does not apply to gray
        return image.with_pixels(luma(image.pixels), meta=meta)

    def linear(self, size: tuple[int, int], rng: np.random.Generator) -> Linear:
        return luma

    def forward(self, size: tuple[int, int], rng: np.random.Generator) -> Operator:
        def mix(x: Tensor) -> Tensor:
            if x.shape[-3] != len(BT601):
                return x.mean(dim=-3, keepdim=True)
            red, green, blue = (share * x[..., c, :, :] for c, share in enumerate(BT601))
            return (red + green + blue).unsqueeze(-3)

        return mix


def luma(pixels: npt.NDArray[np.floating[Any]]) -> Array:
    """The luma of three channels, or the mean of any other number: (c, y, x) -> (1, y, x)."""
    channels = len(pixels)
    shares = BT601 if channels == len(BT601) else np.full(channels, 1 / channels)
    return np.tensordot([shares], pixels.astype(np.float64), axes=1)
