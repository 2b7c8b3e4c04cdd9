"""The distance of trajectories, as in figure 1 of Chakrabarty & Maji 2019."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dipcli.arrays import Floats
from dipcli.errors import DipError
from dipcli.figures import canvas, curves
from dipcli.figures.bands import Bands, bands
from dipcli.figures.canvas import Numbers
from dipcli.figures.curves import Series
from dipcli.figures.heatmap import FREQUENCY, Spectrum, heatmap
from dipcli.figures.lettering import POINT, TO, shortened, width
from dipcli.measure.base import grouped
from dipcli.measure.frc import SEVENTH
from dipcli.measure.pairs import Side, Still
from dipcli.measure.trajectories import Distances

QUANTITY = "sum of squared differences"
CORRELATION = "Fourier ring correlation"
POINTS = {"first convergence": "v", "peak": "^", "second convergence": "D"}  # their markers
MARKER = {"markersize": 5, "markeredgecolor": "white", "markeredgewidth": 0.6, "zorder": 3}
THUMBNAIL = 1.15  # inches at most
TALLEST = 1.5  # height of a thumbnail at most, over its width
FINE = 150  # pixels per inch: finer images are averaged, or every second line would be lost
SMALL = 7  # points


@dataclass(frozen=True)
class Distance:
    """The distance of two images at each iteration."""

    a: str
    b: str
    iteration: Numbers  # (n,)
    sse: Numbers  # (n,)
    points: tuple[tuple[str, int, float], ...] = ()  # name, iteration, sse
    # the images of a and b at each point, (channel, y, x) in [0, 1]; or none
    thumbnails: tuple[tuple[Numbers, Numbers], ...] = ()

    @property
    def name(self) -> str:
        return f"{self.a} {TO} {self.b}"


def distance_figure(pairs: Sequence[Distances], labels: Mapping[str, str]) -> Figure:
    """Draw the distances of pairs: a panel per store of their first side; `labels` name stores."""
    curves = [pair for pair in pairs if len(pair.iteration)]
    if not curves:
        msg = "--plot draws distances over iterations, and images have none: name a store"
        raise DipError(msg)
    panels = grouped(curves, lambda one: labels.get(_store(one), _store(one)))
    if "frequency" in curves[0].axis:
        return _correlations(panels, labels)
    if curves[0].axis:
        return band_distances({t: [_bands(one, labels) for one in p] for t, p in panels.items()})
    return distances({title: _distances(panel, labels) for title, panel in panels.items()})


def band_distances(panels: Mapping[str, Sequence[Bands]]) -> Figure:
    """Draw a panel per key, a curve per pair and frequency band."""
    return bands(panels, QUANTITY, log=True, unit="Nyquist frequency")


@canvas.style()
def distances(panels: Mapping[str, Sequence[Distance]]) -> Figure:
    """Draw a panel per key, a curve per pair, and the images of the first pair at its points."""
    every = [pair for pairs in panels.values() for pair in pairs]
    pictured = [next((p for p in pairs if p.thumbnails), None) for pairs in panels.values()]
    side, strips = _thumbnail_sizes([pair for pair in pictured if pair], len(panels))
    figure, axes = canvas.panels(panels, strips=strips, cells=len(POINTS) if strips else 1)
    axes[0].set_yscale("log")
    looks = canvas.looks(pair.name for pair in every)
    lines = {t: [Series(p.name, p.iteration, p.sse) for p in q] for t, q in panels.items()}
    curves.draw(axes, lines, looks)
    for ax, pairs in zip(axes, panels.values(), strict=False):
        for one in pairs:
            for name, iteration, sse in one.points:
                color = looks[one.name]["color"]
                ax.plot(iteration, sse, marker=POINTS[name], color=color, **MARKER)
    texts = [
        _draw_thumbnails(ax, pair, side) for ax, pair in zip(axes, pictured, strict=False) if pair
    ]
    if texts:
        canvas.grow(figure, (max(texts) + 2) * canvas.arrangement(len(panels))[0])
    canvas.over_iterations(axes, QUANTITY)
    entries = curves.entries(looks)
    for name, marker in POINTS.items():
        if any(name == point[0] for pair in every for point in pair.points):
            entries[name] = curves.handle(color="0.3", linestyle="none", marker=marker, **MARKER)
    canvas.legend(figure, entries)
    return figure


def _thumbnail_sizes(pairs: Sequence[Distance], count: int) -> tuple[float, list[float]]:
    """The width of a thumbnail, and the heights of the strips of both sides."""
    wide, _ = canvas.panel_size(canvas.arrangement(count)[1])
    side = min((wide - 0.6) / len(POINTS), THUMBNAIL)
    ratios = [image.shape[1] / image.shape[2] for pair in pairs for image, _ in pair.thumbnails]
    return side, [side * min(max(ratios), TALLEST)] * 2 if ratios else []


def _draw_thumbnails(ax: Any, pair: Distance, side: float) -> int:
    """Draw the images of both sides at each point; return the lines of text above them."""
    place, grid, lines = ax.get_subplotspec(), ax.get_gridspec(), 0
    columns = zip(place.colspan, pair.points, pair.thumbnails, strict=True)
    for column, (point, iteration, _), images in columns:
        header = f"{point}\n{iteration}"
        if any(width(line, SMALL) * POINT > side for line in header.split("\n")):
            header = header.replace(" ", "\n")
        lines = max(lines, header.count("\n") + 1)
        for row, (name, image) in enumerate(zip((pair.a, pair.b), images, strict=True), 1):
            cell = ax.figure.add_subplot(grid[place.rowspan.start + row, column])
            smooth = "antialiased" if max(image.shape[1:]) > side * FINE else "nearest"
            cell.imshow(canvas.displayed(image), cmap="gray", vmin=0, vmax=1, interpolation=smooth)
            cell.set(xticks=[], yticks=[])
            cell.spines[:].set_visible(False)
            if row == 1:
                cell.set_title("\n".join(map(canvas.literal, header.split("\n"))), fontsize=SMALL)
            if column == place.colspan.start:
                title = canvas.literal(shortened(name, side / POINT, SMALL))
                cell.set_ylabel(title, fontsize=SMALL)
    return lines


# -- from measured pairs to what is drawn ----------------------------------------------------


def _correlations(panels: Mapping[str, Sequence[Distances]], labels: Mapping[str, str]) -> Figure:
    """A heat map for each pair."""
    maps = {}
    for title, pairs in panels.items():
        for one in pairs:
            name = " to ".join(_names(one, labels))
            values = np.array([values["frc"] for values in one.values.values()])
            maps[f"{title} {name}"] = Spectrum(one.iteration, one.axis["frequency"], values)
    signed = any((spectrum.values < 0).any() for spectrum in maps.values())
    return heatmap(maps, CORRELATION, y=FREQUENCY, signed=signed, levels=(SEVENTH,))


def _bands(one: Distances, labels: Mapping[str, str]) -> Bands:
    name = " to ".join(_names(one, labels))
    return Bands(one.iteration, one.axis["low"], one.axis["high"], one.sse, None, name)


def _distances(pairs: Sequence[Distances], labels: Mapping[str, str]) -> list[Distance]:
    """The curves of a panel; the first that converges twice has thumbnails."""
    plots: list[Distance] = []
    for one in pairs:
        marks, images = [], []
        ((_, points),) = one.convergences()
        if points is not None:
            places = zip(POINTS, points[:6:2], points[1:6:2], strict=True)
            marks = [(name, int(i), float(sse)) for name, i, sse in places]
            if not any(plot.thumbnails for plot in plots):
                a, b = one.pair.sides
                images = [(_image(a, i), _image(b, i)) for _, i, _ in marks]
        names = _names(one, labels)
        plots.append(Distance(*names, one.iteration, one.sse, tuple(marks), tuple(images)))
    return plots


def _image(side: Side, iteration: int) -> Floats:
    return side.pixels if isinstance(side, Still) else side.run.frame(side.shown[iteration])


def _store(one: Distances) -> str:
    return one.pair.a.label.rpartition("/")[0]


def _names(one: Distances, labels: Mapping[str, str]) -> tuple[str, str]:
    """The names of both sides; without the store that the title of the panel names."""

    def name(side: Side) -> str:
        store, _, run = side.label.rpartition("/")
        if isinstance(side, Still):
            return side.label
        return run if store in (_store(one), "") else f"{labels.get(store, store)} {run}"

    return name(one.pair.a), name(one.pair.b)
