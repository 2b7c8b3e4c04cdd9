"""Blur, sharpness, and their ratio, by which Shi and others stop a fit (IJCV 2022).

Blur is the metric of Crete and others (2007), sharpness that of Bahrami and Kot (2014), both as in
the published code, with its off-by-one indices, because its thresholds hold for that code.
"""

from __future__ import annotations

import math

import numpy as np

from dipcli.arrays import Doubles, Floats
from dipcli.measure.base import Measure, gray

TAPS = 9  # length of the box that blurs the image again
RANKS = slice(2, 1001)  # largest differences to a neighbour; the published code skips two
DECAY = 0.01  # decay of their weights per rank


class BlurSharp(Measure):
    """Blur from 0 to 1, sharpness, and their ratio."""

    quantity = "blur / sharpness"
    columns = ("blur", "sharpness", "ratio")

    def take(self, frame: Floats) -> list[float]:
        image = gray(frame)
        one, other = blur(image), sharpness(image)
        return [one, other, one / other if other else math.nan]


def blur(image: Doubles) -> float:
    """How little an image (y, x) changes when it is blurred again; NaN if too small, or flat."""
    if min(image.shape) < 12:  # the borders take up the whole image
        return math.nan
    return max(_along_y(image), _along_y(image.T))


def _along_y(image: Doubles) -> float:
    """The share of the steps between rows that a mean over TAPS pixels keeps, without the borders.

    Two neighbouring means differ by the pixel that enters and the one that leaves.
    """
    x = image[:, 6:-5]
    sharp = np.abs(x[6:-5] - x[5:-6])
    soft = np.abs(x[10:-1] - x[1:-10]) / TAPS
    whole = float(sharp.sum())
    return float(np.minimum(sharp, soft).sum()) / whole if whole else math.nan


def sharpness(image: Doubles) -> float:
    """The largest steps up to a neighbour, weighted by rank; NaN if the image is too small."""
    inner = image[2:-1, 2:-1]
    if inner.size <= RANKS.start:
        return math.nan
    around = np.pad(inner, 1)  # pixels beyond the border are 0
    left, middle, right = around[:, :-2], around[:, 1:-1], around[:, 2:]
    rows = np.maximum(np.maximum(left, middle), right)  # the largest of three in a row
    beside = np.maximum(left[1:-1], right[1:-1])
    steps = np.maximum(np.maximum(rows[:-2], rows[2:]), beside) - inner
    count = min(RANKS.stop, steps.size)
    largest = np.sort(np.partition(steps.ravel(), steps.size - count)[-count:])[::-1][RANKS]
    weights = np.exp(-DECAY * np.arange(RANKS.start, count))
    return float(np.sqrt(np.mean(np.square(weights * largest))))
