"""What a fit minimises: a loss between the output and the target, where the target is known."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from dipcli.arrays import Floats
from dipcli.degrade.base import Operator
from dipcli.errors import DipError
from dipcli.fitting.losses.base import Loss, Nudge, Target
from dipcli.fitting.losses.pointwise import Mse


class Objective:
    """A loss over the known pixels."""

    def __init__(
        self,
        target: Floats,
        device: torch.device,
        loss: Loss | None = None,
        forward: Operator | None = None,
    ) -> None:
        """`forward` is the operator between the output and what is compared with the target."""
        self._forward = forward
        known = ~np.isnan(target)  # (channel, y, x)
        if not known.any():
            msg = "every pixel of the target is unknown: there is nothing to fit"
            raise DipError(msg)
        values = torch.from_numpy(np.where(known, target, 0)).to(device)[None]
        self.known = torch.from_numpy(known).to(device)
        self._target = Target(values)
        if not known.all():
            weight = known.astype(np.float32) / known.sum()
            self._target = Target(values, self.known[None], torch.from_numpy(weight).to(device))
        self._places = torch.from_numpy(np.flatnonzero(known.any(axis=0))).to(device)
        self._loss = loss or Mse()

    def image(self, output: Tensor, nudge: Nudge) -> Tensor:
        """The loss of a whole output, (1, channel, y, x)."""
        loss = self._loss(self._projected(output), self._target)
        term = self._loss.extra(output, self._target, nudge)
        return loss if term is None else loss + term

    def error(self, output: Tensor) -> Tensor:
        """The mean squared difference, whatever the loss is."""
        return Mse()(self._projected(output), self._target)

    def _projected(self, output: Tensor) -> Tensor:
        return output if self._forward is None else self._forward(output)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """So many known pixels, with replacement: places in (y, x) laid out flat."""
        chosen = torch.randint(
            len(self._places), (count,), generator=generator, device=generator.device
        )
        return self._places[chosen]

    def pixels(self, output: Tensor, places: Tensor) -> Tensor:
        """The loss of the colours at some places, (n, channel)."""
        target = self._target.values[0].flatten(1)[:, places].T
        known = self.known.flatten(1)[:, places].T
        return self._loss(output, Target(target, known, known, known.sum()))
