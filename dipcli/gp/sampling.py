"""Outputs of networks with random weights, before any fit."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dipcli.arrays import Floats
from dipcli.gp.analytic import smoothed
from dipcli.gp.circulant import Circulant, quadrant
from dipcli.gp.upsampling import Upsampling
from dipcli.nets import dropout, inputs, seeded
from dipcli.nets.architecture import NetworkSettings
from dipcli.rng import DROPPED, INPUT, STEPS, WEIGHTS, generator, stream

CHANNELS = 128  # of the input noise of a network of signals
OUTPUTS = 256  # signals of one such network: they differ by the last weights alone
TAPS = 3


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
    """Sample the outputs of 1-D networks whose input is noise smoothed by sigma. (channel, x)

    A network is (convolution, ReLU) x depth and a last convolution, of three taps and without
    biases, with weights from N(0, 1 / fan-in); `upsampling` goes before each convolution but the
    last. Nothing is padded, so that every value depends on noise alone.
    """
    long = size + TAPS - 1
    for _ in range(depth):
        long += TAPS - 1
        long = long if upsampling is None else upsampling.needs(long)
    # noise from a spectrum has the exact covariance at every lag, for any sigma
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
    weight = torch.randn(shape, generator=weights)
    return F.conv1d(x, weight / math.sqrt(TAPS * x.shape[1]))


def _up(x: Tensor, upsampling: Upsampling) -> Tensor:
    """Upsample, and keep the values that do not depend on padding."""
    spaced = x.new_zeros(x.shape[1], 1, 2 * x.shape[2] - 1)
    spaced[:, 0, ::2] = x[0]
    taps = x.new_tensor(upsampling.taps[::-1])
    return F.conv1d(spaced, taps[None, None])[None, :, 0]


def images(
    network: NetworkSettings,
    size: tuple[int, int],
    *,
    samples: int,
    channels: int = 1,
    seed: int = 0,
    target: Floats | None = None,
) -> Iterator[Floats]:
    """Sample the outputs of networks of `dip fit`, minus the expected pixel. (channel, y, x)

    Sample k is frame 0, in float32, of a run with the seed `seed` + k. The expected pixel is 1/2,
    because the weights before the last sigmoid have a symmetric distribution; without a sigmoid it
    is 0. `target` is the image that goes into networks with the input `image`.
    """
    mean = np.float32(0.5 if network.architecture.sigmoid else 0)
    padded = network.padded(size)
    for k in range(samples):
        net = seeded.build(network, channels, padded, stream(seed + k, WEIGHTS))
        z = inputs.make(network, channels, padded, generator("cpu", seed + k, INPUT), target)
        if network.input_noise:
            noise = generator("cpu", seed + k, STEPS, 0)
            z = z + network.input_noise * torch.randn(z.shape, generator=noise)
        dropout.draw_from(net, generator("cpu", seed + k, DROPPED, 0))
        with torch.no_grad():
            output = net(z)[0, :, : size[0], : size[1]]
        yield output.numpy() - mean
