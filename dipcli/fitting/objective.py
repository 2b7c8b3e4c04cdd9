"""What a fit compares: the output with the target, where the target is known."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from dipcli.degrade.base import Operator
from dipcli.errors import DipError
from dipcli.images import Floats


class Objective:
    """The mean squared difference over the known pixels."""

    def __init__(
        self, target: Floats, device: torch.device, forward: Operator | None = None
    ) -> None:
        """`forward` is what an output goes through before it is compared."""
        self._forward = forward
        known = ~np.isnan(target)  # (channel, y, x)
        if not known.any():
            msg = "every pixel of the target is unknown: there is nothing to fit"
            raise DipError(msg)
        self._target = torch.from_numpy(np.where(known, target, 0)).to(device)[None]
        weight = known.astype(np.float32) / known.sum()
        self._weight = None if known.all() else torch.from_numpy(weight).to(device)[None]
        self._places = torch.from_numpy(np.flatnonzero(known.any(axis=0))).to(device)
        self._known = torch.from_numpy(known).to(device)

    def image(self, output: Tensor) -> Tensor:
        """Of a whole output, (1, channel, y, x)."""
        if self._forward is not None:
            output = self._forward(output)
        if self._weight is None:
            return torch.nn.functional.mse_loss(output, self._target)
        return (self._weight * (output - self._target).square()).sum()

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """So many known pixels, with replacement: places in (y, x) laid out flat."""
        chosen = torch.randint(
            len(self._places), (count,), generator=generator, device=generator.device
        )
        return self._places[chosen]

    def pixels(self, output: Tensor, places: Tensor) -> Tensor:
        """Of the colours at some places, (n, channel)."""
        target = self._target[0].flatten(1)[:, places].T
        known = self._known.flatten(1)[:, places].T
        return (known * (output - target).square()).sum() / known.sum()
