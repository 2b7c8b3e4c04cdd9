"""Helpers of the linear degradations: unknown pixels, and constants on the tensors' device."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[np.float64]
Linear = Callable[[Array], Array]  # (channel, y, x) -> (channel, y, x)


def over_known(linear: Linear, pixels: npt.NDArray[Any], floor: float) -> Array:
    """Apply a linear map, whose weights sum to 1, to the known pixels alone.

    Unknown pixels (NaN) are left out of each sum, which is divided by the weights of the known
    ones. Where those sum to `floor` or less, the result is unknown.
    """
    known = ~np.isnan(pixels)
    if known.all():
        return linear(pixels.astype(np.float64))
    total = linear(np.where(known, pixels, 0).astype(np.float64))
    weight = linear(known.astype(np.float64))
    enough = weight > floor
    return np.where(enough, total / np.where(enough, weight, 1), np.nan)


def beside(*arrays: Array) -> Callable[[torch.Tensor], list[torch.Tensor]]:
    """A function that returns the arrays as tensors of the precision and device of its argument.

    Each copy is made once and kept: an operator runs at every step of a fit, and a transfer to a
    GPU would stall each of them.
    """
    import torch

    moved: dict[tuple[torch.device, torch.dtype], list[torch.Tensor]] = {}

    def constants(x: torch.Tensor) -> list[torch.Tensor]:
        place = x.device, x.dtype
        if place not in moved:
            with torch.inference_mode(False):  # a later call may need gradients
                moved[place] = [torch.from_numpy(array).to(*place) for array in arrays]
        return moved[place]

    return constants
