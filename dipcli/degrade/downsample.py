"""Make an image smaller by a whole factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from dipcli.arrays import Floats
from dipcli.degrade.base import Array, Degradation, Linear, Operator, beside, over_known
from dipcli.images import Image
from dipcli.spec import key, value

if TYPE_CHECKING:
    from torch import Tensor


KERNELS = ("area", "lanczos", "lanczos3", "bicubic", "nearest")


@dataclass(frozen=True)
class Downsample(Degradation):
    """Make the image FACTOR times smaller; sizes are rounded up.

    Each output pixel stands for a block of factor x factor pixels, from the top left; the last
    blocks may be cut off. `area` is the mean of the pixels of a block; `nearest` its centre pixel
    (the lower right of four, as in Pillow); `lanczos` (Lanczos2, through which Ulyanov et al. 2018
    fit), `lanczos3` (as in Pillow, with which their small images are made) and `bicubic` (Keys, a =
    -0.5, as in Pillow) are antialiased, centred on the block, and repeat the border pixels beyond
    the border.
    """

    name: ClassVar[str] = "downsample"
    factor: int = value(1, 65536)
    kernel: str = key("area", choices=KERNELS)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        if self.factor == 1:
            return image
        alpha = image.alpha
        if alpha is not None:  # shrink it like a channel that is unknown where all channels are
            alpha = np.where(image.unknown.all(axis=0), np.nan, alpha)[None]
            alpha = np.clip(np.nan_to_num(self._shrink(alpha, rng)[0]), 0, 1)
        return image.with_pixels(
            self._shrink(image.pixels, rng), alpha=alpha, spacing=image.spacing * self.factor
        )

    def forward(self, size: tuple[int, int], rng: np.random.Generator) -> Operator:
        constants = beside(*(matrix(n, self.factor, self.kernel).toarray() for n in size))

        def shrink(x: Tensor) -> Tensor:
            rows, columns = constants(x)
            return rows @ x @ columns.T

        return shrink

    def linear(self, size: tuple[int, int], rng: np.random.Generator) -> Linear:
        rows, columns = (matrix(n, self.factor, self.kernel) for n in size)
        return lambda channels: np.stack([rows @ x @ columns.T for x in channels])

    def _shrink(self, pixels: Floats, rng: np.random.Generator) -> Floats:
        _, height, width = pixels.shape
        shrink = self.linear((height, width), rng)
        # with negative weights, a small sum of known weights may be large weights that cancel
        floor = 0.5 if self.kernel in ("lanczos", "lanczos3", "bicubic") else 0
        return over_known(shrink, pixels, floor).astype(np.float32)


def matrix(n: int, factor: int, kernel: str) -> csr_array:
    """The weights (output pixel, input pixel) along one axis of n pixels."""
    taps, weights = _taps(factor, kernel)
    first = np.arange(0, n, factor)[:, None]  # first pixel of each block
    pixels = first + taps
    table = np.where((pixels < n) | (kernel != "area"), weights, 0)
    table /= table.sum(axis=1, keepdims=True)
    rows = np.broadcast_to(first // factor, table.shape)
    # csr_array sums the weights of equal places, which repeats the border pixels
    places = rows.ravel(), np.clip(pixels, 0, n - 1).ravel()
    return csr_array((table.ravel(), places), shape=(len(first), n))


def _taps(factor: int, kernel: str) -> tuple[npt.NDArray[np.int_], Array]:
    """Pixels, counted from the first one of a block, and their weights."""
    if kernel == "area":
        return np.arange(factor), np.ones(factor)
    if kernel == "nearest":
        return np.array([factor // 2]), np.ones(1)
    reach = 3 if kernel == "lanczos3" else 2  # in blocks
    taps = np.arange(-reach * factor, (reach + 1) * factor)
    t = np.abs(taps - (factor - 1) / 2) / factor  # from the block's centre, in blocks
    if kernel in ("lanczos", "lanczos3"):
        return taps, np.where(t < reach, np.sinc(t) * np.sinc(t / reach), 0)
    near, far = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return taps, np.where(t < 1, near, np.where(t < 2, far, 0))
