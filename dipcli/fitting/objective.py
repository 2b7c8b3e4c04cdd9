"""What a fit compares: the output with the target, where the target is known."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from dipcli.degrade.base import Operator
from dipcli.errors import DipError
from dipcli.fitting.losses.base import Loss, Nudge, Target
from dipcli.fitting.losses.mse import Mse
from dipcli.fitting.losses.words import parse
from dipcli.images import Floats
from dipcli.registry import LOSSES


class Objective:
    """A loss over the known pixels."""

    def __init__(
        self,
        target: Floats,
        device: torch.device,
        loss: str = "mse",
        forward: Operator | None = None,
    ) -> None:
        """`forward` is what an output goes through before it is compared."""
        self._forward = forward
        known = ~np.isnan(target)  # (channel, y, x)
        if not known.any():
            msg = "every pixel of the target is unknown: there is nothing to fit"
            raise DipError(msg)
        values = torch.from_numpy(np.where(known, target, 0)).to(device)[None]
        self._known = torch.from_numpy(known).to(device)
        self._target = Target(values)
        if not known.all():
            weight = known.astype(np.float32) / known.sum()
            self._target = Target(values, self._known[None], torch.from_numpy(weight).to(device))
        self._places = torch.from_numpy(np.flatnonzero(known.any(axis=0))).to(device)
        name, words = parse(loss)
        self._loss: Loss = LOSSES[name].load()(*words)

    def image(self, output: Tensor, nudge: Nudge) -> Tensor:
        """Of a whole output, (1, channel, y, x)."""
        loss = self._loss(self._seen(output), self._target)
        more = self._loss.more(output, self._target, nudge)
        return loss if more is None else loss + more

    def error(self, output: Tensor) -> Tensor:
        """The mean squared difference, whatever the loss is."""
        return Mse()(self._seen(output), self._target)

    def _seen(self, output: Tensor) -> Tensor:
        return output if self._forward is None else self._forward(output)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """So many known pixels, with replacement: places in (y, x) laid out flat."""
        chosen = torch.randint(
            len(self._places), (count,), generator=generator, device=generator.device
        )
        return self._places[chosen]

    def pixels(self, output: Tensor, places: Tensor) -> Tensor:
        """Of the colours at some places, (n, channel)."""
        target = self._target.values[0].flatten(1)[:, places].T
        known = self._known.flatten(1)[:, places].T
        return self._loss(output, Target(target, known, known, known.sum()))
