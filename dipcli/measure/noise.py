"""Estimate the noise of an image from the image alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dipcli.arrays import Doubles, Floats

NORMAL = 0.6745  # median of |x| for a normal distribution of sigma 1
CLASSES = 12  # of brightness
LEAST = 16  # pixels in a class
LEAST_STEP = 1e-4  # of brightness between two classes
RISING = 0.84  # the part of the slopes that must rise; of Gaussian noise at most 0.83 do
PIXELS = 4_000_000  # of all pages, that are looked at
TINY = 1e-12


def noise_level(target: Floats) -> float:
    """Sigma of white noise in an image (channel, y, x) on [0, 1], from its finest diagonal detail.

    Edges are too few to change the median (Donoho and Johnstone 1994, with the Haar wavelet).
    """
    detail = _detail(target)[0]
    known = detail[np.isfinite(detail)]
    return float(np.median(known)) / NORMAL if known.size else 0.0


class CameraNoise(NamedTuple):
    """Noise whose variance rises with the value, as that of counted photons: gain x + floor."""

    gain: float  # per photon, on the scale of the image
    floor: float  # the variance at 0; below 0 where the image has an offset


def camera_noise(pages: Sequence[Floats]) -> CameraNoise | None:
    """The noise of a camera in images (channel, y, x) on [0, 1]; None if it is not clearly one.

    The variance of the finest diagonal detail is taken in twelve classes of brightness, each by its
    median, which edges hardly change, and a line is laid through them by the median of its slopes
    (Theil and Sen). Most slopes must rise, and the variance must double from dark to bright.
    """
    means, variances = _variances(pages)
    first, second = np.triu_indices(len(means), 1)
    apart = means[second] - means[first] > LEAST_STEP
    if np.count_nonzero(apart) < CLASSES:
        return None
    slopes = (variances[second] - variances[first])[apart] / (means[second] - means[first])[apart]
    gain = float(np.median(slopes))
    floor = float(np.median(variances - gain * means))
    dark, bright = (gain * mean + floor for mean in (means[0], means[-1]))
    if np.mean(slopes > 0) < RISING or bright < 2 * max(dark, TINY):
        return None
    return CameraNoise(gain, floor)


def _variances(pages: Sequence[Floats]) -> tuple[Doubles, Doubles]:
    """The means of classes of brightness, from dark to bright, and the variance of their noise."""
    wanted = max(1, PIXELS // pages[0].size)
    step = -(-len(pages) // wanted)
    known = [_known(page) for page in pages[::step]]
    detail, mean = (np.concatenate(parts) for parts in zip(*known, strict=True))
    order = np.argsort(mean, kind="stable")
    classes = [part for part in np.array_split(order, CLASSES) if len(part) >= LEAST]
    means = np.array([mean[part].mean() for part in classes], float)
    return means, np.array([(np.median(detail[part]) / NORMAL) ** 2 for part in classes], float)


def _known(page: Floats) -> tuple[Floats, Floats]:
    """The known numbers among the diagonal detail and the means."""
    detail, mean = _detail(page)
    known = np.isfinite(detail)
    return detail[known], mean[known]


def _detail(image: Floats) -> tuple[Floats, Floats]:
    """The finest diagonal detail, without its sign, and the mean of each square of four pixels."""
    corner, right = image[:, :-1, :-1], image[:, :-1, 1:]
    below, across = image[:, 1:, :-1], image[:, 1:, 1:]
    detail: Floats = np.abs(corner - right - below + across) / 2
    mean: Floats = np.float32(1 / 4) * (corner + right + below + across)
    return detail, mean
