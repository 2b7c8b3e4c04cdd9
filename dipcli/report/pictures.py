"""Images and spectra in the form that a page embeds."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
import PIL.Image

from dipcli.arrays import Doubles, Floats
from dipcli.figures.canvas import displayed

EXACT = 256 * 256  # pixels up to which a result is stored without loss
WIDE, HIGH = 220, 150  # of the plot of a spectrum, in units of its viewBox
POINTS = 72  # of the curve of a spectrum
TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)  # cycles per pixel
DECADES = 9  # of the axis, below the highest value


def webp(pixels: Floats, side: int, quality: int | None = None) -> bytes:
    """Encode (channel, y, x) in [0, 1] as WebP, with at most `side` pixels on the longer side."""
    picture = PIL.Image.fromarray(np.rint(displayed(pixels) * 255).astype(np.uint8))
    picture.thumbnail((side, side), PIL.Image.Resampling.BOX, reducing_gap=None)
    options = {"quality": quality or 92, "use_sharp_yuv": True, "method": 4}
    if quality is None and picture.width * picture.height <= EXACT:
        options = {"lossless": True, "quality": 50, "method": 4}
    data = BytesIO()
    picture.convert("RGB").save(data, "WEBP", **options)
    return data.getvalue()


def planes_of(pixels: Floats, planes: int) -> list[Floats]:
    """The images (channel, y, x) of a volume's planes; an image is its own only one."""
    return np.split(pixels, planes)


def thumbnail(data: bytes, side: int) -> bytes:
    """Shrink a WebP."""
    picture = PIL.Image.open(BytesIO(data))
    picture.thumbnail((side, side), PIL.Image.Resampling.BOX)
    small = BytesIO()
    picture.save(small, "WEBP", quality=75, method=4)
    return small.getvalue()


def uri(data: bytes, kind: str = "image/webp") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


class SpectrumAxes:
    """The logarithmic axes of a plot of spectra, with ranges that fit their values."""

    def __init__(self, frequency: Doubles, spectra: Sequence[Doubles]) -> None:
        """`frequency` (r,) in cycles per pixel, from 0 on; spectra (r,)."""
        self._rings = _first_rings(len(frequency))
        self._x = np.log10(self._mean(frequency))
        self._left = float(self._x[0]) if len(self._x) else -1.0
        self._right = float(self._x[-1]) if len(self._x) else 0.0
        values = np.concatenate([np.empty(0), *map(self._mean, spectra)])
        values = values[np.isfinite(values) & (values > 0)]
        self._top = math.ceil(math.log10(values.max())) if values.size else 1
        low = math.floor(math.log10(values.min())) if values.size else 0
        self._low = min(max(low, self._top - DECADES), self._top - 1)

    def path(self, spectrum: Doubles) -> str:
        """A spectrum as the `d` of an SVG path; values that are not finite leave a gap."""
        with np.errstate(divide="ignore", invalid="ignore"):
            y = self._y(np.log10(self._mean(spectrum)))
        y = np.where(y > HIGH, HIGH, y)  # values below the axis, and 0, lie on it
        parts, pen = [], "M"
        for a, b in zip(self._along(self._x), y, strict=True):
            if np.isfinite(b):
                parts.append(f"{pen}{a:.0f} {b:.0f}")
            pen = "L" if np.isfinite(b) else "M"
        return "".join(parts)

    @property
    def x_ticks(self) -> list[tuple[str, str]]:
        """Positions and labels."""
        places = {tick: float(self._along(math.log10(tick))) for tick in TICKS}
        return [(f"{x:.0f}", f"{tick:g}") for tick, x in places.items() if 0 <= x <= WIDE]

    @property
    def y_ticks(self) -> list[tuple[str, str]]:
        """Positions, and the powers of ten there."""
        step = max(1, round((self._top - self._low) / 4))
        powers = range(self._low, self._top + 1, step)
        return [(f"{self._y(power):.0f}", str(power)) for power in powers]

    def _along(self, x: Any) -> Any:
        return (x - self._left) / max(self._right - self._left, 1e-9) * WIDE

    def _y(self, power: Any) -> Any:
        return (self._top - power) / (self._top - self._low) * HIGH

    def _mean(self, values: Doubles) -> Doubles:
        """The mean over the rings of each point, without ring 0, the mean of the image."""
        if not len(self._rings):
            return np.empty(0)
        ends = np.append(self._rings[1:], len(values))
        return np.asarray(np.add.reduceat(values, self._rings) / (ends - self._rings))


def _first_rings(rings: int) -> np.ndarray:
    """The first ring of each point, evenly spaced on a logarithmic axis."""
    if rings < 2:
        return np.empty(0, np.intp)
    return np.unique(np.geomspace(1, rings - 1, POINTS).round().astype(np.intp))
