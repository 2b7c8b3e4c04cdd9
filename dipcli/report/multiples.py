"""Small multiples: of many runs the restored image, and its quality against iteration.

All curves have the same axes, so that cells can be compared at a glance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from dipcli.arrays import Doubles, Floats
from dipcli.measure.base import OnError, Progress, skipping
from dipcli.report.pictures import planes_of, thumbnail, uri, webp
from dipcli.report.stores import StoreRuns, lookup
from dipcli.store import Run

Runs = Sequence[tuple[StoreRuns, Run, Mapping[str, Any]]]  # with their numbers in the document
SIDE = 96  # pixels of an image, and the width of a curve
HIGH = 28  # of a curve
POINTS = 48  # of a curve at most
LOWEST = 2  # percent of all values that may lie below the axis: those of first iterations


class Multiple(NamedTuple):
    """The cell of a run."""

    name: str
    uri: str  # of its image; "" if it has none yet
    path: str  # of its curve, the `d` of an SVG path
    words: str


class Multiples(NamedTuple):
    """All cells, and what their curves show."""

    cells: list[Multiple]
    quantity: str
    bottom: float
    top: float
    iterations: int  # at the right end of all curves


def multiples(runs: Runs, progress: Progress, on_error: OnError) -> Multiples:
    """The cells of all runs that can be read."""
    known = any(isinstance(lookup(n, "final", "psnr"), float) for _, _, n in runs)
    name, quantity = ("psnr", "PSNR (dB)") if known else ("loss", "log10 of the loss")
    images, curves = list[tuple[str, str, str]](), list[tuple[Doubles, Doubles]]()
    for place, (one, run, numbers) in enumerate(runs):
        with skipping(on_error):
            curve = _curve(run, name)
            images.append((f"{one.label} {run.name}", _image(one, run), _words(numbers)))
            curves.append(curve)
        progress("report of all runs", place + 1, len(runs))
    bottom, top = _range([y for _, y in curves])
    right = max((float(x[-1]) for x, _ in curves if len(x)), default=1.0)
    paths = (_path(x / max(right, 1), (top - y) / (top - bottom)) for x, y in curves)
    cells = [Multiple(n, i, p, w) for (n, i, w), p in zip(images, paths, strict=True)]
    return Multiples(cells, quantity, bottom, top, round(right))


def _curve(run: Run, name: str) -> tuple[Doubles, Doubles]:
    """A scalar at the saved iterations; of the loss the logarithm."""
    values, at = run.scalar(name), run.iterations.astype(np.float64)
    if values is None:
        return np.empty(0), np.empty(0)
    values, at = values[: len(at)], at[: len(values)]
    if name == "loss":
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.log10(values)
    chosen = np.unique(np.linspace(0, len(at) - 1, min(len(at), POINTS)).round().astype(int))
    return at[chosen], values[chosen]


def _image(one: StoreRuns, run: Run) -> str:
    """The estimate, or the last frame."""
    pixels: Floats | None = run.estimate
    if pixels is None:
        saved = run.iterations
        if not len(saved):
            return ""
        pixels = run.frame(int(saved[-1]))
    planes = planes_of(pixels, one.store.planes)
    return uri(thumbnail(webp(planes[len(planes) // 2], 2 * SIDE, 80), SIDE))


def _words(numbers: Mapping[str, Any]) -> str:
    psnr, status = lookup(numbers, "chosen", "psnr"), lookup(numbers, "status")
    words = [f"{psnr:.2f} dB"] if isinstance(psnr, float) else []
    words += [str(status)] if status != "complete" else []
    return ", ".join(words)


def _range(curves: Sequence[Doubles]) -> tuple[float, float]:
    """The lowest and the highest value of the axis."""
    values = np.concatenate([np.empty(0), *curves])
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    bottom, top = float(np.percentile(values, LOWEST)), float(values.max())
    return bottom, max(top, bottom + 1e-6)


def _path(x: Doubles, y: Doubles) -> str:
    """A curve whose sides are 0 to 1; values that are not finite leave a gap."""
    return "".join(_points(x * SIDE, np.clip(y, 0, 1) * HIGH))


def _points(x: Doubles, y: Doubles) -> Iterator[str]:
    pen = "M"
    for a, b in zip(x, y, strict=True):
        if np.isfinite(b):
            yield f"{pen}{a:.0f} {b:.0f}"
        pen = "L" if np.isfinite(b) else "M"
