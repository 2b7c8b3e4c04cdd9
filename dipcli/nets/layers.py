"""The parts that networks are built of.

They compute in the precision of what comes in, and keep images (1, channel, y, x) channels_last:
then pixels are the rows of a matrix, and many a convolution is a product of matrices.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dipcli.nets import filters, norms
from dipcli.nets.architecture import ACTIVATIONS, FILTERS, INTERPOLATIONS, Architecture, named
from dipcli.nets.dropout import Dropout
from dipcli.nets.padding import pad, windows
from dipcli.nets.upconv import upconv

# convolutions of few channels, of few pixels or with a stride, to many channels, are faster as a
# product of windows
FEW = 16
SMALL = 16 * 16
MANY = 128
# pixels, and channels of what is upsampled bilinearly, from which on `upconv` saves time
WORTHWHILE = 32 * 32
NARROW = 32


def activation(word: str) -> Callable[[Tensor], Tensor]:
    """In place where what comes in is not needed any more."""
    name, numbers = named("--activation", word, ACTIVATIONS)
    slope = numbers[0] if numbers else 0.2
    found: dict[str, Callable[[Tensor], Tensor]] = {
        "leaky-relu": lambda x: F.leaky_relu(x, slope, inplace=True),
        "relu": torch.relu_,
        "elu": lambda x: F.elu(x, inplace=True),
        "swish": F.silu,
    }
    return found[name]


class Conv(nn.Module):
    """The weights of a convolution, drawn as torch does, but with the channels that come in last.

    That is the order in which channels_last convolutions and matrix products read them.
    """

    scale: Tensor | None = None  # by which a bound makes the weights smaller, ()

    def __init__(self, before: int, after: int, kernel: int, *, bias: bool = True) -> None:
        super().__init__()
        drawn = nn.Conv2d(before, after, kernel, bias=bias)
        weight = drawn.weight.detach().permute(0, 2, 3, 1)
        self.weight = nn.Parameter(weight.contiguous())  # (after, y, x, before)
        self.bias = drawn.bias

    def bounded(self, weight: Tensor | None = None) -> Tensor:
        """The weights as they are used, or another part of them."""
        weight = self.weight if weight is None else weight
        return weight if self.scale is None else weight * self.scale


class Upsampling(nn.Module):
    """How a level makes its image larger: by its stride, or to any size if it interpolates.

    Beyond the border of what is filtered are zeros for the gaussian, as published, and for the
    others a reflection of the image with zeros between its pixels.
    """

    taps: Tensor

    def __init__(self, arch: Architecture, channels: int, level: int) -> None:
        super().__init__()
        kind, numbers = arch.upsampling(level)
        self.factor = arch.levels("stride")[level]
        self.kind = kind if self.factor > 1 or kind in INTERPOLATIONS else "nearest"
        if self.kind in FILTERS:
            taps = torch.tensor(filters.taps(kind, numbers))
            self.register_buffer("taps", taps, persistent=False)
        # of the convolution that this one is the transpose of
        side = 2 * self.factor - self.factor % 2
        self.deconv = Conv(channels, channels, side) if self.kind == "deconv" else None

    def forward(self, x: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        if self.kind in FILTERS:
            border = "zero" if self.kind == "gaussian" else "spaced"
            # in the precision of the taps: torch is slow with bfloat16 here, and they stay exact
            return filtered(x.to(self.taps.dtype), self.taps, border).to(x.dtype)
        if self.deconv is not None:
            weight = self.deconv.bounded().to(x.dtype).permute(0, 3, 1, 2)
            bias = self.deconv.bias
            assert bias is not None
            return F.conv_transpose2d(
                x, weight, bias.to(x.dtype), self.factor, padding=self.factor // 2
            )
        return upsample(x, size or self.enlarged(x), self.kind)

    def enlarged(self, x: Tensor) -> tuple[int, int]:
        """The size by the stride."""
        return self.factor * x.shape[2], self.factor * x.shape[3]

    def convolved(
        self,
        x: Tensor,
        weight: Tensor,
        how: str,
        norm: norms.Norm | None = None,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """Upsampled, normalised if it is to be, padded and convolved."""
        size = size or self.enlarged(x)
        twice = size == (2 * x.shape[2], 2 * x.shape[3])
        quick = twice and self.kind in INTERPOLATIONS and weight.shape[1] == 3
        narrow = self.kind == "bilinear" and x.shape[1] < NARROW
        if not quick or narrow or size[0] * size[1] < WORTHWHILE:
            x = self(x, size)
            return convolve(x if norm is None else norm(x), weight, 1, how)
        if norm is not None:
            x = norm.before_bilinear(x) if self.kind == "bilinear" else norm(x)
        return upconv(x, weight, self.kind, how)


class Stage(nn.Module):
    """An upsampling if there is one, a convolution, a normalisation and an activation.

    `dropped` is the part of its result that each step drops.
    """

    def __init__(
        self,
        arch: Architecture,
        before: int,
        after: int,
        kernel: int = 1,
        stride: int = 1,
        up: Upsampling | None = None,
        *,
        bias: bool = True,
        dropped: float = 0.0,
    ) -> None:
        super().__init__()
        self.conv = Conv(before, after, kernel, bias=bias)
        self.norm = norms.make(arch.norm, after)
        self.stride = stride
        self.up = up
        self.pad = arch.pad
        self.activation = activation(arch.activation)
        self.dropout = Dropout(dropped)

    def forward(self, x: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        weight = self.conv.bounded()
        if self.up is None:
            return self.finish(convolve(x, weight, self.stride, self.pad))
        return self.finish(self.up.convolved(x, weight, self.pad, size=size))

    def finish(self, x: Tensor) -> Tensor:
        """What follows the convolution proper.

        A normalisation would take its bias away again: that has no part in the result.
        """
        bias = self.conv.bias
        if self.norm is not None:
            x = self.norm(x)
        elif bias is not None:
            x = x + bias.to(x.dtype)[:, None, None]
        y: Tensor = self.dropout(self.activation(x))
        return y


class ActiveStage(Stage):
    """The stage of Heckel and Hand: without bias, and normalised after the activation."""

    def __init__(
        self,
        arch: Architecture,
        before: int,
        after: int,
        kernel: int = 1,
        up: Upsampling | None = None,
        dropped: float = 0.0,
    ) -> None:
        super().__init__(arch, before, after, kernel, up=up, bias=False, dropped=dropped)

    def finish(self, x: Tensor) -> Tensor:
        """What follows the convolution proper."""
        x = self.activation(x)
        y: Tensor = self.dropout(x if self.norm is None else self.norm(x))
        return y


class Up(nn.Module):
    """Upsampling, joining with the skip, a normalisation of both, and a stage.

    The convolution of joined images is the sum of one of each, and a channel is normalised by
    itself: so the two are never copied into one image.
    """

    def __init__(
        self, arch: Architecture, skip: int, deeper: int, after: int, kernel: int, level: int
    ) -> None:
        super().__init__()
        self.stage = Stage(arch, skip + deeper, after, kernel)
        conv = self.stage.conv
        of_skip, of_deeper = torch.split(conv.weight.detach(), [skip, deeper], 3)
        conv.weight = nn.Parameter(of_deeper.clone())
        self.of_skip = nn.Parameter(of_skip.clone()) if skip else None
        self.norm_skip, self.norm = (norms.make(arch.norm, n) for n in (skip, deeper))
        self.up = Upsampling(arch, deeper, level)

    def forward(self, deeper: Tensor, skip: Tensor | None) -> Tensor:
        conv, how = self.stage.conv, self.stage.pad
        x = self.up.convolved(deeper, conv.bounded(), how, self.norm)
        if skip is not None and self.of_skip is not None:
            skip = skip if self.norm_skip is None else self.norm_skip(skip)
            x += convolve(skip, conv.bounded(self.of_skip), 1, how)
        return self.stage.finish(x)


def convolve(x: Tensor, weight: Tensor, stride: int, how: str) -> Tensor:
    """Keeps the size, or divides it by the stride, rounding up; weight is (o, k, k, i)."""
    weight = weight.to(x.dtype)
    kernel = weight.shape[1]
    border = kernel // 2
    few = x.shape[1] <= FEW or x[0, 0].numel() <= SMALL
    if kernel == stride == 1:
        seen = x.permute(0, 2, 3, 1)
    elif (few or stride > 1) and len(weight) >= MANY:
        seen = windows(pad(x, border, how), kernel, stride)
    elif how == "zero":
        return F.conv2d(x, weight.permute(0, 3, 1, 2), None, stride, border)
    else:
        return F.conv2d(pad(x, border, how), weight.permute(0, 3, 1, 2), None, stride)
    return F.linear(seen, weight.flatten(1)).permute(0, 3, 1, 2)


def upsample(x: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    """To `size`, by copies of pixels (nearest), or between their centres (bilinear)."""
    if x.shape[2:] == size:
        return x
    corners = None if mode == "nearest" else False
    return F.interpolate(x, size, mode=mode, align_corners=corners)


def filtered(x: Tensor, taps: Tensor, border: str) -> Tensor:
    """Zeros between the pixels, convolved with the taps along both axes: twice the size."""
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
