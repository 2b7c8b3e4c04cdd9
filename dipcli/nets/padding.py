"""Borders and windows of images that stay channels_last.

torch's own reflection has no kernel for this layout: it copies to the other one and back. It also
refuses a border as wide as the image; here the reflection continues back and forth.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def pad(x: Tensor, border: int, how: str) -> Tensor:
    """Add a border to (n, c, h, w): "zero", "reflect", "repeat" (the last pixels) or "spaced".

    "spaced" reflects the image with a zero after each pixel, and then leaves the zeros out.
    """
    if not border:
        return x
    if how == "zero":
        return F.pad(x, [border] * 4)
    result: Tensor = _Pad.apply(x, border, how)  # type: ignore[no-untyped-call]
    return result


def beside(x: Tensor, planes: int, how: str, stride: int = 1) -> Tensor:
    """The channels of so many planes around each plane (or each `stride`-th) of (z, c, y, x).

    With these, a convolution of images is one of a volume: (z / stride, planes * c, y, x).
    """
    if planes == 1:
        return x if stride == 1 else x[::stride]
    border, n = planes // 2, len(x)
    if how == "zero":
        x = F.pad(x, (0,) * 6 + (border, border))
    else:
        x = x[list(_sources(n, border, how))]
    return torch.cat([x[k : k + n : stride] for k in range(planes)], 1)


def windows(x: Tensor, side: int, stride: int) -> Tensor:
    """(n, c, h, w) -> (n, y, x, side * side * c): the window of a convolution at each pixel."""
    result: Tensor = _Windows.apply(x, side, stride)  # type: ignore[no-untyped-call]
    return result


@lru_cache(maxsize=64)
def _sources(n: int, border: int, how: str) -> tuple[int, ...]:
    """For each pixel of the padded axis, the one of n pixels that it copies."""
    places = range(-border, n + border)
    if how == "repeat":
        return tuple(min(max(i, 0), n - 1) for i in places)
    turn = 2 * n - 1 if how == "spaced" else max(2 * n - 2, 1)
    return tuple(min(i % turn, -i % turn) for i in places)


@lru_cache(maxsize=64)
def _places(size: tuple[int, int], border: int, how: str, device: torch.device) -> Tensor:
    """For each pixel of the padded image the pixel that it copies, both laid out flat."""
    y, x = (torch.tensor(_sources(n, border, how)) for n in size)
    with torch.inference_mode(False):
        return (y[:, None] * size[1] + x).flatten().to(device)


class _Pad(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, border: int, how: str) -> Tensor:
        n, c, h, w = x.shape
        ctx.border, ctx.how = border, how
        # one operation: on a GPU the start of each takes time
        rows = x.permute(0, 2, 3, 1).reshape(n, h * w, c)
        padded = rows.index_select(1, _places((h, w), border, how, x.device))
        return padded.view(n, h + 2 * border, w + 2 * border, c).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        # the order decides how a corner is rounded; each device keeps its own
        axes = (2, 3) if grads[0].is_cuda else (3, 2)
        return _folded(grads[0], ctx.border, ctx.how, axes), None, None


def _folded(g: Tensor, border: int, how: str, axes: tuple[int, int]) -> Tensor:
    """The gradient of a border added to the pixels that it copies, along one axis after another."""
    for axis in axes:
        n = g.shape[axis] - 2 * border
        inner = g.narrow(axis, border, n)
        # the first gradient belongs to torch; rows of the array after it need no copy
        copy = inner.clone if axis == axes[0] else inner.contiguous
        inner = copy(memory_format=torch.channels_last)
        sources = _sources(n, border, how)
        for at in (*range(border), *range(border + n, n + 2 * border)):
            inner.select(axis, sources[at]).add_(g.select(axis, at))
        g = inner
    return g


class _Windows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, side: int, stride: int) -> Tensor:
        ctx.side, ctx.stride, ctx.shape = side, stride, x.shape
        x = x.permute(0, 2, 3, 1).unfold(1, side, stride).unfold(2, side, stride)
        return x.permute(0, 1, 2, 4, 5, 3).flatten(3)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (n, c, *size), stride = ctx.shape, ctx.stride
        g = grads[0].view(*grads[0].shape[:3], ctx.side, ctx.side, c)
        h, w = (stride * count for count in g.shape[1:3])
        dx = g.new_zeros(n, *size, c)
        for i, j in product(range(ctx.side), repeat=2):
            dx[:, i : i + h : stride, j : j + w : stride] += g[:, :, :, i, j]
        return dx.permute(0, 3, 1, 2), None, None
