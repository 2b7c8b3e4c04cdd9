"""Noises; all random numbers are drawn in float64, so that sums are exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dipcli.arrays import Bools, Doubles
from dipcli.degrade.base import Degradation
from dipcli.errors import DipError, UsageError
from dipcli.images import Image
from dipcli.spec import key, value

UNIT = 255.0  # levels of noise are in 1/255 of full scale
LOUD = 1e6  # the largest level: far beyond any use, and below the overflow of float32


@dataclass(frozen=True)
class Gaussian(Degradation):
    """Add white Gaussian noise; SIGMA in 1/255.

    The result is clipped to [0, 1], as a camera does, unless `clip` is off.
    """

    name: ClassVar[str] = "gaussian"
    sigma: float = value(0, LOUD)  # in 1/255
    clip: bool = key(True)
    shared: bool = key(False)  # the same noise in all channels

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        if self.sigma == 0:
            return image
        channels = 1 if self.shared else image.channels
        noisy = image.pixels + self.sigma / UNIT * rng.standard_normal((channels, *image.size))
        return image.with_pixels(np.clip(noisy, 0, 1) if self.clip else noisy)


@dataclass(frozen=True)
class Uniform(Degradation):
    """Add uniform noise from -WIDTH to WIDTH, in 1/255."""

    name: ClassVar[str] = "uniform"
    width: float = value(0, LOUD)  # half the width of the distribution, in 1/255

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        if self.width == 0:
            return image
        noise = rng.uniform(-self.width, self.width, image.pixels.shape)
        return image.with_pixels(image.pixels + noise / UNIT)


@dataclass(frozen=True)
class Speckle(Degradation):
    """Multiply each value by 1 + Gaussian noise of standard deviation SIGMA."""

    name: ClassVar[str] = "speckle"
    sigma: float = value(0, LOUD)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        if self.sigma == 0:
            return image
        return image.with_pixels(
            image.pixels * (1 + self.sigma * rng.standard_normal(image.pixels.shape))
        )


@dataclass(frozen=True)
class Poisson(Degradation):
    """Add photon noise; PHOTONS is the mean count at full scale.

    Pixels below 0 emit no photons.
    """

    name: ClassVar[str] = "poisson"
    photons: float = value(0, 1e12, above=True)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        expected = np.maximum(np.nan_to_num(image.pixels.astype(np.float64)), 0) * self.photons
        # numpy counts in int64; at 1e18 photons the relative noise is only 1e-9
        counts = rng.poisson(np.minimum(expected, 1e18))
        return image.with_pixels(np.where(image.unknown, np.nan, counts / self.photons))


@dataclass(frozen=True)
class PoissonGaussian(Degradation):
    """Add the noise of a camera, in the numbers of the file; GAIN is how many a photon adds.

    y = gain Poisson(x / gain) + Gaussian noise of standard deviation `read` + `offset`. Values
    beyond the scale of the image are clipped, as a camera saturates, unless `clip` is off.
    """

    name: ClassVar[str] = "poisson-gaussian"
    gain: float = value(0, 1e12, above=True)
    read: float = key(0.0, 0, 1e12)
    offset: float = key(0.0, -1e12, 1e12)
    clip: bool = key(True)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        expected = np.maximum(np.nan_to_num(image.scale.numbers(image.pixels)), 0) / self.gain
        numbers = self.gain * rng.poisson(np.minimum(expected, 1e18)) + self.offset
        numbers += self.read * rng.standard_normal(numbers.shape)
        noisy = image.scale.pixels(np.where(image.unknown, np.nan, numbers))
        return image.with_pixels(np.clip(noisy, 0, 1) if self.clip else noisy)


@dataclass(frozen=True)
class Impulse(Degradation):
    """Replace a FRACTION of the pixels by black or white, or by random values."""

    name: ClassVar[str] = "impulse"
    fraction: float = value(0, 1)
    mode: str = key("salt-pepper", choices=("salt-pepper", "uniform"))

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        if self.fraction == 0:
            return image
        hit = scatter(rng, self.fraction, image.size)
        count = np.count_nonzero(hit)
        pixels = image.pixels.copy()
        if self.mode == "uniform":
            pixels[:, hit] = rng.random((image.channels, count))
        else:
            pixels[:, hit] = rng.integers(0, 2, count)
        return image.with_pixels(np.where(image.unknown, np.nan, pixels))


@dataclass(frozen=True)
class LowFrequency(Degradation):
    """Add noise of up to CUTOFF cycles per image side; SIGMA in 1/255.

    The mean is included. The RMS over the image is exactly sigma. Values are not clipped, since
    clipping would add other frequencies.
    """

    name: ClassVar[str] = "lowfreq"
    sigma: float = value(0, LOUD)  # in 1/255
    cutoff: float = key(4.0, 0)  # cycles per height along y, per width along x
    shared: bool = key(False)  # the same noise in all channels

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        if self.sigma == 0:
            return image
        keep = np.hypot(*cycles(image.size)) <= self.cutoff
        channels = 1 if self.shared else image.channels
        return image.with_pixels(image.pixels + filtered(rng, channels, keep, self.sigma / UNIT))


@dataclass(frozen=True)
class Band(Degradation):
    """Add noise from LOW to HIGH, fractions of Nyquist; SIGMA in 1/255.

    The corners of the spectrum reach the square root of 2. The RMS over the image is exactly
    sigma. Values are not clipped, since clipping would add other frequencies.
    """

    name: ClassVar[str] = "band"
    sigma: float = value(0, LOUD)  # in 1/255
    low: float = key(0.0, 0, 1.5)
    high: float = key(1.0, 0, 1.5)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low >= self.high:
            msg = f"low must be below high, not {self.low:g} with high={self.high:g}"
            raise UsageError(msg)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        if self.sigma == 0:
            return image
        height, width = image.size
        y, x = cycles(image.size)
        radius = np.hypot(y / height, x / width) / 0.5
        keep = (self.low <= radius) & (radius <= self.high)
        if not keep.any():
            msg = (
                f"{self}: an image of {width}x{height} pixels has no frequency in this band; "
                "use a wider band or a larger image"
            )
            raise DipError(msg)
        return image.with_pixels(
            image.pixels + filtered(rng, image.channels, keep, self.sigma / UNIT)
        )


def cycles(size: tuple[int, int]) -> tuple[Doubles, Doubles]:
    """The frequency along y and x of each FFT coefficient, in cycles per image side.

    In the order of `fft2`, and shaped to broadcast: (height, 1) and (1, width).
    """
    # fftfreq(n) * n misses some integers by a rounding
    y, x = (np.fft.ifftshift(np.arange(n) - n // 2).astype(np.float64) for n in size)
    return y[:, None], x[None, :]


def filtered(rng: np.random.Generator, channels: int, keep: Bools, rms: float) -> Doubles:
    """White Gaussian noise, reduced to the frequencies in `keep` and scaled to `rms`.

    `keep` (y, x) is in the order of `fft2` and symmetric: it holds the opposite of each frequency.
    """
    white = rng.standard_normal((channels, *keep.shape))
    half = keep[:, : keep.shape[1] // 2 + 1]
    noise: Doubles = np.fft.irfft2(np.fft.rfft2(white) * half, s=keep.shape)
    noise *= rms / np.sqrt(np.mean(noise**2))
    return noise


def scatter(rng: np.random.Generator, fraction: float, size: tuple[int, int]) -> Bools:
    """A random mask of a fraction of the pixels, rounded to a whole number of them."""
    chosen = np.zeros(size, bool)
    count = round(fraction * chosen.size)
    chosen.flat[rng.choice(chosen.size, count, replace=False, shuffle=False)] = True
    return chosen
