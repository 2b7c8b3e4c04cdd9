"""What the linear degradations share: unknown pixels, and constants on the tensors' device."""

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
    """A linear map of weights that sum to 1, of the known pixels alone.

    What is unknown (NaN) has no part in a sum, and the weight of the known ones stands for all.
    Where that is `floor` or less, the result is unknown.
    """
    known = ~np.isnan(pixels)
    if known.all():
        return linear(pixels.astype(np.float64))
    total = linear(np.where(known, pixels, 0).astype(np.float64))
    weight = linear(known.astype(np.float64))
    enough = weight > floor
    return np.where(enough, total / np.where(enough, weight, 1), np.nan)


def beside(*arrays: Array) -> Callable[[torch.Tensor], list[torch.Tensor]]:
    """Give the arrays as tensors of the precision and on the device of a given one.

    They are moved once and kept: an operator is called at every step of a fit, and a copy to a
    GPU would make each wait.
    """
    import torch

    moved: dict[tuple[torch.device, torch.dtype], list[torch.Tensor]] = {}

    def give(x: torch.Tensor) -> list[torch.Tensor]:
        place = x.device, x.dtype
        if place not in moved:
            with torch.inference_mode(False):  # whoever comes first, gradients may come later
                moved[place] = [torch.from_numpy(array).to(*place) for array in arrays]
        return moved[place]

    return give
