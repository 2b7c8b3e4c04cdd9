"""What a network costs, counted from its words: no torch, no network, no timing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from dipcli.nets.architecture import NORMS, Architecture

PASSES = 3  # forward, and backward for inputs and for weights


class Layer(NamedTuple):
    """A convolution or a fully connected layer: in, out, side of the kernel, pixels it makes.

    One without a kernel is what follows such a layer at another size.
    """

    inputs: int
    outputs: int
    kernel: int
    pixels: int
    others: int  # parameters besides the weights


class Cost(NamedTuple):
    """Of one fit."""

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
        """Bytes: weights, gradients, moments, activations and what passes through them."""
        return self.state + 4 * self.parameters + 10 * self.activations + 300_000_000


def cost(arch: Architecture, channels: int, size: tuple[int, int], batch: int = 1) -> Cost:
    """The cost of an image of so many channels and (height, width); batch is relunet's."""
    layers = list(_layers(arch, channels, arch.padded(size), batch))
    return Cost(
        sum(n.inputs * n.outputs * n.kernel**2 + n.others for n in layers),
        PASSES * sum(2.0 * n.inputs * n.outputs * n.kernel**2 * n.pixels for n in layers),
        # in, out, normalised and active: about three times what the layer makes
        sum(n.pixels * (n.inputs + 3 * n.outputs) for n in layers),
    )


def _layers(
    arch: Architecture, channels: int, size: tuple[int, int], batch: int
) -> Iterator[Layer]:
    entering, finest = arch.entering(channels), arch.levels("width")[0]
    if arch.arch == "relunet":
        ends = [2, *arch.levels("width")[:-1], channels]
        yield from (Layer(a, b, 1, batch, b) for a, b in pairwise(ends))
    elif arch.arch == "linear":
        down = arch.levels("width")
        hidden = [width for width in (*down, *reversed(down)) for _ in range(2)]
        ends = [entering * math.prod(size), *hidden, channels * math.prod(size)]
        yield from (Layer(a, b, 1, 1, b) for a, b in pairwise(ends))
    else:
        grow = {
            "dip": _hourglass,
            "decoder": _decoder,
            "deep-decoder": _deep_decoder,
            "conv-decoder": _conv_decoder,
            "generator": _generator,
        }
        yield from grow[arch.arch](arch, entering, [math.prod(s) for s in arch.sizes(size)])
        fixed = -finest * channels if arch.arch == "generator" else 0  # no parameters after all
        biases = channels if arch.arch in ("dip", "decoder") else 0
        yield Layer(finest, channels, 1, math.prod(size), biases + fixed)


def _hourglass(arch: Architecture, entering: int, pixels: list[int]) -> Iterator[Layer]:
    widths, norm = arch.levels("width"), NORMS[arch.norm]
    for level, (width, skip, kernel) in enumerate(
        zip(*(arch.levels(name) for name in ("width", "skip", "kernel")), strict=True)
    ):
        here, below = pixels[level : level + 2]
        deeper = widths[level + 1] if level + 1 < arch.depth else width
        if skip:
            yield Layer(entering, skip, 1, here, skip * (1 + norm))
        yield Layer(entering, width, kernel, below, width * (1 + norm))
        yield Layer(width, width, kernel, below, width * (1 + norm))
        yield from _upsampling(arch, level, deeper, below)
        joined = skip + deeper
        yield Layer(joined, width, kernel, here, width * (1 + norm) + joined * norm)
        yield Layer(width, width, 1, here, width * (1 + norm))
        entering = width


def _decoder(arch: Architecture, before: int, pixels: list[int]) -> Iterator[Layer]:
    norm = NORMS[arch.norm]
    for level in reversed(range(arch.depth)):
        width, kernel = (arch.levels(name)[level] for name in ("width", "kernel"))
        if level == arch.depth - 1:
            yield Layer(before, width, kernel, pixels[-1], width * (1 + norm))
            yield Layer(width, width, kernel, pixels[-1], width * (1 + norm))
            before = width
        yield from _upsampling(arch, level, before, pixels[level + 1])
        yield Layer(before, width, kernel, pixels[level], width * (1 + norm))
        yield Layer(width, width, kernel, pixels[level], width * (1 + norm))
        before = width


def _deep_decoder(arch: Architecture, before: int, pixels: list[int]) -> Iterator[Layer]:
    norm = NORMS[arch.norm]
    for level in reversed(range(arch.depth)):
        width = arch.levels("width")[level]
        yield Layer(before, width, 1, pixels[level + 1], 0)
        yield from _upsampling(arch, level, width, pixels[level + 1])
        yield Layer(width, width, 0, pixels[level], width * norm)
        before = width
    yield Layer(before, before, 1, pixels[0], before * norm)


def _conv_decoder(arch: Architecture, before: int, pixels: list[int]) -> Iterator[Layer]:
    norm = NORMS[arch.norm]
    for level in reversed(range(arch.depth)):
        width, kernel = (arch.levels(name)[level] for name in ("width", "kernel"))
        yield from _upsampling(arch, level, before, pixels[level + 1])
        yield Layer(before, width, kernel, pixels[level], width * norm)
        before = width
    yield Layer(before, before, arch.levels("kernel")[0], pixels[0], before * norm)


def _generator(arch: Architecture, _: int, pixels: list[int]) -> Iterator[Layer]:
    width = arch.levels("width")[0]
    yield Layer(0, width, 0, pixels[-1], width * pixels[-1])  # the coefficients
    yield from (Layer(width, width, 0, n, 0) for n in pixels[:-1])


def _upsampling(arch: Architecture, level: int, channels: int, pixels: int) -> Iterator[Layer]:
    """Of an image of so many pixels, where it is learnt: a transposed convolution."""
    stride = arch.levels("stride")[level]
    if arch.upsampling(level).name == "deconv" and stride > 1:
        yield Layer(channels, channels, 2 * stride - stride % 2, pixels, channels)
