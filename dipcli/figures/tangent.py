"""The tangent kernel: rates by frequency, eigenvalues, filters, and predicted descents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dipcli.figures import canvas
from dipcli.figures.bands import Bands, bands
from dipcli.figures.curves import Series
from dipcli.figures.heatmap import color_bar, color_scale, colormap
from dipcli.figures.series import series
from dipcli.figures.spectra import spectra
from dipcli.measure.base import grouped

NYQUIST = 0.5  # cycles per pixel
Labels = Mapping[str, str]


def _title(source: str, labels: Labels) -> str:
    """The label of a store, and the run; of a network its name."""
    store, _, run = source.rpartition("/")
    return f"{labels.get(store, store)} {run}" if store else source


def rates(rows: Sequence[Any], labels: Labels) -> Figure:
    """Draw the rate of each band against its frequency, a curve per network and iteration."""
    panels: dict[str, list[Series]] = {}
    for (source, iteration), some in grouped(rows, lambda r: (r.source, r.iteration)).items():
        middle = np.array([NYQUIST * (r.low + r.high) / 2 for r in some])
        values = np.array([r.rate for r in some])
        one = Series(f"iteration {iteration}", middle, values)
        panels.setdefault(_title(source, labels), []).append(one)
    return spectra(panels, "rate at which a band is learned")


def eigenvalues(rows: Sequence[Any], labels: Labels) -> Figure:
    """Draw the leading eigenvalues, a curve per network and iteration."""
    panels: dict[str, list[Series]] = {}
    for (source, iteration), some in grouped(rows, lambda r: (r.source, r.iteration)).items():
        number, values = (np.array([getattr(r, n) for r in some]) for n in ("number", "eigenvalue"))
        one = Series(f"iteration {iteration}", number, values)
        panels.setdefault(_title(source, labels), []).append(one)
    return series(panels, "eigenvalue of the tangent kernel", log=True, x="number")


@canvas.style()
def filters(rows: Sequence[Any], labels: Labels) -> Figure:
    """Draw the filter of a pixel as a picture, the mean over channels; each on its own scale."""
    pictures = {}
    for (source, iteration), some in grouped(rows, lambda r: (r.source, r.iteration)).items():
        shape = tuple(max(getattr(r, n) for r in some) + 1 for n in ("channel", "y", "x"))
        values = np.array([r.value for r in some]).reshape(shape).mean(axis=0)
        pictures[f"{_title(source, labels)}, iteration {iteration}"] = values / np.abs(values).max()
    figure, axes = canvas.panels(pictures)
    norm = color_scale(pictures.values(), signed=True)
    for ax, values in zip(axes, pictures.values(), strict=False):
        image = ax.imshow(values, norm=norm, cmap=colormap(signed=True), interpolation="nearest")
        ax.set(xticks=[], yticks=[])
        ax.grid(visible=False)
    color_bar(figure, axes, image, "weight in the filter, over its largest")
    return figure


def predictions(rows: Sequence[Any], labels: Labels) -> Figure:
    """Draw the error of each band, as measured and as predicted, a panel per run."""
    panels: dict[str, list[Bands]] = {}
    for source, some in grouped(rows, lambda r: r.source).items():
        count = len({r.band for r in some})
        at = np.array([r.iteration for r in some[::count]])
        low, high = (np.array([getattr(r, n) for r in some[:count]]) for n in ("low", "high"))
        for name in ("measured", "predicted"):
            values = np.array([getattr(r, name) for r in some]).reshape(-1, count)
            one = Bands(at, low, high, values, None, name)
            panels.setdefault(_title(source, labels), []).append(one)
    return bands(panels, "error over that at the start", log=True, unit="Nyquist frequency")


DRAW: dict[str, Callable[[Sequence[Any], Labels], Figure]] = {
    "bands": rates,
    "eigenvalues": eigenvalues,
    "filter": filters,
    "prediction": predictions,
}
