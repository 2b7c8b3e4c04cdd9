"""Products with a stationary covariance matrix, and samples of its process, by FFT.

A kernel is an array of values at the steps (|dy|, |dx|), or (|d|) of a signal. Mirrored, it is a
kernel on a torus of twice the size of the grid, which agrees with the original on the grid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import fft

from dipcli.arrays import Doubles

Shape = tuple[int, ...]


def torus(size: Shape) -> Shape:
    """Even sides of a torus on which no step within `size` is shorter the other way round."""
    return tuple(2 * fft.next_fast_len(max(n - 1, 1), real=True) for n in size)


def quadrant(size: Shape) -> Shape:
    """Number of steps in each direction at which the torus needs the kernel, 0 included."""
    return tuple(n // 2 + 1 for n in torus(size))


class Circulant:
    """Covariance matrix of a kernel on a grid of `size`; the matrix itself is never computed."""

    def __init__(self, kernel: Doubles, size: Shape, threads: int = 1) -> None:
        self.size, self.torus, self.threads = size, torus(size), threads
        assert kernel.shape == quadrant(size)
        steps = [np.minimum(np.arange(n), n - np.arange(n)) for n in self.torus]
        self.spectrum: Doubles = fft.rfftn(kernel[np.ix_(*steps)], workers=threads).real

    def product(self, x: Doubles) -> Doubles:
        """Multiply the matrix by a grid of values."""
        return self._filtered(x, self.spectrum)

    def solver(self, noise: float) -> Callable[[Doubles], Doubles]:
        """Approximate the inverse of the matrix with `noise` added to its diagonal.

        It is exact on the torus.
        """
        inverse = 1 / (np.maximum(self.spectrum, 0) + noise)
        return lambda x: self._filtered(x, inverse)

    def draw(self, rng: np.random.Generator, count: int = 1) -> Doubles:
        """Sample the Gaussian process; negative values of the spectrum count as 0. (count, ...)"""
        white = rng.standard_normal((count, *self.torus))
        root = np.sqrt(np.maximum(self.spectrum, 0))
        return self._filtered(white, root)

    def _filtered(self, x: Doubles, response: Doubles) -> Doubles:
        """Multiply the transform on the torus by the response, and keep the grid."""
        axes = tuple(range(-len(self.torus), 0))
        transform = fft.rfftn(x, self.torus, axes, workers=self.threads)
        result: Any = fft.irfftn(
            transform * response, self.torus, axes, workers=self.threads, overwrite_x=True
        )
        grid: Doubles = result[(..., *(slice(n) for n in self.size))]
        return grid
