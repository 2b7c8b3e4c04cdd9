"""The distance of trajectories, as in figure 1 of Chakrabarty & Maji 2019."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from dipcli.arrays import Floats
from dipcli.errors import DipError
from dipcli.figures import canvas
from dipcli.figures.bands import Bands, bands
from dipcli.figures.canvas import Numbers
from dipcli.figures.curves import curve, handle, label_if_empty, point_limit
from dipcli.figures.lettering import POINT, TO, shortened, width
from dipcli.measure.convergence import Convergence
from dipcli.measure.pairs import Moving, Side, Still
from dipcli.measure.trajectories import Distances

QUANTITY = "sum of squared differences"
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
    thumbnails: tuple[tuple[int, Numbers, Numbers | None], ...] = ()  # (channel, y, x) in [0, 1]

    @property
    def name(self) -> str:
        return f"{self.a} {TO} {self.b}"


def distance_figure(pairs: Sequence[Distances], labels: Mapping[str, str]) -> Figure:
    """Draw the distances of pairs: a panel per store of their first side; `labels` name stores."""
    curves = [pair for pair in pairs if len(pair.iteration)]
    if not curves:
        msg = "--plot draws distances over iterations, and images have none: name a store"
        raise DipError(msg)
    panels: dict[str, list[Distances]] = {}
    for one in curves:
        store = one.pair.a.label.rpartition("/")[0]
        panels.setdefault(labels.get(store, store), []).append(one)
    if curves[0].axis:
        return band_distances(
            {title: [_bands(one, labels) for one in panel] for title, panel in panels.items()}
        )
    plots: dict[str, list[Distance]] = {}
    for title, panel in panels.items():
        points = [next((p for _, p in one.convergences()), None) for one in panel]
        first = next((i for i, p in enumerate(points) if p), None)
        plots[title] = [
            _distance(one, p, labels, thumbnails=i == first)
            for i, (one, p) in enumerate(zip(panel, points, strict=True))
        ]
    return distances(plots)


def band_distances(panels: Mapping[str, Sequence[Bands]]) -> Figure:
    """Draw a panel per key, a curve per pair and frequency band."""
    return bands(panels, QUANTITY, log=True, unit="Nyquist frequency")


@canvas.style()
def distances(panels: Mapping[str, Sequence[Distance]]) -> Figure:
    """Draw a panel per key, a curve per pair, and the images of the first pair at its points."""
    every = [pair for pairs in panels.values() for pair in pairs]
    pictured = [next((p for p in pairs if p.thumbnails), None) for pairs in panels.values()]
    side, cells, strips = _thumbnail_sizes([pair for pair in pictured if pair], len(panels))
    figure, axes = canvas.panels(list(panels), strips=strips, cells=cells)
    axes[0].set_yscale("log")
    looks = canvas.looks(list(dict.fromkeys(pair.name for pair in every)))
    limit = point_limit(len(every))
    for ax, pairs in zip(axes, panels.values(), strict=False):
        for one in pairs:
            curve(ax, one.iteration, one.sse, limit, label=one.name, **looks[one.name])
        label_if_empty(ax)
        for one in pairs:
            for name, iteration, sse in one.points:
                color = looks[one.name]["color"]
                ax.plot(iteration, sse, marker=POINTS[name], color=color, **MARKER)
    lines = [
        _draw_thumbnails(ax, pair, side) for ax, pair in zip(axes, pictured, strict=False) if pair
    ]
    if lines:
        canvas.grow(figure, (max(lines) + 2) * canvas.arrangement(len(panels))[0])
    canvas.over_iterations(axes, QUANTITY)
    entries = {name: handle(**look) for name, look in looks.items()} if len(looks) > 1 else {}
    for name, marker in POINTS.items():
        if any(name == point[0] for pair in every for point in pair.points):
            entries[name] = handle(color="0.3", linestyle="none", marker=marker, **MARKER)
    canvas.legend(figure, entries)
    return figure


def _thumbnail_sizes(pairs: Sequence[Distance], count: int) -> tuple[float, int, list[float]]:
    """The width of a thumbnail, the thumbnails in a strip, and the heights of the strips."""
    if not pairs:
        return 0, 1, []
    cells = max(len(pair.thumbnails) for pair in pairs)
    wide, _ = canvas.panel_size(canvas.arrangement(count)[1])
    side = min((wide - 0.6) / cells, THUMBNAIL)
    tall = max(image.shape[1] / image.shape[2] for pair in pairs for _, image, _ in pair.thumbnails)
    two = any(other is not None for pair in pairs for _, _, other in pair.thumbnails)
    return side, cells, [side * min(tall, TALLEST)] * (1 + two)


def _draw_thumbnails(ax: Any, pair: Distance, side: float) -> int:
    """Draw the images of both sides at each point; return the lines of text above them."""
    place, grid, lines = ax.get_subplotspec(), ax.get_gridspec(), 0
    for column, (iteration, *images) in enumerate(pair.thumbnails, place.colspan.start):
        names = [point[0] for point in pair.points if point[1] == iteration]
        header = "\n".join([*names, f"{iteration}"]) if names else f"iteration {iteration}"
        if any(width(line, SMALL) * POINT > side for line in header.split("\n")):
            header = header.replace(" ", "\n")
        lines = max(lines, header.count("\n") + 1)
        for row, (name, image) in enumerate(zip((pair.a, pair.b), images, strict=True), 1):
            if image is None:
                continue
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


def _bands(one: Distances, labels: Mapping[str, str]) -> Bands:
    name = " to ".join(_names(one, labels))
    return Bands(one.iteration, one.axis["low"], one.axis["high"], one.curves, None, name)


def _distance(
    one: Distances, points: Convergence | None, labels: Mapping[str, str], *, thumbnails: bool
) -> Distance:
    marks, images = [], []
    if points is not None:
        at = [points[:2], points[2:4], points[4:]]
        marks = [(name, int(i), float(v)) for name, (i, v) in zip(POINTS, at, strict=True)]
        if thumbnails:
            images = [(i, _image(one.pair.a, i), _image(one.pair.b, i)) for _, i, _ in marks]
    return Distance(*_names(one, labels), one.iteration, one.sse, tuple(marks), tuple(images))


def _image(side: Side, iteration: int) -> Floats:
    return side.pixels if isinstance(side, Still) else side.run.frame(side.frame_at(iteration))


def _names(one: Distances, labels: Mapping[str, str]) -> tuple[str, str]:
    """The names of both sides; without the store that the title of the panel names."""
    panel = one.pair.a.label.rpartition("/")[0]
    return _name(one.pair.a, panel, labels), _name(one.pair.b, panel, labels)


def _name(side: Side, panel: str, labels: Mapping[str, str]) -> str:
    store, _, run = side.label.rpartition("/")
    if not isinstance(side, Moving):
        return side.label
    return run if store in (panel, "") else f"{labels.get(store, store)} {run}"
