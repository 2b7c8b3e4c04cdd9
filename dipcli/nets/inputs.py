"""The input z of a network, drawn once per run and fixed from then on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dipcli.errors import UsageError
from dipcli.nets.architecture import NetworkSettings, Size

if TYPE_CHECKING:
    from dipcli.arrays import Floats


def make(
    network: NetworkSettings,
    channels: int,
    size: Size,
    generator: torch.Generator,
    target: Floats | None = None,
) -> Tensor:
    """The input (1, c, h, w), float32, of a network whose output has `channels` and `size`.

    Of a volume it is (plane, c, h, w).

    (h, w) is that size, or that of the deepest level if the network grows from there. `target`,
    (channel, y, x), is used by `--input image` alone.
    """
    entry = network.entry(size)
    *planes, height, width = entry
    shape = (*(planes or [1]), network.entering(channels), height, width)
    if not shape[1]:
        return torch.empty(shape)
    if network.architecture.by_pixel or network.input == "meshgrid":
        return coordinates(entry)
    if network.input == "image":
        if target is None:
            msg = "--input image needs an image; use another --input where there is none"
            raise UsageError(msg)
        return enter(filled(target), size, entry)
    if network.input == "fourier":
        return waves(shape, generator)
    if network.input_distribution == "normal":
        return blurred(torch.randn(shape, generator=generator), network.input_sigma)
    return blurred(0.1 * torch.rand(shape, generator=generator), network.input_sigma)


def coordinates(size: Size) -> Tensor:
    """Coordinates of pixels, (1, 2, h, w): y / (h - 1) and x / (w - 1); 0 if a side is 1."""
    y, x = (torch.arange(n) / max(n - 1, 1) for n in size)
    return torch.stack(torch.meshgrid(y, x, indexing="ij"))[None]


def waves(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """sin and cos of 2 pi u, u from U(0, 1): half of the channels each (Shi and others, 2022)."""
    planes, channels, *size = shape
    angle = 2 * math.pi * torch.rand((planes, -(-channels // 2), *size), generator=generator)
    return torch.cat([angle.sin(), angle.cos()], 1)[:, :channels]


def blurred(noise: Tensor, sigma: float) -> Tensor:
    """Blur noise with a Gaussian, reflected at the border.

    Its variance falls and is not restored, as in Liu and others (ECCV 2024).
    """
    if not sigma:
        return noise
    from scipy.ndimage import gaussian_filter

    return torch.from_numpy(gaussian_filter(noise.numpy(), (0, 0, sigma, sigma), mode="mirror"))


def filled(target: Floats) -> Floats:
    """The target with unknown pixels set to the mean of their channel, (channel, y, x)."""
    unknown = np.isnan(target)
    means = [np.nanmean(target if no.all() else c) for c, no in zip(target, unknown, strict=True)]
    return np.where(unknown, np.array(means, np.float32)[:, None, None], target)


def enter(image: Floats, size: Size, entry: Size) -> Tensor:
    """An image (channel, y, x) as an input (1, channel, *entry): padded to `size`, averaged.

    This is linear, so it also maps a change of the image to a change of the input.
    """
    beyond = [(0, n - m) for n, m in zip(size, image.shape[1:], strict=True)]
    whole = torch.from_numpy(np.pad(image, [(0, 0), *beyond], mode="reflect"))[None]
    return F.adaptive_avg_pool2d(whole, (entry[-2], entry[-1]))
