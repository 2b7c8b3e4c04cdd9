"""Blur by a Gaussian, a box or a line of motion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from dipcli.degrade.base import Array, Degradation, Linear, Operator, beside, over_known
from dipcli.images import Image
from dipcli.spec import key, value

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Blur(Degradation):
    """Blur; SIZE is sigma (gaussian) or a length in pixels (box, motion).

    The kernel sums to 1, and the image is mirrored beyond its border. `size` is the sigma of a
    Gaussian (cut at 4 sigma), the side of a box, or the length of a line, horizontal at angle 0
    and turning counterclockwise; a length up to 1 is a single pixel.
    """

    name: ClassVar[str] = "blur"
    size: float = value(0, 500)
    kernel: str = key("gaussian", choices=("gaussian", "box", "motion"))
    angle: float = key(0.0)  # degrees, of motion

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        if self.weights().size == 1:
            return image
        # a known pixel counts at least itself, which weighs more than 1e-9
        blurred = over_known(self.linear(image.size, rng), image.pixels, 1e-9)
        return image.with_pixels(np.where(image.unknown, np.nan, blurred))

    def linear(self, size: tuple[int, int], rng: np.random.Generator) -> Linear:
        frame = _Frame(size, self.weights())
        margins = [(0, 0), (frame.top, frame.top), (frame.left, frame.left)]

        def blur(x: Array) -> Array:
            x = np.pad(x, margins, mode="symmetric")
            x = np.fft.irfft2(np.fft.rfft2(x) * frame.transfer, s=frame.size)
            return x[:, frame.rows, frame.columns]

        return blur

    def forward(self, size: tuple[int, int], rng: np.random.Generator) -> Operator:
        import torch

        frame = _Frame(size, self.weights())
        constants = beside(frame.transfer)

        def blur(x: Tensor) -> Tensor:
            (transfer,) = constants(x)
            x = _mirrored(_mirrored(x, -2, frame.top), -1, frame.left)
            x = torch.fft.irfft2(torch.fft.rfft2(x) * transfer, s=frame.size)
            return x[..., frame.rows, frame.columns]

        return blur

    def weights(self) -> Array:
        """The kernel (y, x): odd sides, sum 1."""
        if self.size <= (0 if self.kernel == "gaussian" else 1):
            return np.ones((1, 1))
        if self.kernel == "gaussian":
            i = _around(int(4 * self.size + 0.5))
            bell = np.exp(-0.5 * (i / self.size) ** 2)
            weights = bell[:, None] * bell
        else:
            i = _around(int(np.ceil(self.size / 2 + 0.5)))
            y, x = i[:, None], i[None, :]
            if self.kernel == "box":
                weights = _covered(y, self.size) * _covered(x, self.size)
            else:
                weights = self._line(y, x)
            some = weights > 1e-9
            weights = weights[np.ix_(some.any(axis=1), some.any(axis=0))]
        weights /= weights.sum()
        return weights

    def _line(self, y: Array, x: Array) -> Array:
        """The weights of a line one pixel thick, with soft edges; y points down."""
        turn = np.deg2rad(self.angle)
        along = x * np.cos(turn) - y * np.sin(turn)
        across = x * np.sin(turn) + y * np.cos(turn)
        thickness: Array = np.maximum(1 - np.abs(across), 0)
        return _covered(along, self.size) * thickness


def _around(radius: int) -> Array:
    return np.arange(-radius, radius + 1, dtype=np.float64)


def _covered(i: Array, length: float) -> Array:
    """The share of the pixel at `i` that a bar of this length around 0 covers."""
    share: Array = np.clip(length / 2 + 0.5 - np.abs(i), 0, 1)
    return share


class _Frame:
    """The size of an image with a margin of half a kernel, and the transfer function of the kernel.

    The convolution is circular; what it wraps around stays within the margin.
    """

    def __init__(self, image: tuple[int, int], weights: Array) -> None:
        self.top, self.left = (n // 2 for n in weights.shape)
        self.rows = slice(self.top, self.top + image[0])
        self.columns = slice(self.left, self.left + image[1])
        self.size = image[0] + 2 * self.top, image[1] + 2 * self.left
        kernel = np.zeros(self.size)
        kernel[: weights.shape[0], : weights.shape[1]] = weights
        # each kernel is symmetric about its centre, so its spectrum is real
        centred = np.roll(kernel, (-self.top, -self.left), axis=(0, 1))
        self.transfer: Array = np.fft.rfft2(centred).real


def _mirrored(x: Tensor, axis: int, radius: int) -> Tensor:
    """Extend both sides of an axis by as many mirror images as needed.

    Whole tiles are concatenated, because their gradient is a plain sum; the gradient of indexing
    adds in any order, so it would not be reproducible.
    """
    import torch

    n = x.shape[axis]
    turns = -(-radius // n)
    flipped = x.flip(axis)
    tiles = [flipped if turn % 2 else x for turn in range(-turns, turns + 1)]
    return torch.cat(tiles, axis).narrow(axis, turns * n - radius, n + 2 * radius)
