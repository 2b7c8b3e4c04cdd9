"""What a measure says of a whole run, or of an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dipcli.degrade import Seen
from dipcli.measure.base import Doubles, Measure, Values
from dipcli.measure.pairs import nearest
from dipcli.store import Run


@dataclass
class Taken:
    """The numbers of the frames of a run; of an image, which has no iteration, a single one."""

    source: str
    run: int | None
    measure: Measure
    best: int | None = None  # the iteration of the highest PSNR, if that is known
    iterations: list[int] = field(default_factory=list)
    values: list[Values] = field(default_factory=list)

    def add(self, iteration: int | None, values: Values) -> None:
        if iteration is not None:
            self.iterations.append(iteration)
        self.values.append(values)

    @property
    def iteration(self) -> npt.NDArray[np.int64]:
        return np.array(self.iterations, np.int64)

    def column(self, name: str) -> Doubles:
        """One column, (iteration, place), or (iteration) where there is no axis."""
        return np.array([values[name] for values in self.values])


def through(
    run: Run,
    name: str,
    measure: Measure,
    at: Sequence[int],
    *,
    recorded: bool,
    seen: Seen | None = None,
) -> tuple[int, Iterator[tuple[int, Values]]]:
    """How many iterations there are to see, and what the measure says of each.

    What the fit itself took is used if it may be (`recorded`): it is there for more iterations
    than there are frames. Frames go through `seen` before they are measured.
    """
    kept = kept_by_fit(run, name, measure) if recorded else None
    saved = run.iterations if kept is None else kept[0]
    chosen = nearest(saved, at) if len(at) and len(saved) else saved.tolist()
    if kept is not None:
        rows = dict(zip(kept[0].tolist(), kept[1], strict=True))
        return len(chosen), ((iteration, rows[iteration]) for iteration in chosen)
    frames = run.frames(set(chosen))
    return len(chosen), ((i, measure(seen(frame) if seen else frame)) for i, frame in frames)


def best_of(run: Run) -> int | None:
    """The saved iteration of the highest PSNR; None where it was not measured."""
    psnr = run.scalar("psnr")
    if psnr is None or np.isnan(psnr).all():
        return None
    return int(run.iterations[int(np.nanargmax(psnr))])


def kept_by_fit(
    run: Run, name: str, measure: Measure
) -> tuple[npt.NDArray[np.int64], list[Values]] | None:
    """The iterations at which the fit itself took a measure, and its numbers, if it did."""
    record = run.record
    kept = measure.kept_as(name)
    if any(array not in record for array in kept.values()):
        return None
    columns = {column: record[array] for column, array in kept.items()}
    if any(rows.size != len(rows) * measure.places for rows in columns.values()):
        return None  # of other bands
    count = len(record["iteration"])
    return record["iteration"], [{c: rows[i] for c, rows in columns.items()} for i in range(count)]
