"""Normalisations by the statistics of the present image, without running statistics.

A constant channel, such as one of a single pixel, becomes its shift.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from dipcli.nets.padding import pad
from dipcli.nets.upconv import smooth

EPSILON = 1e-5  # added to variances
PIXELS = (0, 2, 3)  # the axes of an image, or of a volume (plane, channel, y, x)


class BatchNorm(nn.Module):
    """Give each channel a learned mean and a learned standard deviation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return torch.batch_norm(x, self.weight, self.bias, None, None, True, 0.0, EPSILON, False)

    def before_bilinear(self, x: Tensor) -> Tensor:
        """Normalise x so that upsampling it by 2 equals norm(upsample(x))."""
        result: Tensor = _BeforeBilinear.apply(x, self.weight, self.bias)  # type: ignore[no-untyped-call]
        return result


class MeanOnly(nn.Module):
    """Give each channel a learned mean; its standard deviation stays, so a Lipschitz bound holds.

    Shi, Mettes, Maji and Snoek (IJCV 2022).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = _MeanOnly.apply(x, self.bias)  # type: ignore[no-untyped-call]
        return result

    def before_bilinear(self, x: Tensor) -> Tensor:
        """Normalise x so that upsampling it by 2 equals norm(upsample(x))."""
        return self(x)  # type: ignore[no-any-return]


Norm = BatchNorm | MeanOnly


def make(name: str, channels: int) -> Norm | None:
    """The normalisation of that name; None for `none`, or without channels."""
    if name == "none" or not channels:
        return None
    return BatchNorm(channels) if name == "batch" else MeanOnly(channels)


class _MeanOnly(torch.autograd.Function):
    """Two passes over the image each way; torch's own operations take five."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, shift: Tensor) -> Tensor:
        ctx.precise = shift.dtype
        mean = x.mean(PIXELS, dtype=shift.dtype)
        return x + _on_image(shift - mean).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (g,) = grads
        total = g.sum(PIXELS, dtype=ctx.precise)
        return g - _on_image(total / g[:, 0].numel()).to(g.dtype), total


class _BeforeBilinear(torch.autograd.Function):
    """Upsampling U keeps the mean; the variance of the centred image x becomes x'U'U x / 4n.

    U'U / 4 is a convolution with (3 10 3) / 16 along each axis, with the border repeated.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        centred = x - x.mean(PIXELS, keepdim=True, dtype=scale.dtype)
        spread = smooth(pad(centred, 1, "repeat"), 3 / 16)
        rate = torch.rsqrt((centred * spread).mean(PIXELS) + EPSILON)
        ctx.save_for_backward(centred, spread, rate, scale)
        ctx.dtype = x.dtype
        return torch.addcmul(_on_image(shift), centred, _on_image(scale * rate)).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (g,) = grads
        centred, spread, rate, scale = ctx.saved_tensors
        n = g[:, 0].numel()
        dshift, along = g.sum(PIXELS, dtype=scale.dtype), (g * centred).sum(PIXELS)
        factor = scale * rate
        dx = torch.addcmul(_on_image(-factor * dshift / n), g, _on_image(factor))
        dx.addcmul_(spread, _on_image(-factor * rate**2 * along / n))
        return dx.to(ctx.dtype), rate * along, dshift


def _on_image(x: Tensor) -> Tensor:
    """One value per channel, in the shape that multiplies an image."""
    return x.view(1, -1, 1, 1)
