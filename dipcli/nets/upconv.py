"""The 3 x 3 convolution of an image upsampled by 2, at a quarter of its multiplications.

Along one axis, let x be the small image, u[2i] = u[2i + 1] = x[i] its nearest upsampling, and
l, c, r the kernel. Since u repeats itself, the convolution q of u needs three products per pixel
of x, not six: x times the sum of the kernel, and the differences of x times its two ends,

    q[2i]     = (l + c + r) x[i] - l (x[i] - x[i-1])
    q[2i + 1] = (l + c + r) x[i] + r (x[i+1] - x[i])

and along both axes nine, not 36. They are matrix products over the pixels. Bilinear upsampling is
nearest upsampling followed by (1 2 1) / 4, which may come last; pixels beyond the border enter
through the first and the last difference. The result equals that of the plain way but for rounding.

These many small steps pay off with many channels. With few, each pixel of x is spread over the
four pixels of q that depend on it, by (r, c + r, l + c, l): 16 products of 36 for four pixels of
the upsampled image, but in one transposed convolution with stride 2, and without copies.

Pixels are laid out as (y, x, channel) here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dipcli.nets.padding import pad

MANY = 128  # channels from which on nine products in many steps are faster than sixteen in one


def upconv(x: Tensor, weight: Tensor, mode: str, how: str) -> Tensor:
    """Upsample (1, i, h, w) by 2, pad and convolve with (o, 3, 3, i): (1, o, 2h, 2w).

    Nearest upsampling takes several planes, (n, i, h, w), too.
    """
    if mode == "nearest" and (x.shape[1] < MANY or len(x) > 1):
        return _spread(x, weight.to(x.dtype), how)
    result: Tensor = _UpConv.apply(x, weight, mode == "bilinear", how)  # type: ignore[no-untyped-call]
    return result


def _spread(x: Tensor, weight: Tensor, how: str) -> Tensor:
    """Beyond the border is 0, or the reflected upsampled image: the last pixel of x again."""
    for axis in (1, 2):
        first, middle, last = weight.unbind(axis)
        weight = torch.stack([last, middle + last, first + middle, first], axis)
    border = 0 if how == "zero" else 1
    x = pad(x, border, "repeat")
    return F.conv_transpose2d(x, weight.permute(3, 0, 1, 2), None, 2, 1 + 2 * border)


class _UpConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bilinear: bool, how: str) -> Tensor:
        x, w = x[0].permute(1, 2, 0), _kernels(weight).to(x.dtype)
        edge = _edge(bilinear, how)
        rows = _differences(x, edge, 0)  # (h + 1, w, i)
        columns = _differences(x, edge, 1)  # (h, w + 1, i)
        both = _differences(rows, edge, 1)  # (h + 1, w + 1, i)
        s = _gather(_mm(x, w[0, 0]), _mm(columns, w[1, 0]), _mm(columns, w[2, 0]), bilinear, 1)
        # the products of the rows, for odd and for even q at once: (h + 1, 2w + 2, 2o)
        d = _gather(_mm(rows, w[0, 1:]), _mm(both, w[1, 1:]), _mm(both, w[2, 1:]), bilinear, 1)
        odd, even = d.chunk(2, -1)
        q = _gather(s, odd, even, bilinear, 0)  # (2h + 2, 2w + 2, o), from -1 on
        ctx.save_for_backward(x, rows, columns, both, w)
        ctx.bilinear, ctx.edge, ctx.precise = bilinear, edge, weight.dtype
        return _inside(_image(q), bilinear)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        x, rows, columns, both, w = ctx.saved_tensors
        q = _inside_adjoint(grads[0], ctx.bilinear)[0].permute(1, 2, 0)
        s, odd, even = _gather_adjoint(q, ctx.bilinear, 0)
        s, s1, s2 = _gather_adjoint(s, ctx.bilinear, 1)
        d, d1, d2 = _gather_adjoint(torch.cat([odd, even], -1), ctx.bilinear, 1)
        dw = torch.empty_like(w)
        for g, of, to in (
            (s, x, dw[0, 0]),
            (s1, columns, dw[1, 0]),
            (s2, columns, dw[2, 0]),
            (d, rows, dw[0, 1:]),
            (d1, both, dw[1, 1:]),
            (d2, both, dw[2, 1:]),
        ):
            torch.mm(_matrix(g).T, _matrix(of), out=_matrix(to))
        dx, dcolumns = _mm_adjoint((s, w[0, 0])), _mm_adjoint((s1, w[1, 0]), (s2, w[2, 0]))
        drows, dboth = _mm_adjoint((d, w[0, 1:])), _mm_adjoint((d1, w[1, 1:]), (d2, w[2, 1:]))
        _add_differences_adjoint(dboth, ctx.edge, drows, 1)
        _add_differences_adjoint(dcolumns, ctx.edge, dx, 1)
        _add_differences_adjoint(drows, ctx.edge, dx, 0)
        return _image(dx), _kernels_adjoint(dw.to(ctx.precise)), None, None


def _kernels(weight: Tensor) -> Tensor:
    """(o, y, x, i) -> (x, y, o, i): along each axis the sum, the weight of odd q, of even q."""
    for axis in (0, 1):  # (x, o, y, i) after the first
        first, middle, last = weight.unbind(2)
        weight = torch.stack([first + middle + last, last, -first], axis)
    return weight


def _kernels_adjoint(dw: Tensor) -> Tensor:
    for axis in (1, 0):
        s, odd, even = dw.unbind(axis)
        dw = torch.stack([s - even, s, s + odd], 2)
    return dw


def _edge(bilinear: bool, how: str) -> float | None:
    """Weight of the border pixel in the first and last difference; None: difference mirrored.

    Nearest: the difference to 0 beyond the border, or to the same pixel. Bilinear: q[-1] and
    q[2n] are summed with weight 1/4, and must equal what padding would give.
    """
    if bilinear:
        return 4.0 if how == "zero" else None
    return 1.0 if how == "zero" else 0.0


def _differences(x: Tensor, edge: float | None, axis: int) -> Tensor:
    """Differences along an axis, and across the border at both ends: n -> n + 1."""
    shape = list(x.shape)
    shape[axis] += 1
    differences = x.new_empty(shape)
    x, d = x.movedim(axis, 0), differences.movedim(axis, 0)
    n = len(x)
    torch.sub(x[1:], x[:-1], out=d[1:n])
    if edge is not None:
        torch.mul(x[0], edge, out=d[0])
        torch.mul(x[-1], -edge, out=d[n])
    elif n > 1:
        torch.neg(d[1], out=d[0])
        torch.neg(d[n - 1], out=d[n])
    else:
        d.zero_()
    return differences


def _add_differences_adjoint(d: Tensor, edge: float | None, x: Tensor, axis: int) -> None:
    """Add the gradient to x; d is overwritten."""
    d, x = d.movedim(axis, 0), x.movedim(axis, 0)
    n = len(x)
    if edge is not None:
        x[0].add_(d[0], alpha=edge)
        x[-1].sub_(d[n], alpha=edge)
    elif n > 1:
        d[1].sub_(d[0])
        d[n - 1].sub_(d[n])
    x[1:].add_(d[1:n])
    x[:-1].sub_(d[1:n])


def _gather(s: Tensor, a: Tensor, b: Tensor, bilinear: bool, axis: int) -> Tensor:
    """q from -1 to 2n along an axis, of n sums and n + 1 products each for odd and even."""
    shape = list(a.shape)
    shape[axis] *= 2
    q = a.new_empty(shape)
    s, a, b, along = (t.movedim(axis, 0) for t in (s, a, b, q))
    odd, even = along[::2], along[1::2]  # 2i - 1 and 2i, i from 0 to n
    torch.add(s, a[1:], out=odd[1:])
    torch.add(s, b[:-1], out=even[:-1])
    if bilinear:  # the border pixel is repeated, and the padding acts through q[-1] and q[2n]
        even[0], odd[-1] = s[0], s[-1]
        torch.add(s[0], b[0], out=odd[0])
        torch.add(s[-1], a[-1], out=even[-1])
    return q


def _gather_adjoint(q: Tensor, bilinear: bool, axis: int) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of s, a and b; q is overwritten, and the latter two are views of it."""
    q = q.movedim(axis, 0)
    odd, even = q[::2], q[1::2]
    s = odd[1:] + even[:-1]
    if bilinear:
        s[0] += odd[0]
        s[-1] += even[-1]
        even[0], odd[-1] = odd[0], even[-1]
        odd[0], even[-1] = 0, 0
    s, odd, even = (t.movedim(0, axis) for t in (s, odd, even))
    return s.contiguous(), odd, even


def _inside(q: Tensor, bilinear: bool) -> Tensor:
    """(1, o, 2h + 2, 2w + 2) -> (1, o, 2h, 2w), smoothed for bilinear upsampling."""
    if bilinear:
        return smooth(q, 1 / 4)
    return q[:, :, 1:-1, 1:-1].contiguous(memory_format=torch.channels_last)


def _inside_adjoint(g: Tensor, bilinear: bool) -> Tensor:
    g = g.contiguous(memory_format=torch.channels_last)
    if bilinear:
        return smooth(g, 1 / 4, 2)
    return F.pad(g, (1, 1, 1, 1))


def smooth(x: Tensor, side: float, border: int = 0) -> Tensor:
    """Convolve each channel with (side, 1 - 2 side, side) along both axes."""
    k = x.new_tensor([side, 1 - 2 * side, side])
    c = x.shape[1]
    return F.conv2d(x, (k[:, None] * k).expand(c, 1, 3, 3), padding=border, groups=c)


def _image(x: Tensor) -> Tensor:
    """(y, x, o) -> (1, o, y, x); permuted last, or torch does not see that it is channels_last."""
    return x[None].permute(0, 3, 1, 2)


def _matrix(x: Tensor) -> Tensor:
    return x.view(-1, x.shape[-1])


def _mm(x: Tensor, w: Tensor) -> Tensor:
    """(y, x, i) and (..., i) -> (y, x, product of ...)."""
    return (_matrix(x) @ _matrix(w).T).view(*x.shape[:2], -1)


def _mm_adjoint(*pairs: tuple[Tensor, Tensor]) -> Tensor:
    """The gradient of the factor x that several products share."""
    (g, w), *more = pairs
    dx = _matrix(g) @ _matrix(w)
    for g, w in more:
        dx.addmm_(_matrix(g), _matrix(w))
    return dx.view(*g.shape[:2], -1)
