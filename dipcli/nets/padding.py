"""Borders and windows of images that stay channels_last.

torch's own reflection has no kernel for this layout: it copies to the other one and back. It also
refuses a border as wide as the image; here the reflection continues back and forth.
"""

from __future__ import annotations

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
    if x.is_cuda and how == "reflect" and border < min(x.shape[2:]):
        return F.pad(x, [border] * 4, mode="reflect")  # one kernel in place of one per border pixel
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
