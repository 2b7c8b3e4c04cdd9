"""The rows of `dip gpkernel`: kernels, samples of the prior, and stationarity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby, product
from typing import NamedTuple

import numpy as np

from dipcli.arrays import Doubles
from dipcli.gp import analytic, statistics
from dipcli.gp.upsampling import Upsampling
from dipcli.images import Floats

LAGS = (0, 1, 4)  # at which stationarity is tested
SIGNIFICANT = 0.01


class KernelRow(NamedTuple):
    """A kernel at one lag; formulas have no axis and no standard errors."""

    source: str
    depth: int
    sigma: float | None
    axis: str | None
    lag: int
    covariance: float
    cosine: float
    covariance_se: float | None = None
    cosine_se: float | None = None


class DrawRow(NamedTuple):
    """One value of a sample of the prior."""

    source: str
    depth: int
    sigma: float
    draw: int
    x: int
    value: float


class StationarityRow(NamedTuple):
    """The covariance at one position and lag, and its deviation from the mean over positions."""

    source: str
    depth: int
    sigma: float | None
    axis: str | None
    position: int
    lag: int
    covariance: float
    covariance_se: float
    deviation: float
    deviation_se: float


class Ensemble(NamedTuple):
    """The outputs of sampled networks, and the labels of their rows."""

    source: str
    depth: int
    sigma: float | None  # smoothing of the input noise; None for networks of images
    samples: Iterable[Floats]  # (channel, x) or (channel, y, x)
    period: int = 1  # of the covariance of signals

    @property
    def axes(self) -> dict[str | None, int]:
        """The axes along which lags are measured; the single axis of a signal has no name."""
        return {"y": -2, "x": -1} if self.sigma is None else {None: -1}


def kernel_rows(
    kernels: Iterable[tuple[int, float]], lags: int, upsampling: Upsampling | None = None
) -> Iterator[KernelRow]:
    """Compute the analytic kernels of these depths and sigmas."""
    for depth, sigma in kernels:
        values = analytic.covariance(lags, depth, sigma, upsampling)
        columns = zip(values.tolist(), (values / values[0]).tolist(), strict=True)
        for lag, (covariance, cosine) in enumerate(columns):
            yield KernelRow("analytic", depth, sigma, None, lag, covariance, cosine)


def draw_rows(
    kernels: Iterable[tuple[int, float]],
    length: int,
    upsampling: Upsampling | None,
    count: int,
    seed: int,
) -> Iterator[DrawRow]:
    """Sample the prior, with the same random numbers for each kernel so that they compare."""
    for depth, sigma in kernels:
        covariance = analytic.covariance(length, depth, sigma, upsampling)
        draws = analytic.draw(covariance, count, np.random.default_rng(seed))
        for (draw, x), value in np.ndenumerate(draws):
            yield DrawRow("analytic", depth, sigma, draw, x, float(value))


def sampled_rows(ensemble: Ensemble, lags: int) -> Iterator[KernelRow]:
    """Measure the covariance of the outputs of sampled networks, along each axis."""
    tables: dict[str | None, list[Doubles]] = {axis: [] for axis in ensemble.axes}
    for sample in ensemble.samples:
        for axis, along in ensemble.axes.items():
            some = min(lags, sample.shape[along])
            tables[axis].append(statistics.autocovariance(sample, some, along))
    for axis, values in tables.items():
        table = np.stack(values, axis=-1)  # (lag, sample)
        columns = _columns(statistics.mean(table), statistics.ratio(table, table[0]))
        for lag, (covariance, covariance_se, cosine, cosine_se) in enumerate(columns):
            yield KernelRow(
                *(ensemble.source, ensemble.depth, ensemble.sigma, axis, lag),
                *(covariance, cosine, covariance_se, cosine_se),
            )


def stationarity_rows(ensemble: Ensemble, length: int) -> Iterator[StationarityRow]:
    """Measure how the covariance at a position deviates from its mean, relative to the variance.

    Positions of a signal count modulo `length`, rounded up to whole periods.
    """
    period = -(-length // ensemble.period) * ensemble.period
    tables = defaultdict[tuple[str | None, int], list[Doubles]](list)
    for sample in ensemble.samples:
        for (axis, along), lag in product(ensemble.axes.items(), LAGS):
            if lag < sample.shape[along]:
                values = statistics.products(sample, lag, along, 0 if axis else period)
                tables[axis, lag].append(values)
    for (axis, lag), some in tables.items():
        table = np.stack(some, axis=-1)  # (position, sample)
        variance = np.stack(tables[axis, 0], axis=-1).mean(axis=0)
        deviation = statistics.ratio(table - table.mean(axis=0), variance)
        for position, columns in enumerate(_columns(statistics.mean(table), deviation)):
            key = (ensemble.source, ensemble.depth, ensemble.sigma, axis, position, lag)
            yield StationarityRow(*key, *columns)


def verdicts(rows: Iterable[StationarityRow], samples: int) -> Iterator[str]:
    """Report the most significant deviation of each ensemble and axis, with its p-value."""
    from scipy.special import stdtr  # imported here because it is slow to import

    for (source, depth, _, axis), group in groupby(rows, key=lambda row: row[:4]):
        tests = [row for row in group if row.deviation_se > 0]
        if not tests:
            continue
        worst = max(tests, key=lambda row: abs(row.deviation) / row.deviation_se)
        score = abs(worst.deviation) / worst.deviation_se
        p = min(1.0, len(tests) * 2 * float(stdtr(samples - 1, -score)))
        name = f"{source}, depth {depth}" + (f", along {axis}" if axis else "")
        yield (
            f"{name}: the covariance deviates most significantly from its mean at position "
            f"{worst.position}, lag {worst.lag}: by {worst.deviation:+.3f} ± "
            f"{worst.deviation_se:.3f} of the variance, p = {p:.2g} "
            f"({len(tests)} tests, Bonferroni): stationarity is "
            + ("rejected" if p < SIGNIFICANT else "not rejected")
        )


def _columns(
    first: statistics.Estimate, second: statistics.Estimate
) -> Iterator[tuple[float, float, float, float]]:
    """Value and standard error of two estimates, row by row."""
    columns = (array.tolist() for array in (*first, *second))
    return zip(*columns, strict=True)
