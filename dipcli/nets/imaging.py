"""The first and the last layer that convolutional networks share."""

from __future__ import annotations

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
            return torch.sigmoid(x if bias is None else x + bias[:, None, None])
