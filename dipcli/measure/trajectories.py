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
from dipcli.measure.base import Axis, Progress, named_rows
from dipcli.measure.convergence import Convergence, convergence
from dipcli.measure.distance import Comparison
from dipcli.measure.fourier import band_axis
from dipcli.measure.inputs import sources
from dipcli.measure.pairs import Against, Pair, pairs

SUMMARY = Convergence._fields


@dataclass
class Distances:
    """A pair, and the distance of its sides at each of its iterations."""

    pair: Pair
    axis: Axis  # of the bands; {} where the error is not split
    numbers: list[dict[str, float]] = field(default_factory=list)  # sse, mse, psnr, ssim
    by_band: list[Doubles] = field(default_factory=list)  # (band)

    @property
    def iteration(self) -> npt.NDArray[np.int64]:
        return np.array([at for at in self.pair.iterations if at is not None], np.int64)

    @property
    def sse(self) -> Doubles:
        return np.array([row["sse"] for row in self.numbers])

    @property
    def curves(self) -> Doubles:
        """The error of each band, (iteration, band)."""
        return np.array(self.by_band)

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row per iteration, or per iteration and band."""
        head = {"a": self.pair.a.label, "b": self.pair.b.label}
        for place, at in enumerate(self.pair.iterations):
            if not self.axis:
                yield {**head, "iteration": at, **self.numbers[place]}
                continue
            for band, sse in enumerate(self.by_band[place]):
                yield {**head, "iteration": at, **self._band(band), "sse": sse}

    def convergences(self) -> Iterator[tuple[dict[str, Any], Convergence | None]]:
        """The band (none if the error is not split), and the three points of its curve."""
        if not self.axis:
            yield {}, self._points(self.sse)
            return
        for band, curve in enumerate(self.curves.T):
            yield self._band(band), self._points(curve)

    def _points(self, curve: Doubles) -> Convergence | None:
        return convergence(self.iteration, curve) if len(self.iteration) else None

    def _band(self, band: int) -> dict[str, Any]:
        return {name: values[band] for name, values in self.axis.items()}


def trajdist(
    things: Any,
    against: Against | Floats = "auto",
    bands: int | None = None,
    summary: bool = False,
    ssim: bool = False,
    luma: bool = False,
    border: int = 0,
    at: Sequence[int] = (),
) -> list[Any]:
    """Compare trajectories and images: NamedTuples with the columns of `dip trajdist`.

    `things` is a Store, a Run, an Image, a path, or a list of these; `against` what each is
    compared with, or "auto", "runs", "target", "clean" or "previous".
    """
    if isinstance(against, np.ndarray):
        against = as_image(against)[0]
    wanted = list(pairs(sources(things), against, at))
    comparison = Comparison(luma=luma, border=border, ssim=ssim)
    with scipy.fft.set_workers(cores()):
        distances = compare(wanted, comparison, bands)
    names = columns(bands, summary=summary, ssim=ssim)
    return named_rows("TrajdistRow", names, table(distances, summary=summary))


def columns(bands: int | None, *, summary: bool = False, ssim: bool = False) -> list[str]:
    """The columns of the table."""
    if summary:
        return ["a", "b", *(["band", "low", "high"] if bands else []), *SUMMARY]
    if bands:
        return ["a", "b", "iteration", "band", "low", "high", "sse"]
    return ["a", "b", "iteration", "sse", "mse", "psnr", *(["ssim"] if ssim else [])]


def table(distances: Sequence[Distances], *, summary: bool = False) -> Iterator[dict[str, Any]]:
    """The rows of the table."""
    if summary:
        yield from summaries(distances)
        return
    for one in distances:
        yield from one.rows()


def compare(
    pairs: Sequence[Pair],
    comparison: Comparison,
    bands: int | None = None,
    progress: Progress | None = None,
) -> list[Distances]:
    """Compare all pairs in one pass; memory holds one frame of each run, and the numbers."""
    axis = band_axis(bands) if bands else {}
    distances = {id(pair): Distances(pair, axis) for pair in pairs}
    steps = sum(len(pair.iterations) for pair in pairs)
    for done, (pair, _, one, other) in enumerate(walk(pairs), 1):
        result = distances[id(pair)]
        result.numbers.append(comparison.between(one, other))
        if bands:
            result.by_band.append(comparison.by_band(one, other, bands))
        if progress:
            progress("trajdist", done, steps)
    return list(distances.values())


def summaries(distances: Sequence[Distances]) -> Iterator[dict[str, Any]]:
    """A row per pair, or per pair and band: where they converge, part, and converge again."""
    for one in distances:
        for band, points in one.convergences():
            row = points._asdict() if points else dict.fromkeys(SUMMARY)
            yield {"a": one.pair.a.label, "b": one.pair.b.label, **band, **row}


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
