"""The distances of a report: the pairs that `dip trajdist` compares by default."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dipcli.errors import DipError
from dipcli.measure.distance import Comparison
from dipcli.measure.inputs import RunSource
from dipcli.measure.pairs import Pair, pairs
from dipcli.measure.trajectories import Distances, Progress, compare
from dipcli.report.stores import StoreRuns

MOST = 100  # pairs


def choose_pairs(stores: Sequence[StoreRuns]) -> tuple[list[Pair], int, list[str]]:
    """The pairs to compare, the number of pairs left out, and notes about both."""
    sources = [RunSource(one.name, run, one.store) for one in stores for run in one.runs]
    chosen: list[Pair] = []
    left_out, notes = 0, []
    for pair in pairs(sources):
        if isinstance(pair, DipError):
            notes.append(str(pair))
        elif len(chosen) == MOST:
            left_out += 1
        else:
            chosen.append(pair)
            notes += [pair.left_out] if pair.left_out else []
    if left_out:
        notes.append(
            f"only the first {MOST} pairs are compared; {left_out} more pairs are left out"
        )
    return chosen, left_out, notes


def compare_all(
    pairs: Sequence[Pair], progress: Progress, on_error: Callable[[DipError], object]
) -> list[Distances]:
    """Compare all pairs in one pass; pair by pair if a frame is unreadable, to keep the others."""
    try:
        return compare(pairs, Comparison(), None, progress)
    except DipError as error:
        if len(pairs) == 1:
            on_error(error)
            return []
    return [one for pair in pairs for one in compare_all([pair], progress, on_error)]
