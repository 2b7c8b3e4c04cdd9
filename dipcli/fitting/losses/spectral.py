"""Losses on the unitary Fourier transform of each channel, with 0 for what is unknown.

By Parseval's theorem `plain` is mse: the same gradients, the same trajectory (that is said of the
deep spectral prior, Cheng and others 2025, too). Only what is not a plain sum of squares differs.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from dipcli.fitting.losses.base import Loss, Target

FAINT = 1e-3  # an amplitude below which a phase means nothing; noise has its own sigma, as mean


class Spectral(Loss):
    def __init__(self, kind: str, power: float = 0.0) -> None:
        self._power = power
        self._weight: Tensor | None = None  # of radial, (y, x)
        self._compare: Callable[[Tensor, Tensor], Tensor] = {
            "plain": plain,
            "l1": complex_l1,
            "amplitude": amplitude,
            "amplitude-phase": amplitude_phase,
            "radial": self._radial,
        }[kind]

    def __call__(self, seen: Tensor, target: Target) -> Tensor:
        f, g = (torch.fft.fft2(target.masked(x), norm="ortho") for x in (seen, target.values))
        return self._compare(f, g).sum() / target.count

    def _radial(self, f: Tensor, g: Tensor) -> Tensor:
        if self._weight is None:
            self._weight = radial_weight((f.shape[-2], f.shape[-1]), self._power).to(f.device)
        return self._weight * plain(f, g)


def plain(f: Tensor, g: Tensor) -> Tensor:
    return _squared(f - g)


def complex_l1(f: Tensor, g: Tensor) -> Tensor:
    return (f - g).abs()


def amplitude(f: Tensor, g: Tensor) -> Tensor:
    return (f.abs() - g.abs()).square()


def amplitude_phase(f: Tensor, g: Tensor) -> Tensor:
    """|f - g|^2 is (|f| - |g|)^2 + |f| |g| |u - v|^2, u and v the phases; here |g|^2 |u - v|^2.

    So a frequency that the output lacks as yet is led to its phase as strongly as one it has.
    """
    return amplitude(f, g) + _squared(g) * _squared(_phase(f) - _phase(g))


def radial_weight(size: tuple[int, int], power: float) -> Tensor:
    """(1 + cycles per longer side) ^ power, (y, x), scaled to a mean of 1: noise costs the same."""
    y, x = (torch.fft.fftfreq(n, dtype=torch.float64) for n in size)
    weight = (1 + max(size) * torch.hypot(y[:, None], x)) ** power
    return (weight / weight.mean()).float()


def _phase(f: Tensor) -> Tensor:
    return f / (_squared(f) + FAINT**2).sqrt()


def _squared(f: Tensor) -> Tensor:
    return f.real.square() + f.imag.square()
