"""What goes into a network: z, drawn once per run and fixed from then on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dipcli.errors import UsageError
from dipcli.nets.architecture import Architecture

if TYPE_CHECKING:
    from dipcli.images import Floats


def make(
    arch: Architecture,
    channels: int,
    size: tuple[int, int],
    generator: torch.Generator,
    target: Floats | None = None,
) -> Tensor:
    """The input (1, c, h, w), float32, of a network whose image has so many channels and `size`.

    (h, w) is that size, or that of its smallest level where the network begins there. `target`,
    (channel, y, x), is for the input that is the image itself.
    """
    entry = arch.entry(size)
    shape = (1, arch.entering(channels), *entry)
    if arch.arch == "generator":
        return torch.empty(shape)
    if arch.arch == "relunet" or arch.input == "meshgrid":
        return coordinates(entry)
    if arch.input == "image":
        if target is None:
            msg = "--input image takes what goes in from an image, and there is none here"
            raise UsageError(msg)
        return enter(filled(target), size, entry)
    if arch.input == "fourier":
        return waves(shape, generator)
    if arch.input_distribution == "normal":
        return blurred(torch.randn(shape, generator=generator), arch.input_sigma)
    return blurred(0.1 * torch.rand(shape, generator=generator), arch.input_sigma)


def coordinates(size: tuple[int, int]) -> Tensor:
    """Where each pixel is: (1, 2, h, w), y / (h - 1) and x / (w - 1); 0 where a side is 1."""
    y, x = (torch.arange(n) / max(n - 1, 1) for n in size)
    return torch.stack(torch.meshgrid(y, x, indexing="ij"))[None]


def waves(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """sin and cos of 2 pi u, u from U(0, 1): half of the channels each (Shi and others, 2022)."""
    _, channels, *size = shape
    angle = 2 * math.pi * torch.rand((1, -(-channels // 2), *size), generator=generator)
    return torch.cat([angle.sin(), angle.cos()], 1)[:, :channels]


def blurred(noise: Tensor, sigma: float) -> Tensor:
    """Smoothed by a Gaussian, reflected at the border; its variance falls, and is left so.

    Liu and others (ECCV 2024) do that, and no more.
    """
    if not sigma:
        return noise
    from scipy.ndimage import gaussian_filter

    return torch.from_numpy(gaussian_filter(noise.numpy(), (0, 0, sigma, sigma), mode="mirror"))


def filled(target: Floats) -> Floats:
    """The target with the means of its channels where it is unknown, (channel, y, x)."""
    unknown = np.isnan(target)
    means = [np.nanmean(target if no.all() else c) for c, no in zip(target, unknown, strict=True)]
    return np.where(unknown, np.array(means, np.float32)[:, None, None], target)


def enter(image: Floats, size: tuple[int, int], entry: tuple[int, int]) -> Tensor:
    """An image (channel, y, x) as it goes in, (1, channel, *entry): reflected to `size`, averaged.

    This is linear: a change of the image goes in the same way.
    """
    beyond = [(0, n - m) for n, m in zip(size, image.shape[1:], strict=True)]
    whole = torch.from_numpy(np.pad(image, [(0, 0), *beyond], mode="reflect"))[None]
    return F.adaptive_avg_pool2d(whole, entry)
