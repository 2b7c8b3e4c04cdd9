"""Borders and windows of images that stay channels_last.

torch's own reflection has no kernel for this layout: it copies to the other one and back. It also
refuses a border as wide as the image; here the reflection continues back and forth.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Pairs = list[tuple[int, int]]


def pad(x: Tensor, border: int, how: str) -> Tensor:
    """Add a border to (1, c, h, w): "zero", "reflect", "repeat" (the last pixels) or "spaced".

    "spaced" reflects the image with a zero after each pixel, and then leaves the zeros out.
    """
    if not border:
        return x
    if how == "zero":
        return F.pad(x, [border] * 4)
    rows, columns = (_sources(n, border, how) for n in x.shape[2:])
    result: Tensor = _Pad.apply(x, border, rows, columns)  # type: ignore[no-untyped-call]
    return result


def windows(x: Tensor, side: int, stride: int) -> Tensor:
    """(1, c, h, w) -> (1, y, x, side * side * c): the window of a convolution at each pixel."""
    result: Tensor = _Windows.apply(x, side, stride)  # type: ignore[no-untyped-call]
    return result


def _sources(n: int, border: int, how: str) -> Pairs:
    """Pairs (border pixel, the pixel whose value it copies), both on the padded axis."""
    turn = 2 * n - 1 if how == "spaced" else max(2 * n - 2, 1)
    pairs = []
    for i in (*range(-border, 0), *range(n, n + border)):
        of = min(i % turn, -i % turn) if how != "repeat" else min(max(i, 0), n - 1)
        pairs.append((border + i, border + of))
    return pairs


class _Pad(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, border: int, rows: Pairs, columns: Pairs) -> Tensor:
        n, c, h, w = x.shape
        ctx.border, ctx.rows, ctx.columns = border, rows, columns
        if x.is_cuda:
            return _gathered(x, border, rows, columns)
        padded = x.new_empty(n, h + 2 * border, w + 2 * border, c).permute(0, 3, 1, 2)
        inner = slice(border, border + h)
        padded[:, :, inner, border : border + w] = x
        for at, of in columns:
            padded[:, :, inner, at] = padded[:, :, inner, of]
        for at, of in rows:
            padded[:, :, at] = padded[:, :, of]
        return padded

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (g,) = grads
        b = ctx.border
        if g.is_cuda:
            return _folded(g, b, ctx.rows, ctx.columns), None, None, None
        inner = slice(b, g.shape[2] - b)
        dx = g[:, :, inner, b:-b].clone(memory_format=torch.channels_last)
        for at, of in ctx.columns:
            dx[..., of - b] += g[:, :, inner, at]
        for at, of in ctx.rows:
            row = g[:, :, at, b:-b].clone()
            for aside, to in ctx.columns:
                row[..., to - b] += g[:, :, at, aside]
            dx[:, :, of - b] += row
        return dx, None, None, None


def _gathered(x: Tensor, border: int, rows: Pairs, columns: Pairs) -> Tensor:
    """The padded image in one operation: on a GPU the start of each takes time."""
    _, c, h, w = x.shape
    places = _places((h, w), border, tuple(rows), tuple(columns), x.device)
    padded = x.permute(0, 2, 3, 1).reshape(h * w, c).index_select(0, places)
    return padded.view(1, h + 2 * border, w + 2 * border, c).permute(0, 3, 1, 2)


@lru_cache(maxsize=64)
def _places(
    size: tuple[int, int],
    border: int,
    rows: tuple[tuple[int, int], ...],
    columns: tuple[tuple[int, int], ...],
    device: torch.device,
) -> Tensor:
    """For each pixel of the padded image the pixel that it copies, both laid out flat."""
    axes = []
    for n, pairs in zip(size, (rows, columns), strict=True):
        copied = {at: of - border for at, of in pairs}
        axes.append(torch.tensor([copied.get(i, i - border) for i in range(n + 2 * border)]))
    y, x = axes
    with torch.inference_mode(False):
        return (y[:, None] * size[1] + x).flatten().to(device)


def _folded(g: Tensor, border: int, rows: Pairs, columns: Pairs) -> Tensor:
    """The gradient of a border added to the pixels that it copies, whole rows at once."""
    inner = slice(border, -border)
    folded = g[:, :, inner].clone(memory_format=torch.channels_last)
    for at, of in rows:
        folded[:, :, of - border].add_(g[:, :, at])
    dx = folded[..., inner].contiguous(memory_format=torch.channels_last)
    for at, of in columns:
        dx[..., of - border].add_(folded[..., at])
    return dx


class _Windows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, side: int, stride: int) -> Tensor:
        n, c, *size = x.shape
        h, w = ((length - side) // stride + 1 for length in size)
        ctx.side, ctx.stride, ctx.shape = side, stride, x.shape
        x = x.permute(0, 2, 3, 1)
        result = x.new_empty(n, h, w, side, side, c)
        for i, j, ys, xs in _shifts(side, stride, h, w):
            result[:, :, :, i, j] = x[:, ys, xs]
        return result.flatten(3)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        n, c, *size = ctx.shape
        g = grads[0].view(*grads[0].shape[:3], ctx.side, ctx.side, c)
        dx = g.new_zeros(n, *size, c)
        for i, j, ys, xs in _shifts(ctx.side, ctx.stride, *g.shape[1:3]):
            dx[:, ys, xs] += g[:, :, :, i, j]
        return dx.permute(0, 3, 1, 2), None, None


def _shifts(side: int, stride: int, h: int, w: int) -> list[tuple[int, int, slice, slice]]:
    """For each place in a window, the rows and columns of the pixels there."""

    def every(start: int, count: int) -> slice:
        return slice(start, start + stride * (count - 1) + 1, stride)

    return [(i, j, every(i, h), every(j, w)) for i in range(side) for j in range(side)]
