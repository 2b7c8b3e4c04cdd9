"""Losses on the unitary Fourier transform of each channel, with 0 where the target is unknown.

By Parseval's theorem `plain` is mse: the same gradients, the same trajectory (Cheng and others
2025 say so of the deep spectral prior too). The other kinds are no plain sums of squares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from dipcli.errors import UsageError
from dipcli.fitting.losses.base import Loss, Target
from dipcli.lazy import Tensor, torch
from dipcli.spec import read, value

FAINT = 1e-3  # below this amplitude a phase means nothing; noise has its own sigma, as mean
RADIAL = "radial"
POWER = -1.0  # of radial, where none is named


@dataclass(frozen=True)
class Spectral(Loss):
    """Difference of Fourier coefficients: plain, l1, amplitude, amplitude-phase, radial[:POWER]"""

    name = "spectral"
    needs_whole_image = True
    kind: str = value()

    def __post_init__(self) -> None:
        kind, colon, _ = self.kind.partition(":")
        if kind not in (*KINDS, RADIAL) or (colon and kind != RADIAL):
            msg = f"KIND must be one of {', '.join(KINDS)}, radial[:POWER], not {self.kind!r}"
            raise UsageError(msg)
        if not -10 <= self._power <= 10:
            msg = f"POWER of radial must be from -10 to 10, not {self._power:g}"
            raise UsageError(msg)

    @property
    def _power(self) -> float:
        _, colon, power = self.kind.partition(":")
        return float(read("float", "POWER", power)) if colon else POWER

    def __call__(self, output: Tensor, target: Target) -> Tensor:
        f, g = (torch.fft.fft2(target.masked(x), norm="ortho") for x in (output, target.values))
        if self.kind.startswith(RADIAL):
            weight = radial_weight((f.shape[-2], f.shape[-1]), self._power, f.device)
            return (weight * plain(f, g)).sum() / target.count
        return KINDS[self.kind](f, g).sum() / target.count


def plain(f: Tensor, g: Tensor) -> Tensor:
    return _squared(f - g)


def complex_l1(f: Tensor, g: Tensor) -> Tensor:
    return (f - g).abs()


def amplitude(f: Tensor, g: Tensor) -> Tensor:
    return (f.abs() - g.abs()).square()


def amplitude_phase(f: Tensor, g: Tensor) -> Tensor:
    """|f - g|^2 is (|f| - |g|)^2 + |f| |g| |u - v|^2, u and v the phases; here |g|^2 |u - v|^2.

    So a frequency that the output lacks is led to its phase as strongly as one that it has.
    """
    return amplitude(f, g) + _squared(g) * _squared(_phase(f) - _phase(g))


KINDS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "plain": plain,
    "l1": complex_l1,
    "amplitude": amplitude,
    "amplitude-phase": amplitude_phase,
}


@lru_cache(4)  # a step needs it, and its size and device stay the same in a fit
def radial_weight(size: tuple[int, int], power: float, place: torch.device | str = "cpu") -> Tensor:
    """(1 + cycles per longer side) ^ power, (y, x), scaled to a mean of 1: noise costs the same."""
    y, x = (torch.fft.fftfreq(n, dtype=torch.float64) for n in size)
    weight = (1 + max(size) * torch.hypot(y[:, None], x)) ** power
    return (weight / weight.mean()).float().to(place)


def _phase(f: Tensor) -> Tensor:
    return f / (_squared(f) + FAINT**2).sqrt()


def _squared(f: Tensor) -> Tensor:
    return f.real.square() + f.imag.square()
