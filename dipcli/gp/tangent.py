"""The tangent kernel of a network: how fast gradient descent learns what.

Jacot, Gabriel and Hongler (NeurIPS 2018); of untrained networks of images Tachella, Tang and Davies
(CVPR 2021). With J the derivative of the output f by the weights, and K = J J', a small step of
gradient descent on the mean squared error of n numbers makes of the residual r = f - y

    r <- (1 - 2 lr K / n) r

Each eigenvector of K is learned at its own rate. J is never built: J' v is a backward pass, and J w
the difference of two forward passes, in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import scipy.fft
import torch
from torch import Tensor, nn

from dipcli.arrays import Doubles, Floats
from dipcli.errors import DipError
from dipcli.fitting.optimizers.base import fill
from dipcli.fitting.optimizers.first_order import BETA1, BETA2, EPSILON
from dipcli.fitting.settings import Settings
from dipcli.measure import fourier
from dipcli.nets import inputs, seeded
from dipcli.rng import INPUT, WEIGHTS, generator, stream

STEP = 1e-9  # of the difference, relative to the weights: activations have kinks

Shape = tuple[int, int, int]  # channel, y, x
Progress = Callable[[str, int, int], object]


def silent(title: str, done: int, total: int) -> None:
    """Tell nobody."""


class Tangent:
    """The tangent kernel of a network at its present weights, as an operator on images."""

    def __init__(self, net: nn.Module, z: Tensor, size: tuple[int, int]) -> None:
        """The output is cropped to `size` (y, x)."""
        self._net, self._z = net.double(), z.double()
        self._parameters = [p for p in net.parameters() if p.requires_grad]
        self._size = size
        with torch.no_grad():
            self.output: Doubles = self._image().numpy()
        self.shape: Shape = self.output.shape

    def _image(self) -> Tensor:
        """The output, (channel, y, x)."""
        height, width = self._size
        image: Tensor = self._net(self._z)[0, :, :height, :width]
        return image

    def back(self, image: Doubles) -> list[Tensor]:
        """J' v: a number for each weight."""
        v = torch.from_numpy(np.ascontiguousarray(image, np.float64))
        found = torch.autograd.grad(self._image(), self._parameters, v, allow_unused=True)
        pairs = zip(found, self._parameters, strict=True)
        return [torch.zeros_like(p) if g is None else g for g, p in pairs]

    def forward(self, weights: Sequence[Tensor]) -> Doubles:
        """J w: an image."""
        size = _norm(weights)
        if not size:
            return np.zeros(self.shape)
        step = STEP * max(_norm(self._parameters), 1.0) / size
        with torch.no_grad():
            self._move(weights, step)
            above = self._image()
            self._move(weights, -2 * step)
            below = self._image()
            self._move(weights, step)
        difference: Doubles = ((above - below) / (2 * step)).numpy()
        return difference

    def _move(self, weights: Sequence[Tensor], step: float) -> None:
        for p, w in zip(self._parameters, weights, strict=True):
            p.add_(w, alpha=step)

    def __call__(self, image: Doubles) -> Doubles:
        """K v."""
        return self.forward(self.back(image))

    def quotient(self, image: Doubles) -> float:
        """v' K v / v' v: the rate at which this image is learned."""
        return _norm(self.back(image)) ** 2 / float(np.square(image).sum())


def _norm(tensors: Sequence[Tensor]) -> float:
    return math.sqrt(sum(float((t * t).sum().detach()) for t in tensors))


def tangent(settings: Settings, seed: int, shape: Shape, weights: Floats | None = None) -> Tangent:
    """The kernel of the network of a fit before its first step, or with these weights.

    Dropout and the noise on the input are left out.
    """
    channels, height, width = shape
    if settings.input == "image" or settings.dims == 3:
        msg = "the tangent kernel is of networks of images whose input is no image"
        raise DipError(msg)
    settings = replace(settings, slope=0.0)  # the true derivative of the sigmoid
    size = settings.padded((height, width))
    net = seeded.build(settings, channels, size, stream(seed, WEIGHTS))
    z = inputs.make(settings, channels, size, generator("cpu", seed, INPUT), None)
    parameters = list(net.parameters())
    if weights is not None:
        fill(parameters, torch.from_numpy(np.array(weights)))
    return Tangent(net, z, (height, width))


# -- by frequency ----------------------------------------------------------------------------------


class Quotients(NamedTuple):
    """The mean rate of each band of frequency, and its standard error over draws."""

    mean: Doubles  # (band)
    error: Doubles


def quotients(
    kernel: Tangent, bands: int, draws: int, seed: int, progress: Progress = silent
) -> Quotients:
    """Rayleigh quotients of random images of one band each."""
    rng = np.random.default_rng(seed)
    values = np.empty((draws, bands))
    for k in range(draws):
        for band, image in enumerate(band_images(kernel.shape, bands, rng)):
            values[k, band] = kernel.quotient(image) if image.any() else np.nan
        progress("tangent kernel", k + 1, draws)
    spread = values.std(axis=0, ddof=1) if draws > 1 else np.full(bands, np.nan)
    return Quotients(values.mean(axis=0), spread / np.sqrt(draws))


def band_images(shape: Shape, bands: int, rng: np.random.Generator) -> list[Doubles]:
    """White noise, (channel, y, x), split into bands of frequency; the mean is in none."""
    size = shape[1:]
    spectrum = fourier.transform(rng.standard_normal(shape))
    spectrum[:, 0, 0] = 0
    labels = fourier.band_labels(size, bands)
    return [scipy.fft.irfft2(np.where(labels == k, spectrum, 0), s=size) for k in range(bands)]


def band_power(image: Doubles, bands: int) -> Doubles:
    """The sum of squares of an image (channel, y, x) in each band; their sum is that of all."""
    size = image.shape[1], image.shape[2]
    power = fourier.power(image).sum(axis=0) / (size[0] * size[1])
    return fourier.total(power, fourier.band_labels(size, bands), bands, size)


# -- Lanczos ---------------------------------------------------------------------------------------


class Krylov(NamedTuple):
    """K on the space of v, K v, K^2 v, ...: its eigenvalues there, and v in their eigenvectors."""

    rates: Doubles  # (m), descending
    vectors: Doubles  # (m, channel, y, x), of length 1
    weights: Doubles  # (m): v is the sum of weights * vectors


def leading(
    kernel: Tangent, count: int, seed: int, progress: Progress = silent
) -> tuple[Doubles, Doubles]:
    """The largest eigenvalues, descending, and their eigenvectors (count, channel, y, x)."""
    start = np.random.default_rng(seed).standard_normal(kernel.shape)
    count = min(count, start.size)
    space = krylov(kernel, start, min(4 * count + 16, start.size), progress)
    return space.rates[:count], space.vectors[:count]


def krylov(kernel: Tangent, start: Doubles, steps: int, progress: Progress = silent) -> Krylov:
    """So many steps of Lanczos, each new vector made orthogonal to all before it."""
    length = float(np.linalg.norm(start))
    basis, products = [start / length], []
    for _ in range(steps):
        product = kernel(basis[-1])
        products.append(product)
        progress("tangent kernel", len(products), steps)
        rest = product.copy()
        for _ in range(2):  # once is not enough for orthogonality to the last digits
            for v in basis:
                rest -= np.vdot(v, rest) * v
        size = float(np.linalg.norm(rest))
        if size < 1e-10 * float(np.linalg.norm(product)) or len(basis) == start.size:
            break
        basis.append(rest / size)
    basis = basis[: len(products)]
    matrix = np.array([[float(np.vdot(v, p)) for p in products] for v in basis])
    rates, turn = np.linalg.eigh((matrix + matrix.T) / 2)
    order = np.argsort(rates)[::-1]
    vectors = np.tensordot(turn[:, order].T, np.array(basis), 1)
    return Krylov(rates[order], vectors, turn[0, order] * length)


def residuals(space: Krylov, rate: float, at: Sequence[int]) -> Doubles:
    """The residual after so many steps of descent, (step, channel, y, x), as the kernel predicts.

    `rate` is 2 lr / n.
    """
    decay = (1 - rate * space.rates[None]) ** np.asarray(at, np.float64)[:, None]
    return np.asarray(np.tensordot(decay * space.weights, space.vectors, 1))


def by_adam(
    kernel: Tangent, start: Doubles, lr: float, at: Sequence[int], progress: Progress = silent
) -> Doubles:
    """The residual after so many steps of Adam, (step, channel, y, x), if J stayed as it is.

    Adam divides each gradient by a rate of its own, which changes, so every step is computed.
    """
    change = [torch.zeros_like(g) for g in kernel.back(start)]
    means, squares = ([torch.zeros_like(c) for c in change] for _ in range(2))
    residual, found = start, []
    for step in range(max(at, default=0) + 1):
        if step in at:
            found.append(residual)
        if step == max(at):
            break
        gradients = kernel.back(2 / start.size * residual)
        for g, mean, square, c in zip(gradients, means, squares, change, strict=True):
            mean.lerp_(g, 1 - BETA1)
            square.mul_(BETA2).addcmul_(g, g, value=1 - BETA2)
            root = (square / (1 - BETA2 ** (step + 1))).sqrt() + EPSILON
            c.addcdiv_(mean, root, value=-lr / (1 - BETA1 ** (step + 1)))
        residual = start + kernel.forward(change)
        progress("tangent kernel", step + 1, max(at))
    return np.array(found)
