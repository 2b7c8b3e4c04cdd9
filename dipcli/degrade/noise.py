"""Helpers of the noises; all random numbers are drawn in float64, so that sums are exact."""

from __future__ import annotations

import numpy as np

from dipcli.arrays import Bools, Doubles

UNIT = 255.0  # levels of noise are in 1/255 of full scale
LOUD = 1e6  # the largest level: far beyond any use, and below the overflow of float32


def cycles(size: tuple[int, int]) -> tuple[Doubles, Doubles]:
    """The frequency along y and x of each FFT coefficient, in cycles per image side.

    In the order of `fft2`, and shaped to broadcast: (height, 1) and (1, width).
    """
    # fftfreq(n) * n misses some integers by a rounding
    y, x = (np.fft.ifftshift(np.arange(n) - n // 2).astype(np.float64) for n in size)
    return y[:, None], x[None, :]


def filtered(rng: np.random.Generator, channels: int, keep: Bools, rms: float) -> Doubles:
    """White Gaussian noise, reduced to the frequencies in `keep` and scaled to `rms`.

    `keep` (y, x) is in the order of `fft2` and symmetric: it holds the opposite of each frequency.
    """
    white = rng.standard_normal((channels, *keep.shape))
    half = keep[:, : keep.shape[1] // 2 + 1]
    noise: Doubles = np.fft.irfft2(np.fft.rfft2(white) * half, s=keep.shape)
    noise *= rms / np.sqrt(np.mean(noise**2))
    return noise


def scatter(rng: np.random.Generator, fraction: float, size: tuple[int, int]) -> Bools:
    """A random mask of a fraction of the pixels, rounded to a whole number of them."""
    chosen = np.zeros(size, bool)
    count = round(fraction * chosen.size)
    chosen.flat[rng.choice(chosen.size, count, replace=False, shuffle=False)] = True
    return chosen
