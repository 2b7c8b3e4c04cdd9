"""The rows of `dip gpkernel`: kernels, samples of the prior, and stationarity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from dipcli.arrays import Doubles
from dipcli.gp import analytic, statistics
from dipcli.gp.statistics import AXES
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
    def axes(self) -> tuple[str | None, ...]:
        """The axes along which lags are measured; the single axis of a signal has no name."""
        return tuple(AXES) if self.sigma is None else (None,)


def kernel_rows(
    depths: Sequence[int],
    sigmas: Sequence[float],
    lags: int,
    upsampling: Upsampling | None = None,
) -> Iterator[KernelRow]:
    """Compute the analytic kernels."""
    for depth in depths:
        for sigma in sigmas:
            values = analytic.covariance(lags, depth, sigma, upsampling)
            cosines = values / values[0]
            for lag, (value, cosine) in enumerate(
                zip(values.tolist(), cosines.tolist(), strict=True)
            ):
                yield KernelRow("analytic", depth, sigma, None, lag, value, cosine)


def draw_rows(
    depths: Sequence[int],
    sigmas: Sequence[float],
    length: int,
    upsampling: Upsampling | None,
    count: int,
    seed: int,
) -> Iterator[DrawRow]:
    """Sample the prior, with the same random numbers for each kernel so that they compare."""
    for depth in depths:
        for sigma in sigmas:
            covariance = analytic.covariance(length, depth, sigma, upsampling)
            curves = analytic.draw(covariance, count, np.random.default_rng(seed))
            for number, curve in enumerate(curves.tolist()):
                for x, value in enumerate(curve):
                    yield DrawRow("analytic", depth, sigma, number, x, value)


def sampled_rows(ensemble: Ensemble, lags: int) -> Iterator[KernelRow]:
    """Measure the covariance of the outputs of sampled networks, along each axis."""
    tables: dict[str | None, list[Doubles]] = {axis: [] for axis in ensemble.axes}
    for sample in ensemble.samples:
        for axis, values in tables.items():
            along = _dimension(axis)
            values.append(statistics.autocovariance(sample, min(lags, sample.shape[along]), along))
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
    tables: dict[tuple[str | None, int], list[Doubles]] = {
        (axis, lag): [] for axis in ensemble.axes for lag in LAGS
    }
    for sample in ensemble.samples:
        for (axis, lag), values in tables.items():
            along = _dimension(axis)
            if lag < sample.shape[along]:
                values.append(statistics.products(sample, lag, along, 0 if axis else period))
    for (axis, lag), values in tables.items():
        if not values:
            continue
        table = np.stack(values, axis=-1)  # (position, sample)
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


def _dimension(axis: str | None) -> int:
    return AXES[axis] if axis else -1


def _columns(
    first: statistics.Estimate, second: statistics.Estimate
) -> Iterator[tuple[float, float, float, float]]:
    """Value and standard error of two estimates, row by row."""
    columns = (array.tolist() for array in (*first, *second))
    return zip(*columns, strict=True)
