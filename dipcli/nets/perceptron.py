"""The fully connected networks of Chakrabarty and Maji (2019): of `linear` and of `relunet`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


class Perceptron(nn.Module):
    """Fully connected layers between these numbers of values, and a sigmoid."""

    def __init__(self, ends: Sequence[int], activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(ends))
        self.activation = activation

    def values(self, x: Tensor) -> Tensor:
        """(n, inputs) -> (n, outputs)."""
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(layer(x))
        return torch.sigmoid(last(x))


class Linear(Perceptron):
    """From an input (1, c, h, w) to an image (1, channels, h, w) in 0..1.

    No normalisation, no sampling, no skips. A level of the hourglass has two convolutions on the
    way down and two (k x k, 1 x 1) on the way up, and one more makes the image: so there are
    4 depth + 1 layers; the first reads the whole input, the last writes the whole image.
    """

    def forward(self, z: Tensor) -> Tensor:
        return self.values(z.flatten(1)).reshape(1, -1, *z.shape[2:])


class ReLUNet(Perceptron):
    """From coordinates (1, 2, h, w), as `inputs.coordinates` makes them, to an image in 0..1.

    `forward(z)` computes the whole image, as every network does; `pixels(z, index)` computes the
    pixels of one step of the published fit.
    """

    def forward(self, z: Tensor) -> Tensor:
        colours = self.values(z[0].flatten(1).T)  # (h * w, channel)
        return colours.T.reshape(1, -1, *z.shape[2:])

    def pixels(self, z: Tensor, index: Tensor) -> Tensor:
        """The colours (n, channel) of n pixels; `index` counts row by row: y * w + x."""
        return self.values(z[0].flatten(1).T[index])
