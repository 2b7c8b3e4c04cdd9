"""Networks as they are drawn, before anything is fitted, and what comes out of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dipcli.fitting.loop import DROPPED, INPUT, STEPS, WEIGHTS, generator, stream
from dipcli.gp.analytic import smoothed
from dipcli.gp.circulant import Circulant, quadrant
from dipcli.gp.upsampling import Upsampling
from dipcli.images import Floats
from dipcli.nets import dropout, inputs, seeded
from dipcli.nets.architecture import Architecture

CHANNELS = 128  # of the noise that goes into a network of signals
OUTPUTS = 256  # signals that one such network makes: they differ by the last weights alone
TAPS = 3
UNBOUNDED = ("generator",)  # architectures that end without a sigmoid


def signals(
    depth: int,
    sigma: float,
    *,
    samples: int,
    width: int = 256,
    size: int = 2048,
    seed: int = 0,
    upsampling: Upsampling | None = None,
) -> Iterator[Floats]:
    """What `samples` 1-D networks make of noise smoothed by sigma. (channel, x)

    A network is (convolution, ReLU) x depth and a last convolution, of three taps and without
    biases, its weights from N(0, 1 / fan-in), and upsamples before each ReLU's convolution if it is
    told to. Nothing is padded: every value comes from noise alone.
    """
    long = size + TAPS - 1
    for _ in range(depth):
        long += TAPS - 1
        long = long if upsampling is None else upsampling.needs(long)
    # drawn by its spectrum, for the covariance to be the right one at every lag and any sigma;
    # a stretch of half the torus does not see that it is one
    (lags,) = quadrant((long,))
    noise = Circulant(smoothed(np.arange(lags, dtype=float), sigma), (long,))
    for k in range(samples):
        rng = np.random.default_rng(stream(seed + k, INPUT))
        weights = generator("cpu", seed + k, WEIGHTS)
        x = torch.from_numpy(noise.draw(rng, CHANNELS)).float()[None]  # (1, channel, x)
        for _ in range(depth):
            x = x if upsampling is None else _up(x, upsampling)
            x = _convolve(x, width, weights).relu_()
        yield _convolve(x, OUTPUTS, weights)[0, :, :size].numpy()


def _convolve(x: Tensor, outputs: int, weights: torch.Generator) -> Tensor:
    shape = (outputs, x.shape[1], TAPS)
    drawn = torch.randn(shape, generator=weights)
    return F.conv1d(x, drawn / math.sqrt(TAPS * x.shape[1]))


def _up(x: Tensor, upsampling: Upsampling) -> Tensor:
    """The values that do not depend on what lies beyond the ends."""
    apart = x.new_zeros(x.shape[1], 1, 2 * x.shape[2] - 1)
    apart[:, 0, ::2] = x[0]
    taps = x.new_tensor(upsampling.taps[::-1])
    return F.conv1d(apart, taps[None, None])[None, :, 0]


def images(
    arch: Architecture,
    size: tuple[int, int],
    *,
    samples: int,
    channels: int = 1,
    seed: int = 0,
    target: Floats | None = None,
) -> Iterator[Floats]:
    """What the networks of `dip fit` make before the first step, about its mean. (channel, y, x)

    Sample k is frame 0 of a run with the seed `seed` + k, in float32, less what a pixel is on
    average: 1/2, as the weights before the last sigmoid are as likely as their negatives, or 0
    without a sigmoid.
    `target` is for the networks that an image goes into.
    """
    mean = np.float32(0 if arch.arch in UNBOUNDED else 0.5)
    padded = arch.padded(size)
    for k in range(samples):
        net = seeded.build(arch, channels, padded, stream(seed + k, WEIGHTS))
        z = inputs.make(arch, channels, padded, generator("cpu", seed + k, INPUT), target)
        if arch.input_noise:
            draw = generator("cpu", seed + k, STEPS, 0)
            z = z + arch.input_noise * torch.randn(z.shape, generator=draw)
        dropout.draw_from(net, generator("cpu", seed + k, DROPPED, 0))
        with torch.no_grad():
            output = net(z)[0, :, : size[0], : size[1]]
        yield output.numpy() - mean


def more_outputs(arch: Architecture, channels: int) -> Architecture:
    """A network of an image of `channels`, for any other number: what goes in stays as it was."""
    return replace(arch, input_channels=arch.entering(channels))
