"""Whether a fit has diverged: its loss is not finite, or its image is saturated or constant."""

from __future__ import annotations

import math
from typing import NoReturn

import numpy as np

from dipcli.arrays import Floats
from dipcli.errors import DipError

LEAST = 1 / 255  # the standard deviation from which a target is no constant image
VARIED = 1 / 32  # the range from which an untrained image is none, also in bfloat16
TINY = 1e-6  # the largest difference of values that count as equal


def check_loss(loss: float, iteration: int, lr: float) -> None:
    """Raise where a loss is infinite or not a number."""
    if not math.isfinite(loss):
        _refuse(f"the loss is {loss}", iteration, lr)


def check_image(
    image: Floats, first: Floats, target: Floats, error: float, iteration: int, lr: float
) -> None:
    """Raise where the last image is dead: no gradient brings it back to the target.

    Its values are all 0 or 1, or have become constant since the `first` image; and its `error`,
    the mean squared one, is no smaller than that of the best constant image.
    """
    known = np.isfinite(target)
    values, count = np.where(known, target, 0), known.sum(axis=(1, 2), keepdims=True)
    mean = values.sum(axis=(1, 2), keepdims=True) / np.maximum(count, 1)
    spread = float(((values - mean)[known] ** 2).mean())
    if spread < LEAST**2 or error < 0.999 * spread:
        return
    if np.minimum(np.abs(image), np.abs(image - 1)).max() < TINY:
        _refuse("all values of the image are 0 or 1", iteration, lr)
    if _range(image) < TINY and _range(first) > VARIED:
        _refuse("the image is constant", iteration, lr)


def _range(image: Floats) -> float:
    """The largest range of values in a channel."""
    return float(np.ptp(image, axis=(1, 2)).max())


def _refuse(what: str, iteration: int, lr: float) -> NoReturn:
    msg = f"{what} at iteration {iteration}: the fit has diverged; try a --lr below {lr:g}"
    raise DipError(msg)
