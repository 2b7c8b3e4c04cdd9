"""A Gaussian process over the pixels of an image, and the families of its kernels.

A pixel is mean + f + noise: f has the covariance variance * correlation(step), noise is white.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import fft

from dipcli import machine
from dipcli.arrays import Doubles
from dipcli.gp.analytic import correlation
from dipcli.gp.circulant import Circulant, Shape, quadrant

WHITE = 255  # the unit of noise is 1/255


@dataclass(frozen=True)
class Family:
    """Correlations at the steps (|dy|, |dx|) of a quadrant, with at most one free length."""

    label: str  # in words, with a place for the length
    correlation: Callable[[Shape, float], Doubles]  # of a quadrant's shape and a length in pixels
    length: float = 1.0  # or the first guess where it is free
    free: bool = False  # whether the likelihood chooses the length


def analytic(depth: int, sigma: float | None = None) -> Family:
    """Kernel of a conv-ReLU network; without a sigma, the likelihood chooses it."""

    def values(shape: Shape, length: float) -> Doubles:
        return correlation(steps(shape), depth, length)

    guess = 1.2 + 0.1 * depth if sigma is None else sigma  # a deeper kernel is narrower
    return Family(f"analytic, depth {depth}, sigma {{:.3g}}", values, guess, sigma is None)


def rbf() -> Family:
    """Kernel exp(-d^2 / (2 length^2))."""

    def values(shape: Shape, length: float) -> Doubles:
        return np.exp(-((steps(shape) / length) ** 2) / 2)

    return Family("rbf, length {:.3g}", values, 2.0, True)


def empirical(kernel: Doubles, size: Shape) -> Family:
    """Kernel that was estimated at some steps, for images of `size`.

    Longer steps get the value at the longest known one. An estimate need not be a covariance, so
    negative values of its spectrum become 0.
    """
    ends = [
        np.minimum(np.arange(n), k - 1) for n, k in zip(quadrant(size), kernel.shape, strict=True)
    ]
    spectrum = np.maximum(fft.dctn(kernel[np.ix_(*ends)], type=1), 0)
    whole = fft.idctn(spectrum, type=1)
    whole /= whole[0, 0]

    def values(shape: Shape, _: float) -> Doubles:
        return whole[tuple(slice(n) for n in shape)].copy()

    return Family("empirical", values)


def steps(shape: Shape) -> Doubles:
    """Lengths of the steps of a quadrant."""
    result: Doubles = np.hypot(*np.ogrid[tuple(slice(n) for n in shape)])
    return result


@dataclass(frozen=True)
class GaussianProcess:
    """A kernel with its length and variance, the noise and the means."""

    family: Family
    length: float
    variance: float  # of f
    noise: float  # standard deviation
    means: tuple[float, ...]  # one per channel
    likelihood: float = float("nan")  # logarithm, per pixel of the neighbourhoods

    @property
    def description(self) -> str:
        """The kernel in words, with the noise in units of 1 / WHITE."""
        return (
            f"{self.family.label.format(self.length)}, standard deviation "
            f"{self.variance**0.5:.3g}, noise {self.noise * WHITE:.3g}/{WHITE}, "
            f"log-likelihood {self.likelihood:.4g}"
        )

    def covariance(self, size: Shape) -> Circulant:
        """Covariance matrix of f on a grid of pixels."""
        kernel = self.variance * self.family.correlation(quadrant(size), self.length)
        return Circulant(kernel, size, machine.cores())
