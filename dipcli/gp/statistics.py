"""Covariances estimated from samples, with standard errors.

Each sample is the output of one network. Channels and positions of one network are not
independent, so they are averaged first; the spread of the averages over networks gives the errors.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy import fft

from dipcli.arrays import Doubles
from dipcli.images import Floats


class Estimate(NamedTuple):
    """Means over networks and their standard errors, which are NaN for a single network."""

    value: Doubles
    error: Doubles


def mean(samples: Doubles) -> Estimate:
    """Estimate the mean over the last axis. (..., sample)"""
    return Estimate(samples.mean(axis=-1), _error(samples))


def ratio(over: Doubles, under: Doubles) -> Estimate:
    """Estimate the ratio of two means, (..., sample) over (sample), by the delta method."""
    value = over.mean(axis=-1) / under.mean()
    return Estimate(value, _error(over - value[..., None] * under) / under.mean())


def _error(samples: Doubles) -> Doubles:
    count = samples.shape[-1]
    if count < 2:
        return np.full(samples.shape[:-1], np.nan)
    error: Doubles = samples.std(axis=-1, ddof=1) / np.sqrt(count)
    return error


def autocovariance(x: Floats, lags: int, axis: int = -1) -> Doubles:
    """Mean of x(t) x(t + lag) over t and all other axes, for x of mean 0. (lag)"""
    size = x.shape[axis]
    power = np.abs(fft.rfft(x, fft.next_fast_len(2 * size, real=True), axis=axis)) ** 2
    others = tuple(a for a in range(x.ndim) if a != axis % x.ndim)
    sums = fft.irfft(
        power.mean(axis=others, dtype=np.float64), fft.next_fast_len(2 * size, real=True)
    )
    result: Doubles = sums[:lags] / (size - np.arange(lags))
    return result


def by_step(images: Iterable[Floats]) -> Doubles:
    """Mean product of two pixels by the step between them, up to half the size. (|dy|, |dx|)

    Longer steps are left out because an image has too few of them.
    """
    total, count, size = np.zeros(()), 0, (0, 0)
    for image in images:  # (channel, y, x)
        size = image.shape[-2:]
        big = [fft.next_fast_len(2 * n, real=True) for n in size]
        transform = np.abs(fft.rfft2(image, big)) ** 2
        total = total + fft.irfft2(transform.mean(axis=0, dtype=np.float64), big)
        count += 1
    ys, xs = (np.arange(n // 2 + 1) for n in size)
    both = (total[np.ix_(ys, xs)] + total[np.ix_(ys, -xs)]) / 2
    pairs = np.outer(*(n - steps for n, steps in zip(size, (ys, xs), strict=True)))
    result: Doubles = both / (count * pairs)
    return result


def products(x: Floats, lag: int, axis: int, period: int = 0) -> Doubles:
    """Mean of x(t) x(t + lag) over all axes but t. (position)

    With a period, also the mean over positions that are whole periods apart.
    """
    x = np.moveaxis(x, axis, -1)
    size = x.shape[-1] - lag
    others = tuple(range(x.ndim - 1))
    result: Doubles = (x[..., :size] * x[..., lag:]).mean(axis=others, dtype=np.float64)
    if period:
        result = result[: size // period * period].reshape(-1, period).mean(axis=0)
    return result
