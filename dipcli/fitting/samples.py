"""The mean of a fit's samples and their spread, from running sums."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dipcli.arrays import Floats

SUMS = ("sample_total", "sample_squares")  # their names in a checkpoint


class Samples(NamedTuple):
    """Sums over images (channel, y, x), in float64: the squares differ in the last digits only."""

    taken: int
    total: Tensor
    squares: Tensor

    @classmethod
    def none(cls, like: Tensor) -> Samples:
        """No samples yet, of images of this shape."""
        zero = torch.zeros(like.shape, dtype=torch.float64, device=like.device)
        return cls(0, zero, zero)

    def plus(self, image: Tensor) -> Samples:
        """These samples and one more."""
        image = image.double()
        return Samples(self.taken + 1, self.total + image, self.squares + image.square())

    def mean(self) -> Floats:
        return _numpy(self.total / self.taken)

    def std(self) -> Floats:
        """The standard deviation of the population that was sampled; it takes two samples."""
        spread = self.squares - self.total.square() / self.taken
        return _numpy((spread.clamp(min=0) / (self.taken - 1)).sqrt())

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """The sums, for a checkpoint."""
        return {k: x.cpu().numpy() for k, x in zip(SUMS, self[1:], strict=True)}

    @classmethod
    def restored(
        cls, taken: int, arrays: Mapping[str, npt.NDArray[Any]], device: torch.device
    ) -> Samples:
        """The samples of a checkpoint."""
        return cls(taken, *(torch.from_numpy(np.array(arrays[n])).to(device) for n in SUMS))


def is_due(iteration: int, burn_in: int, sample_every: int) -> bool:
    """Whether the output of this iteration is a sample."""
    since = iteration - burn_in
    return since > 0 and since % sample_every == 0


def _numpy(x: Tensor) -> Floats:
    image: Floats = x.float().cpu().numpy()
    return image
