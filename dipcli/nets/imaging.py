"""The first and the last layer that convolutional networks share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from dipcli.nets.architecture import NetworkSettings
from dipcli.nets.layers import Conv, convolve
from dipcli.nets.lipschitz import Bound


class Imaging(nn.Module):
    """From an input (1, c, h, w) to an image (1, channels, h, w) in 0..1.

    Under autocast it computes in autocast's precision, except for statistics and the last layer.
    """

    def __init__(
        self, network: NetworkSettings, body: nn.Module, channels: int, *, bias: bool = True
    ) -> None:
        super().__init__()
        self.body = body
        self.last = Conv(network.levels("width")[0], channels, 1, bias=bias)
        self.bound = Bound(body, network.bound) if network.bound else None
        self.slope = network.slope

    def forward(self, z: Tensor) -> Tensor:
        device = z.device.type
        low = torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device) if low else z.dtype
        with torch.autocast(device, enabled=False):  # the layers know what may be rounded
            if self.bound is not None:
                self.bound()
            x = self.body(z.to(dtype).contiguous(memory_format=torch.channels_last))
            x = convolve(x.to(z.dtype), self.last.weight, 1, "zero")
            bias = self.last.bias
            x = x if bias is None else x + bias[:, None, None]
            return steep_sigmoid(x, self.slope) if self.slope else torch.sigmoid(x)


class _SteepSigmoid(torch.autograd.Function):
    """A sigmoid whose slope is at least so much in the backward pass.

    Where float32 rounds the sigmoid to 0 or 1, its true slope is 0: a pixel that overshoots early
    in a fit would keep that value for good.
    """

    @staticmethod
    def forward(x: Tensor, least: float) -> Tensor:  # noqa: ARG004
        return torch.sigmoid(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float], output: Tensor) -> None:
        ctx.least = inputs[1]
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (y,) = ctx.saved_tensors
        return gradient * (y * (1 - y)).clamp_min(ctx.least), None


def steep_sigmoid(x: Tensor, least: float) -> Tensor:
    y: Tensor = _SteepSigmoid.apply(x, least)  # type: ignore[no-untyped-call]
    return y
