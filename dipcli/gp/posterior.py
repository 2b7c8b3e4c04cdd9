"""Posterior of a Gaussian process, given the known pixels of an image.

With K the covariance of f between known pixels, and k that of all pixels with the known ones,

    mean  m + k (K + noise^2)^-1 (y - m)        variance  v - k (K + noise^2)^-1 k'

Conjugate gradients solve for the mean. A product with K is a convolution, computed by FFT.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.linalg import cholesky, solve_triangular

from dipcli.arrays import Bools, Doubles
from dipcli.errors import DipError
from dipcli.gp.circulant import Circulant, quadrant
from dipcli.gp.process import GaussianProcess

MOST_STEPS = 5000
EXACT = 4096  # most known pixels for an exact variance; with more, it is sampled
ROUGHLY = 1e-2  # tolerance of a sample
COLUMNS = 1024  # pixels per block of the exact variance


def mean(
    pixels: Doubles,
    process: GaussianProcess,
    *,
    tolerance: float = 1e-6,
    progress: Callable[[int], None] = lambda _: None,
) -> Doubles:
    """Posterior mean of an image whose unknown pixels are NaN. (channel, y, x)"""
    covariance = process.covariance(pixels.shape[1:])
    result = []
    for done, (channel, level) in enumerate(zip(pixels, process.means, strict=True), 1):
        right = np.where(np.isnan(channel), 0.0, channel - level)
        weights = solve(covariance, ~np.isnan(channel), process.noise**2, right, tolerance)
        result.append(level + covariance.product(weights))
        progress(done)
    return np.stack(result)


def solve(
    covariance: Circulant, known: Bools, noise: float, right: Doubles, tolerance: float
) -> Doubles:
    """Solve (K + noise) x = right over the known pixels; `noise` is a variance.

    The preconditioner of the conjugate gradients is the inverse on the torus.
    """
    inverse = covariance.solver(noise)
    solution, residual = np.zeros_like(right), right.copy()
    enough = tolerance**2 * float((right**2).sum())
    step, before = np.zeros_like(right), 1.0
    for _ in range(MOST_STEPS):
        if float((residual**2).sum()) <= enough:
            return solution
        direction = known * inverse(residual)
        slope = float((residual * direction).sum())
        step = direction + slope / before * step
        before = slope
        image = known * covariance.product(step) + noise * step
        rate = slope / float((step * image).sum())
        solution += rate * step
        residual -= rate * image
    msg = (
        f"conjugate gradients did not converge within {MOST_STEPS} steps: the kernel is too smooth "
        "for so little noise; use a larger --noise or a smaller --sigma"
    )
    raise DipError(msg)


def exact_deviation(known: Bools, at: Bools, process: GaussianProcess) -> Doubles:
    """Standard deviation of f at the pixels `at`, from the matrix; 0 elsewhere. (y, x)"""
    kernel = process.variance * process.family.correlation(quadrant(known.shape), process.length)
    pixels, targets = np.argwhere(known), np.argwhere(at)

    def between(some: npt.NDArray[np.intp]) -> Doubles:
        step = np.abs(pixels[:, None] - some)
        block: Doubles = kernel[step[..., 0], step[..., 1]]
        return block

    matrix = np.concatenate(
        [between(pixels[i : i + COLUMNS]) for i in range(0, len(pixels), COLUMNS)], axis=1
    )
    matrix[np.diag_indices_from(matrix)] += process.noise**2
    root = cholesky(matrix, lower=True, overwrite_a=True, check_finite=False)
    variance = np.zeros(known.shape)
    for i in range(0, len(targets), COLUMNS):
        some = targets[i : i + COLUMNS]
        explained = solve_triangular(root, between(some), lower=True, check_finite=False)
        variance[tuple(some.T)] = process.variance - (explained**2).sum(axis=0)
    result: Doubles = np.sqrt(np.maximum(variance, 0))
    return result


def sampled_deviation(
    known: Bools,
    process: GaussianProcess,
    samples: int,
    rng: np.random.Generator,
    progress: Callable[[int], None] = lambda _: None,
) -> Doubles:
    """Standard deviation of f at all pixels, with a relative error of 1 / sqrt(2 samples). (y, x)

    Matheron's rule: a sample of the prior minus the posterior mean given its known pixels has the
    covariance of the posterior.
    """
    covariance = process.covariance(known.shape)
    squares = np.zeros(known.shape)
    for done in range(1, samples + 1):
        (f,) = covariance.draw(rng)
        observed = known * (f + process.noise * rng.standard_normal(known.shape))
        weights = solve(covariance, known, process.noise**2, observed, ROUGHLY)
        squares += (f - covariance.product(weights)) ** 2
        progress(done)
    result: Doubles = np.sqrt(squares / samples)
    return result
