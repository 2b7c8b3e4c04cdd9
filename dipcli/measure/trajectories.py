"""The distance of two trajectories along their iterations: the library side of `dip trajdist`."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

from dipcli.arrays import Doubles, Floats
from dipcli.images import as_image
from dipcli.machine import cores
from dipcli.measure.base import Axis, Progress, Values, axis_rows, named_rows
from dipcli.measure.convergence import Convergence, convergence
from dipcli.measure.distance import Comparison
from dipcli.measure.inputs import sources
from dipcli.measure.pairs import Against, Pair, pairs

SUMMARY = Convergence._fields


@dataclass
class Distances:
    """A pair, and the distance of its sides at each of its iterations."""

    pair: Pair
    axis: Axis  # of the bands or rings; {} where the error is not split
    # by iteration: sse, mse, psnr, ssim; or sse (band); or frc (ring)
    values: dict[int | None, Values] = field(default_factory=dict)

    @property
    def iteration(self) -> npt.NDArray[np.int64]:
        return np.array([at for at in self.values if at is not None], np.int64)

    @property
    def sse(self) -> Doubles:
        """The squared error, (iteration) or (iteration, band)."""
        return np.array([values["sse"] for values in self.values.values()])

    @property
    def head(self) -> dict[str, Any]:
        return {"a": self.pair.a.label, "b": self.pair.b.label}

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row per iteration, or per iteration and band."""
        for at, values in self.values.items():
            for row in axis_rows(self.axis, values):
                yield {**self.head, "iteration": at, **row}

    def convergences(self) -> Iterator[tuple[dict[str, Any], Convergence | None]]:
        """The band (none if the error is not split), and the three points of its curve."""
        curves = self.sse.reshape(len(self.values), -1).T  # (band, iteration)
        for band, curve in zip(axis_rows(self.axis, {}), curves, strict=True):
            yield band, convergence(self.iteration, curve) if len(self.iteration) else None


def trajdist(
    things: Any,
    against: Against | Floats = "auto",
    bands: int | None = None,
    summary: bool = False,
    ssim: bool = False,
    luma: bool = False,
    border: int = 0,
    at: Sequence[int] = (),
    frc: bool = False,
) -> list[Any]:
    """Compare trajectories and images: NamedTuples with the columns of `dip trajdist`.

    `things` is a Store, a Run, an Image, a path, or a list of these; `against` what each is
    compared with, or "auto", "runs", "target", "clean" or "previous".
    """
    if isinstance(against, np.ndarray):
        against = as_image(against)[0]
    wanted = list(pairs(sources(things), against, at))
    comparison = Comparison(bands, ssim=ssim, luma=luma, border=border, frc=frc)
    with scipy.fft.set_workers(cores()):
        distances = compare(wanted, comparison)
    names = columns(comparison, summary=summary)
    return named_rows("TrajdistRow", names, table(distances, summary=summary))


def columns(comparison: Comparison, *, summary: bool = False) -> list[str]:
    """The columns of the table."""
    if summary:
        return ["a", "b", *comparison.axis, *SUMMARY]
    return ["a", "b", "iteration", *comparison.axis, *comparison.columns]


def table(distances: Sequence[Distances], *, summary: bool = False) -> Iterator[dict[str, Any]]:
    """The rows of the table."""
    return summaries(distances) if summary else (row for one in distances for row in one.rows())


def compare(
    pairs: Sequence[Pair], comparison: Comparison, progress: Progress | None = None
) -> list[Distances]:
    """Compare all pairs in one pass; memory holds one frame of each run, and the numbers."""
    distances = {id(pair): Distances(pair, comparison.axis_of(pair.a.size)) for pair in pairs}
    steps = sum(len(pair.iterations) for pair in pairs)
    for done, (pair, at, one, other) in enumerate(walk(pairs), 1):
        distances[id(pair)].values[at] = comparison(one, other)
        if progress:
            progress("trajdist", done, steps)
    return list(distances.values())


def summaries(distances: Sequence[Distances]) -> Iterator[dict[str, Any]]:
    """A row per pair, or per pair and band: where they converge, part, and converge again."""
    for one in distances:
        for band, points in one.convergences():
            yield {**one.head, **band, **(points._asdict() if points else dict.fromkeys(SUMMARY))}


def unmet(distances: Sequence[Distances]) -> Iterator[str]:
    """A note for each pair whose row of the summary is empty, and why."""
    for one in distances:
        if not any(points for _, points in one.convergences()):
            count = len(one.iteration)
            yield (
                f"{one.pair.a.label} and {one.pair.b.label}: their distance has no peak between "
                f"two minima in {count} saved iteration{'s' * (count != 1)}"
            )


def walk(pairs: Sequence[Pair]) -> Iterator[tuple[Pair, int | None, Floats, Floats]]:
    """All pairs at each of their iterations, in step: a frame is read once for all its pairs."""
    steps = {id(pair): set(pair.iterations) for pair in pairs}
    sides = {side.key: side for pair in pairs for side in pair.sides}
    wanted: dict[Hashable, set[int | None]] = {key: set() for key in sides}
    for pair in pairs:
        for side in pair.sides:
            wanted[side.key] |= steps[id(pair)]
    readers = {key: side.frames(wanted[key]) for key, side in sides.items()}
    for step in sorted(set().union(*wanted.values()), key=lambda at: -1 if at is None else at):
        frames = {key: next(readers[key]) for key in sides if step in wanted[key]}
        for pair in pairs:
            if step in steps[id(pair)]:
                yield pair, step, frames[pair.a.key], frames[pair.b.key]
