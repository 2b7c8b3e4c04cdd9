"""The distance of two trajectories along their iterations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from dipcli.measure import bands as equal
from dipcli.measure.base import Axis, Doubles
from dipcli.measure.convergence import Convergence, convergence
from dipcli.measure.distance import Comparison
from dipcli.measure.pairs import Pair, walk

Tell = Callable[[str, int, int], None]
SUMMARY = (
    "first_convergence",
    "first_sse",
    "peak",
    "peak_sse",
    "second_convergence",
    "second_sse",
    "peak_ratio",
)


@dataclass
class Compared:
    """A pair, and how far its sides are apart at each of its iterations."""

    pair: Pair
    axis: Axis  # of the bands; {} where the error is not split
    numbers: list[dict[str, float]] = field(default_factory=list)  # sse, mse, psnr, ssim
    split: list[Doubles] = field(default_factory=list)  # (band)

    @property
    def iteration(self) -> npt.NDArray[np.int64]:
        return np.array([at for at in self.pair.iterations if at is not None], np.int64)

    @property
    def sse(self) -> Doubles:
        return np.array([row["sse"] for row in self.numbers])

    @property
    def curves(self) -> Doubles:
        """The error of each band, (iteration, band)."""
        return np.array(self.split)

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row per iteration, or per iteration and band."""
        for place, at in enumerate(self.pair.iterations):
            if not self.axis:
                yield {"iteration": at, **self.numbers[place]}
                continue
            for band, sse in enumerate(self.split[place]):
                yield {"iteration": at, **self._band(band), "sse": sse}

    def convergences(self) -> Iterator[tuple[dict[str, Any], Convergence | None]]:
        """The three points of the curve, or of each band's, and which band that is."""
        if not self.axis:
            yield {}, self._points(self.sse)
            return
        for band, curve in enumerate(self.curves.T):
            yield self._band(band), self._points(curve)

    def _points(self, curve: Doubles) -> Convergence | None:
        return convergence(self.iteration, curve) if len(self.iteration) else None

    def _band(self, band: int) -> dict[str, Any]:
        return {name: values[band] for name, values in self.axis.items()}


def compare(
    pairs: Sequence[Pair], comparison: Comparison, bands: int | None, tell: Tell
) -> list[Compared]:
    """Walk through all pairs at once; memory holds a frame of each run, and the numbers."""
    axis = equal.axis(bands) if bands else {}
    found = {id(pair): Compared(pair, axis) for pair in pairs}
    steps = sum(len(pair.iterations) for pair in pairs)
    for done, (pair, _, one, other) in enumerate(walk(pairs), 1):
        compared = found[id(pair)]
        compared.numbers.append(comparison.between(one, other))
        if bands:
            compared.split.append(comparison.by_band(one, other, bands))
        tell("trajdist", done, steps)
    return list(found.values())


def summaries(compared: Sequence[Compared]) -> Iterator[dict[str, Any]]:
    """A row per pair, or per pair and band: where it meets, parts, and meets again."""
    for one in compared:
        for place, points in one.convergences():
            values = (*points, points.peak_ratio) if points else [None] * len(SUMMARY)
            row = dict(zip(SUMMARY, values, strict=True))
            yield {"a": one.pair.a.label, "b": one.pair.b.label, **place, **row}
