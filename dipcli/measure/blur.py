"""Blur over sharpness: the ratio that Shi and others stop a fit by (IJCV 2022).

Blur is the metric of Crete and others (2007), sharpness that of Bahrami and Kot (2014), both in
the form of the published code, its index slips included: that is what its thresholds mean.
"""

from __future__ import annotations

import math

import numpy as np

from dipcli.images import Floats
from dipcli.measure.base import Doubles, Measure
from dipcli.measure.gray import gray

TAPS = 9  # of the box that blurs once more
RANKS = slice(2, 1001)  # of the largest differences to a neighbour; the first two slip away
DECAY = 0.01  # of their weights, per rank


def blur_sharp(like: Floats, bands: int) -> Measure:
    """Blur from 0 to 1, sharpness, and their ratio."""

    def take(frame: Floats) -> list[float]:
        image = gray(frame)
        one, other = blur(image), sharpness(image)
        return [one, other, one / other if other else math.nan]

    return Measure({}, ("blur", "sharpness", "ratio"), take)


def blur(image: Doubles) -> float:
    """How little an image (y, x) changes if it is blurred; NaN if it is too small, or flat."""
    if min(image.shape) < 12:  # nothing is left within the borders
        return math.nan
    return max(_along_y(image), _along_y(image.T))


def _along_y(image: Doubles) -> float:
    """What a mean over TAPS pixels leaves of the steps between rows, without the borders.

    From one mean to the next one pixel enters and one leaves.
    """
    x = image[:, 6:-5]
    sharp = np.abs(x[6:-5] - x[5:-6])
    soft = np.abs(x[10:-1] - x[1:-10]) / TAPS
    whole = float(sharp.sum())
    return float(np.minimum(sharp, soft).sum()) / whole if whole else math.nan


def sharpness(image: Doubles) -> float:
    """The largest steps up to a neighbour, weighted by rank; NaN if an image is too small."""
    inner = image[2:-1, 2:-1]
    if inner.size <= RANKS.start:
        return math.nan
    around = np.pad(inner, 1)  # beyond the border is black
    left, middle, right = around[:, :-2], around[:, 1:-1], around[:, 2:]
    rows = np.maximum(np.maximum(left, middle), right)  # the highest of three in a row
    beside = np.maximum(left[1:-1], right[1:-1])
    steps = np.maximum(np.maximum(rows[:-2], rows[2:]), beside) - inner
    count = min(RANKS.stop, steps.size)
    largest = np.sort(np.partition(steps.ravel(), steps.size - count)[-count:])[::-1][RANKS]
    weights = np.exp(-DECAY * np.arange(RANKS.start, count))
    return float(np.sqrt(np.mean(np.square(weights * largest))))
