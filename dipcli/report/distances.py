"""The distances of a report: those of `dip trajdist`, whatever some of the pairs are like."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dipcli.errors import DipError
from dipcli.measure.distance import Comparison
from dipcli.measure.pairs import Pair
from dipcli.measure.trajectories import Compared, Tell, compare

MOST = 100  # pairs


def compare_all(
    pairs: Sequence[Pair], tell: Tell, fail: Callable[[DipError], None]
) -> list[Compared]:
    """All pairs in one walk; one by one if a frame cannot be read, so that the others are kept."""
    try:
        return compare(pairs, Comparison(), None, tell)
    except DipError as error:
        if len(pairs) == 1:
            fail(error)
            return []
    return [one for pair in pairs for one in compare_all([pair], tell, fail)]
