"""Where trajectories converge, part, and converge again (Chakrabarty and Maji 2019, figure 1)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dipcli.arrays import Doubles

WINDOW = 5  # points of the running median
CERTAIN = 4  # a rise counts if it exceeds this times the scatter about the median
NORMAL = 1.4826  # standard deviation per median absolute deviation


class Convergence(NamedTuple):
    """The iterations of the three points, and the distances there: columns of the summary."""

    first_convergence: int
    first_sse: float
    peak: int
    peak_sse: float
    second_convergence: int
    second_sse: float
    peak_ratio: float


def convergence(iteration: npt.NDArray[np.int64], distance: Doubles) -> Convergence | None:
    """The three points of a curve; None where it has no hump between two minima.

    On a running median of five points, the peak is the highest point after the first local
    minimum; the first convergence is the lowest point before the peak, the second the lowest after
    it. A minimum counts if the curve then rises by more than its noise, a peak if it then falls.
    """
    known = ~np.isnan(distance)
    iteration, distance = iteration[known], distance[known]
    curve = running_median(distance)
    beyond = np.exp(CERTAIN * _noise(distance, curve))
    valley = _first_minimum(curve, beyond)
    if valley is None:
        return None
    peak = valley + int(np.argmax(curve[valley:]))
    if peak == len(curve) - 1:
        return None  # they part and do not converge again
    # two untrained networks may start close to each other, which is no convergence
    apart = int(np.argmax(curve[: valley + 1]))
    first = apart + int(np.argmin(curve[apart:peak]))
    second = peak + 1 + int(np.argmin(curve[peak + 1 :]))
    if not curve[second] * beyond < curve[peak]:
        return None
    at = [(int(iteration[place]), float(curve[place])) for place in (first, peak, second)]
    (_, low), (_, high), _ = at
    return Convergence(*at[0], *at[1], *at[2], high / low if low else np.inf)


def running_median(values: Doubles) -> Doubles:
    """The median of five points; near the ends, of as many as there are on both sides."""
    half, last = WINDOW // 2, len(values) - 1
    reach = [min(half, i, last - i) for i in range(len(values))]
    return np.array([np.median(values[i - r : i + r + 1]) for i, r in enumerate(reach)])


def _noise(values: Doubles, curve: Doubles) -> float:
    """The scatter of the points about the curve, as the logarithm of a factor.

    A median of few points follows noise of a few points, so the scatter of each point about the
    middle of its neighbours counts too: as much as in white noise.
    """
    positive = (values > 0) & (curve > 0)
    if positive.sum() < 3:
        return 0.0
    points = np.log(values[positive])
    scatter = np.abs(points - np.log(curve[positive]))
    bends = np.abs(np.diff(points, 2)) / np.sqrt(6)
    return float(NORMAL * max(np.median(scatter), np.median(bends)))


def _first_minimum(curve: Doubles, beyond: float) -> int | None:
    """The first local minimum after which the curve rises by more than a factor."""
    high = low = 0
    falling = False
    for place, value in enumerate(curve):
        if falling and value < curve[low]:
            low = place
        elif falling and value > curve[low] * beyond:
            return low
        elif not falling and value > curve[high]:
            high = place
        elif not falling and value * beyond < curve[high]:
            falling, low = True, place
    return None
