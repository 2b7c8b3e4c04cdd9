"""Compressive sensing: keep a part of the Fourier coefficients, as in magnetic resonance."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from dipcli.arrays import Bools
from dipcli.degrade.base import Degradation, Linear, Operator, beside
from dipcli.errors import DipError
from dipcli.images import Image
from dipcli.spec import key, value

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Fourier(Degradation):
    """Keep a FRACTION of the Fourier coefficients and set the others to 0; writes floats.

    The mean is always kept, and with each coefficient its conjugate, so that the image stays
    real. `random` keeps pairs drawn from all of the plane, and meets the fraction to within one
    coefficient; `radial` keeps lines through the centre, equally spaced in angle, as many as come
    nearest to the fraction: within half a line, about 1 / (2 * side).
    """

    name: ClassVar[str] = "fourier"
    fraction: float = value(0, 1, above=True)
    mode: str = key("random", choices=("random", "radial"))

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        if image.unknown.any():
            msg = (
                f"{self.name} needs every pixel, and some are unknown: fill them in first "
                "(dip fit --image), or use the pixels below the transparency (--alpha drop)"
            )
            raise DipError(msg)
        pixels = self.linear(image.size, rng)(image.pixels.astype(np.float64))
        return image.with_pixels(pixels, dtype=np.dtype(np.float32))

    def linear(self, size: tuple[int, int], rng: np.random.Generator) -> Linear:
        keep = _half(self.kept(size, rng))
        return lambda x: np.fft.irfft2(np.fft.rfft2(x) * keep, s=size)

    def forward(self, size: tuple[int, int], rng: np.random.Generator) -> Operator:
        import torch

        constants = beside(_half(self.kept(size, rng)).astype(np.float64))

        def sense(x: Tensor) -> Tensor:
            (keep,) = constants(x)
            sensed: Tensor = torch.fft.irfft2(torch.fft.rfft2(x) * keep, s=size)
            return sensed

        return sense

    def kept(self, size: tuple[int, int], rng: np.random.Generator) -> Bools:
        """The mask (y, x) of the coefficients that are kept, in the order of `fft2`."""
        target = round(self.fraction * size[0] * size[1])
        if target == size[0] * size[1]:
            return np.ones(size, bool)
        return _radial(size, target) if self.mode == "radial" else _random(size, target, rng)


def _half(keep: Bools) -> Bools:
    """The half of a mask that `rfft2` computes; the other half is its mirror image."""
    return keep[:, : keep.shape[1] // 2 + 1]


def _random(size: tuple[int, int], target: int, rng: np.random.Generator) -> Bools:
    """Conjugate pairs in random order, up to the count nearest to `target` coefficients."""
    height, width = size
    y, x = np.indices(size)
    place = y * width + x
    partner = (-y % height) * width + (-x % width)  # the mean and Nyquist are their own partners
    pairs = np.flatnonzero(place <= partner)
    order = np.concatenate([[0], rng.permutation(pairs[1:])])  # the mean first
    total = np.cumsum(np.where(order == partner.flat[order], 1, 2))
    chosen = order[: np.argmin(np.abs(total - target)) + 1]
    keep = np.zeros(size, bool)
    keep.flat[chosen] = keep.flat[partner.flat[chosen]] = True
    return keep


def _radial(size: tuple[int, int], target: int) -> Bools:
    """The number of lines whose coefficients are nearest to `target`."""
    enough = 4 * max(size)  # so many lines leave no coefficient out
    count = bisect_left(range(enough), target, key=lambda n: _lines(size, n).sum())
    nearest = min((max(count - 1, 0), count), key=lambda n: abs(_lines(size, n).sum() - target))
    return _lines(size, nearest)


def _lines(size: tuple[int, int], count: int) -> Bools:
    """The mask of `count` lines through the centre of the plane; the first one is horizontal."""
    angle = np.pi * np.arange(count)[:, None] / max(count, 1)
    y, x = np.sin(angle), np.cos(angle)
    steps = np.arange(max(size) // 2 + 1) / np.maximum(np.abs(y), np.abs(x))
    y, x = np.rint(steps * y).astype(int), np.rint(steps * x).astype(int)
    inside = (np.abs(y) <= size[0] // 2) & (np.abs(x) <= size[1] // 2)
    y, x = y[inside], x[inside]
    keep = np.zeros(size, bool)
    keep[0, 0] = keep[y, x] = keep[-y, -x] = True
    return keep
