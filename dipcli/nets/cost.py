"""What a network costs, counted from its settings: no network is made, nothing is timed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from dipcli.nets.architecture import NetworkSettings

BYTES = 6.5  # per number that is kept: measured 4.7 to 6.2 on networks from 512x512 on
PASSES = 3  # forward, and backward for inputs and for weights


class Layer(NamedTuple):
    """A convolution or a fully connected layer; kernel 0 stands for what follows it elsewhere."""

    inputs: int
    outputs: int
    kernel: int  # its side
    pixels: int  # of the output
    others: int  # parameters besides the weights

    def weights(self, dims: int) -> int:
        """Parameters that each pixel of the output is a sum of products with."""
        return self.inputs * self.outputs * int(self.kernel**dims)


class Cost(NamedTuple):
    """The cost of one fit."""

    parameters: int
    flops: float  # of one step
    activations: int  # numbers that are kept from forward to backward
    moments: int = 2  # numbers that the optimiser keeps per parameter

    @property
    def state(self) -> int:
        """Bytes of a checkpoint: weights and moments."""
        return 4 * (1 + self.moments) * self.parameters

    @property
    def memory(self) -> int:
        """Bytes of weights, gradients, moments, activations and temporary arrays."""
        return self.state + 4 * self.parameters + int(BYTES * self.activations) + 300_000_000


def cost(network: NetworkSettings, channels: int, size: tuple[int, ...], batch: int = 1) -> Cost:
    """The cost of fitting an image of so many channels and (height, width), or a volume.

    `batch` is the number of pixels per step of a network that is fitted pixel by pixel.
    """
    return network.architecture.cost(network, channels, network.padded(size), batch)


def count(layers: Iterable[Layer], dims: int = 2) -> Cost:
    """The cost of a network with these layers."""
    layers = list(layers)
    return Cost(
        sum(n.weights(dims) + n.others for n in layers),
        PASSES * sum(2.0 * n.weights(dims) * n.pixels for n in layers),
        # input, output, normalised and activated: about three times the output
        sum(n.pixels * (n.inputs + 3 * n.outputs) for n in layers),
    )


def upsampling(network: NetworkSettings, level: int, channels: int, pixels: int) -> Iterator[Layer]:
    """The layer that upsamples so many pixels, where it is learned: a transposed convolution."""
    stride = network.levels("stride")[level]
    if network.upsampling(level).learned and stride > 1:
        yield Layer(channels, channels, 2 * stride - stride % 2, pixels, channels)
