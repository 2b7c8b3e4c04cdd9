"""The parts that networks are built of.

They compute in the precision of their input, and keep images (1, channel, y, x) channels_last:
then pixels are the rows of a matrix, and many convolutions are products of matrices. A volume is
(plane, channel, y, x); its convolutions are those of images, of the channels of several planes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dipcli.nets import norms
from dipcli.nets.activations import ACTIVATIONS, Activation
from dipcli.nets.architecture import NetworkSettings, Size
from dipcli.nets.dropout import Dropout
from dipcli.nets.padding import beside, pad, windows
from dipcli.nets.upconv import upconv
from dipcli.nets.upsamplers import Nearest

# convolutions of few channels, of few pixels or with a stride, to many channels, are faster as one
# product of matrices: of all windows, and of the weights
FEW = 16
SMALL = 16 * 16
MANY = 128
# `upconv` saves time from so many pixels on and, if bilinear, from so many channels on
WORTHWHILE = 32 * 32
NARROW = 32


class Conv(nn.Module):
    """The weights of a convolution, drawn as torch draws them, with the input channels last.

    In that order channels_last convolutions and matrix products read them.
    """

    scale: Tensor | None = None  # factor of a Lipschitz bound, ()

    def __init__(self, before: int, after: int, kernel: int, *, bias: bool = True) -> None:
        super().__init__()
        conv = nn.Conv2d(before, after, kernel, bias=bias)
        weight = conv.weight.detach().permute(0, 2, 3, 1)
        self.weight = nn.Parameter(weight.contiguous())  # (after, y, x, before)
        self.bias = conv.bias

    def bounded(self, weight: Tensor | None = None) -> Tensor:
        """The weights, or a part of them, times the factor of the bound."""
        weight = self.weight if weight is None else weight
        return weight if self.scale is None else weight * self.scale


class Upsampling(nn.Module):
    """The upsampling of a level: by its stride, or to any size if it interpolates."""

    taps: Tensor

    def __init__(self, network: NetworkSettings, channels: int, level: int) -> None:
        super().__init__()
        method = network.upsampling(level)
        self.factor = network.levels("stride")[level]
        self.factor_z = network.strides_z[level] if network.dims == 3 else 1
        self.volume = network.dims == 3
        self.method = method if self.factor > 1 or method.any_size else Nearest()
        if self.method.filters:
            self.register_buffer("taps", torch.tensor(self.method.taps()), persistent=False)
        # the side of the kernel of the convolution of which this is the transpose
        side = 2 * self.factor - self.factor % 2
        self.deconv = Conv(channels, channels, side) if self.method.learned else None

    def forward(self, x: Tensor, size: Size | None = None) -> Tensor:
        if self.method.filters:
            # in the precision of the taps: torch is slow with bfloat16 here, and they stay exact
            return filtered(x.to(self.taps.dtype), self.taps, self.method.border).to(x.dtype)
        if self.deconv is not None:
            weight = self.deconv.bounded().to(x.dtype).permute(0, 3, 1, 2)
            bias = self.deconv.bias
            assert bias is not None
            return F.conv_transpose2d(
                x, weight, bias.to(x.dtype), self.factor, padding=self.factor // 2
            )
        size = size or self.enlarged(x)
        return upsample(self.between(x, size), size[-2:], self.method.name)

    def enlarged(self, x: Tensor) -> Size:
        """The size of the image, or of the volume, times the strides."""
        return self.factor_z * len(x), self.factor * x.shape[2], self.factor * x.shape[3]

    def between(self, x: Tensor, size: Size) -> Tensor:
        """Upsample along the planes, to as many as `size` says."""
        planes = size[0] if len(size) == 3 else len(x)
        return x if planes == len(x) else along_planes(x, planes, self.method.name)

    def convolved(
        self,
        x: Tensor,
        weight: Tensor,
        how: str,
        norm: norms.Norm | None = None,
        size: Size | None = None,
        planes: int = 1,
    ) -> Tensor:
        """Upsample, normalise if there is a norm, pad and convolve, over so many planes."""
        size = size or self.enlarged(x)
        x = self.between(x, size)
        twice = size[-2:] == (2 * x.shape[2], 2 * x.shape[3])
        # on a GPU the launches of its many small operations take longer than what they save
        quick = twice and self.method.any_size and weight.shape[1] == 3 and not x.is_cuda
        bilinear = self.method.name == "bilinear"
        plain = bilinear and (x.shape[1] < NARROW or self.volume)
        if not quick or plain or size[-2] * size[-1] < WORTHWHILE:
            x = self(x, size)
            x = x if norm is None else norm(x)
            return convolve(beside(x, planes, how), weight, 1, how)
        if norm is not None:
            x = norm.before_bilinear(x) if bilinear else norm(x)
        return upconv(beside(x, planes, how), weight, self.method.name, how)


class Stage(nn.Module):
    """An optional upsampling, a convolution, a normalisation, an activation and dropout.

    `dropped` is the fraction of the output values that each step sets to 0.
    """

    bias: ClassVar[bool] = True

    def __init__(
        self,
        network: NetworkSettings,
        before: int,
        after: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        stride_z: int = 1,
        up: Upsampling | None = None,
        dropped: float = 0.0,
    ) -> None:
        super().__init__()
        self.planes = kernel if network.dims == 3 else 1
        self.stride_z = stride_z if network.dims == 3 else 1
        self.conv = Conv(self.planes * before, after, kernel, bias=self.bias)
        self.norm = norms.make(network.norm, after)
        self.stride = stride
        self.up = up
        self.pad = network.pad
        self.activation: Activation = ACTIVATIONS.parse(network.activation)
        self.dropout = Dropout(dropped)

    def forward(self, x: Tensor, size: Size | None = None) -> Tensor:
        weight = self.conv.bounded()
        if self.up is None:
            x = beside(x, self.planes, self.pad, self.stride_z)
            return self.finish(convolve(x, weight, self.stride, self.pad))
        return self.finish(self.up.convolved(x, weight, self.pad, size=size, planes=self.planes))

    def finish(self, x: Tensor) -> Tensor:
        """Normalise, activate and drop values."""
        bias = self.conv.bias
        if self.norm is not None:
            x = self.norm(x)  # no bias: the normalisation would cancel it
        elif bias is not None:
            x = x + bias.to(x.dtype)[:, None, None]
        y: Tensor = self.dropout(self.activation(x))
        return y


class ActiveStage(Stage):
    """The stage of Heckel and Hand: without bias, normalised after the activation."""

    bias: ClassVar[bool] = False

    def finish(self, x: Tensor) -> Tensor:
        """Activate, normalise and drop values."""
        x = self.activation(x)
        y: Tensor = self.dropout(x if self.norm is None else self.norm(x))
        return y


class Up(nn.Module):
    """Upsampling, concatenation with the skip connection, a normalisation and a stage.

    The convolution of concatenated images is the sum of the convolutions of each, and every channel
    is normalised by itself, so the two images are never copied into one.
    """

    def __init__(
        self, network: NetworkSettings, skip: int, deeper: int, after: int, kernel: int, level: int
    ) -> None:
        super().__init__()
        self.stage = Stage(network, skip + deeper, after, kernel)
        conv = self.stage.conv
        of_planes = conv.weight.detach().view(after, kernel, kernel, -1, skip + deeper)
        for_skip, for_deeper = torch.split(of_planes, [skip, deeper], 4)
        conv.weight = nn.Parameter(for_deeper.clone().flatten(3))
        self.skip_weight = nn.Parameter(for_skip.clone().flatten(3)) if skip else None
        self.norm_skip, self.norm = (norms.make(network.norm, n) for n in (skip, deeper))
        self.up = Upsampling(network, deeper, level)

    def forward(self, deeper: Tensor, skip: Tensor | None) -> Tensor:
        conv, how, planes = self.stage.conv, self.stage.pad, self.stage.planes
        x = self.up.convolved(deeper, conv.bounded(), how, self.norm, planes=planes)
        if skip is not None and self.skip_weight is not None:
            skip = skip if self.norm_skip is None else self.norm_skip(skip)
            skip = beside(skip, planes, how)
            x += convolve(skip, conv.bounded(self.skip_weight), 1, how)
        return self.stage.finish(x)


def convolve(x: Tensor, weight: Tensor, stride: int, how: str) -> Tensor:
    """Convolve with (o, k, k, i); the size is divided by the stride and rounded up."""
    weight = weight.to(x.dtype)
    kernel = weight.shape[1]
    border = kernel // 2
    few = x.shape[1] <= FEW or x[0, 0].numel() <= SMALL
    if kernel == stride == 1:
        rows = x.permute(0, 2, 3, 1)
    elif (few or stride > 1) and len(weight) >= MANY and not x.is_cuda:
        rows = windows(pad(x, border, how), kernel, stride)
    elif how == "zero":
        return F.conv2d(x, weight.permute(0, 3, 1, 2), None, stride, border)
    else:
        return F.conv2d(pad(x, border, how), weight.permute(0, 3, 1, 2), None, stride)
    return F.linear(rows, weight.flatten(1)).permute(0, 3, 1, 2)


def upsample(x: Tensor, size: Size, mode: str) -> Tensor:
    """Enlarge to `size`: copy pixels (nearest), or interpolate between their centres (bilinear)."""
    if x.shape[2:] == size:
        return x
    if mode == "bilinear" and x.is_cuda and len(x) == 1:
        return interpolated(x, size)
    corners = None if mode == "nearest" else False
    return F.interpolate(x, size, mode=mode, align_corners=corners)


def along_planes(x: Tensor, planes: int, mode: str) -> Tensor:
    """Enlarge a volume (z, c, y, x) to so many planes: copies, or between their centres."""
    if mode == "nearest":
        return x[[k * len(x) // planes for k in range(planes)]]
    weights = interpolation(len(x), planes, x.device, x.dtype)
    enlarged: Tensor = torch.tensordot(weights, x, 1)
    return enlarged.contiguous(memory_format=torch.channels_last)


def interpolated(x: Tensor, size: Size) -> Tensor:
    """Interpolate between the centres of pixels by two products of matrices.

    On a GPU torch's own gradient of this adds up in any order, so its bits differ each time.
    """
    rows, columns = (  # (y, h) and (x, w)
        interpolation(n, m, x.device, x.dtype) for n, m in zip(x.shape[2:], size, strict=True)
    )
    _, channels, height, width = x.shape
    x = x.permute(0, 2, 3, 1).reshape(height, width * channels)
    x = (rows @ x).view(size[0], width, channels)
    return (columns @ x)[None].permute(0, 3, 1, 2)


@lru_cache(maxsize=64)
def interpolation(n: int, m: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """The weights (m, n) that interpolate n pixels to m."""
    with torch.inference_mode(False):  # the next fit that uses them may need gradients
        places = ((torch.arange(m) + 0.5) * (n / m) - 0.5).clamp(0, n - 1)
        weights = (1 - (places[:, None] - torch.arange(n)).abs()).clamp(min=0)
        return weights.to(device, dtype)


def filtered(x: Tensor, taps: Tensor, border: str) -> Tensor:
    """Put zeros between the pixels and convolve with the taps along both axes: twice the size."""
    count, channels = len(taps), x.shape[1]
    middle = (count - 1) // 2
    reach = 0 if border == "zero" else max((count - 1 - middle) // 2, (middle + 1) // 2)
    kernel = (taps[:, None] * taps).expand(channels, 1, count, count)
    return F.conv_transpose2d(
        pad(x, reach, border),
        kernel,
        stride=2,
        padding=2 * reach + middle,
        output_padding=count % 2,
        groups=channels,
    )
