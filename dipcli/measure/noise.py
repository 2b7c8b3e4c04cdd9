"""Estimate the white noise of an image from the image alone."""

from __future__ import annotations

import numpy as np

from dipcli.arrays import Floats

NORMAL = 0.6745  # median of |x| for a normal distribution of sigma 1


def noise_level(target: Floats) -> float:
    """Sigma of white noise in an image (channel, y, x) on [0, 1], from its finest diagonal detail.

    Edges are too few to change the median (Donoho and Johnstone 1994, with the Haar wavelet).
    """
    corner, right = target[:, :-1, :-1], target[:, :-1, 1:]
    below, across = target[:, 1:, :-1], target[:, 1:, 1:]
    detail = np.abs(corner - right - below + across) / 2
    known = detail[np.isfinite(detail)]
    return float(np.median(known)) / NORMAL if known.size else 0.0
