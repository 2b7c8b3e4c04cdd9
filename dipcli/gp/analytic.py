"""The kernel of a convolutional network with ReLUs, infinitely wide (Cheng et al., CVPR 2019).

The input is white noise, smoothed by a Gaussian of standard deviation sigma. A convolution with
independent weights of mean 0 and variance 1 / (taps * channels) averages the covariance over its
taps, which leaves a stationary covariance unchanged. A ReLU maps the covariance K of a Gaussian
process to

    K'(d) = K(0) / (2 pi) * (sin t + (pi - t) cos t),    cos t = K(d) / K(0)

The next convolution sums over many channels, so that its output is a Gaussian process again.
"""

from __future__ import annotations

import numpy as np

from dipcli.arrays import Doubles
from dipcli.gp.upsampling import Upsampling


def smoothed(distance: Doubles, sigma: float) -> Doubles:
    """Covariance of white noise that a Gaussian smooths, scaled to variance 1."""
    if sigma == 0:
        return np.where(distance == 0, 1.0, 0.0)
    return np.exp(-((distance / (2 * sigma)) ** 2))


def rectified(cosine: Doubles) -> Doubles:
    """Correlation after a ReLU, which also halves the variance."""
    cosine = np.clip(cosine, -1, 1)
    angle = np.arccos(cosine)
    return (np.sqrt(1 - cosine**2) + (np.pi - angle) * cosine) / np.pi


def correlation(distance: Doubles, depth: int, sigma: float) -> Doubles:
    """Kernel after `depth` convolutions and ReLUs, divided by its value at distance 0.

    The kernel is isotropic, as the smoothed noise is: a distance is the lag of a signal or the
    length of a step in an image.
    """
    cosine = smoothed(distance, sigma)
    for _ in range(depth):
        cosine = rectified(cosine)
    return cosine


def covariance(
    lags: int, depth: int, sigma: float, upsampling: Upsampling | None = None
) -> Doubles:
    """Kernel of a signal at the lags from 0 to `lags` - 1, not normalised. (lag)"""
    if upsampling is not None:
        return _upsampled(lags, depth, sigma, upsampling)
    return 0.5**depth * correlation(np.arange(lags, dtype=float), depth, sigma)


def _upsampled(lags: int, depth: int, sigma: float, upsampling: Upsampling) -> Doubles:
    """Stationary part of the kernel with upsampling by 2 before each convolution.

    The output is not stationary but periodic, with a period of 2^depth. Therefore the covariance
    matrix of a stretch of signal goes through the layers, and the result is its mean over all
    phases, as a measurement over all positions estimates it.
    """
    period = 2**depth
    sizes = [period + lags - 1]  # number of values, from the output back to the input
    for _ in range(depth):
        sizes.append(upsampling.needs(sizes[-1] + 2))
    place = np.arange(sizes[-1])
    matrix = smoothed(np.abs(place[:, None] - place).astype(float), sigma)
    for size in reversed(sizes[:-1]):
        up = upsampling.matrix(len(matrix))
        matrix = up @ matrix @ up.T
        # a convolution averages over its three taps
        matrix = (matrix[:-2, :-2] + matrix[1:-1, 1:-1] + matrix[2:, 2:]) / 3
        matrix = matrix[:size, :size]
        spread = np.sqrt(np.diag(matrix))
        scale = np.outer(spread, spread)
        matrix = scale / 2 * rectified(matrix / scale)
    return np.array([np.diag(matrix, lag)[:period].mean() for lag in range(lags)])


def draw(covariance: Doubles, count: int, rng: np.random.Generator) -> Doubles:
    """Sample a stationary Gaussian process, given its covariance at the lags from 0. (count, x)

    The matrix is nearly singular where the process is smooth, so its root comes from
    eigenvectors, with eigenvalues that rounding made negative set to 0.
    """
    place = np.arange(len(covariance))
    values, vectors = np.linalg.eigh(covariance[np.abs(place[:, None] - place)])
    root = vectors * np.sqrt(np.maximum(values, 0))
    # an eigenvector's sign is arbitrary; the symmetric root is unique
    draws: Doubles = rng.standard_normal((count, len(covariance))) @ (root @ vectors.T)
    return draws
