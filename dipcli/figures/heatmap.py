"""Heat maps: a measure against iteration (Chakrabarty & Maji 2019), and 2-d power spectra."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Colormap, LogNorm, Normalize
from matplotlib.figure import Figure

from dipcli.figures import canvas
from dipcli.figures.canvas import Numbers, broken, grow
from dipcli.figures.curves import point_limit
from dipcli.figures.lettering import POINT, wrapped

COLUMNS = 800  # more than a panel resolves
DASHES = ("dashed", "solid", "dotted")  # of contours, from the lowest
SAMPLE = 100_000  # values of an array from which the range is computed
FAINT = 5  # percentile at which the scale begins: spectra have a long lower tail
BAR_LENGTH, BAR_WIDTH = 4.5, 0.09  # inches
MISSING = "0.85"  # gray, where there is no value
SMALLEST, LARGEST = 1.0, 2.2  # inches, of a 2-d spectrum
LEFT, BELOW, GAP = 0.95, 0.65, 0.3  # inches, around 2-d spectra
FREQUENCY = "frequency (cycles per pixel)"


@dataclass(frozen=True)
class Spectrum:
    """A radial spectrum, or another measure along an axis, at each iteration."""

    iteration: Numbers  # (n,), ascending, in any steps
    frequency: Numbers  # (r,), ascending: cycles per pixel, or the places of another axis
    values: Numbers  # (n, r)


@canvas.style()
def heatmap(
    stores: Mapping[str, Spectrum],
    quantity: str,
    *,
    y: str = FREQUENCY,
    signed: bool = False,
    levels: Sequence[float] = (),
) -> Figure:
    """Draw a panel per store on one colour scale, with contours at the levels.

    The scale is logarithmic, or, if `signed`, linear from blue over white at 0 to red. It is made
    without frequency 0: the mean of an image exceeds all else by far.
    """
    figure, axes = canvas.panels(stores)
    shown = [
        one.values[:, one.frequency > 0] if y == FREQUENCY and not signed else one.values
        for one in stores.values()
    ]
    norm = color_scale(shown, signed=signed)
    limit = point_limit(len(stores) * len(levels))
    contours = dict(zip(sorted(levels), DASHES, strict=False))
    mesh = None
    for ax, store in zip(axes, stores.values(), strict=False):
        ax.grid(visible=False)
        if store.values.size == 0:
            canvas.label_empty(ax)
            continue
        columns = np.unique(np.linspace(0, len(store.iteration) - 1, COLUMNS).round().astype(int))
        iteration = store.iteration[columns]
        values = drawable(store.values[columns], norm)
        mesh = ax.pcolormesh(
            edges(iteration),
            edges(store.frequency),
            values.T,
            norm=norm,
            cmap=colormap(signed=signed),
            rasterized=True,
        )
        for level, dashes in contours.items():
            contour(ax, iteration, store.frequency, values, level, dashes, limit)
    canvas.over_iterations(axes, y)
    if mesh is not None:
        lines = ", ".join(f"{level:.3g} ({dashes})" for level, dashes in contours.items())
        color_bar(figure, axes, mesh, f"{quantity}; contours at {lines}" if levels else quantity)
    return figure


def contour(
    ax: Any, x: Numbers, y: Numbers, values: Numbers, level: float, dashes: str, limit: int
) -> None:
    """Draw the contour at a level; as pixels where noise breaks it into too many lines."""
    if min(values.shape) < 2 or not values.min() < level < values.max():
        return
    red, green, blue, _ = ax.collections[0].to_rgba(level)
    color = "black" if 0.3 * red + 0.59 * green + 0.11 * blue > 0.4 else "white"
    look = {"colors": color, "linewidths": 0.8, "linestyles": dashes}
    lines = ax.contour(x, y, values.T, [level], **look)
    lines.set_rasterized(sum(len(path.vertices) for path in lines.get_paths()) > limit)


def edges(centres: Numbers) -> Numbers:
    """The borders of cells, half way between their centres; negative only where a centre is."""
    half = np.diff(centres) / 2 if len(centres) > 1 else np.array([0.5])
    borders = np.array([centres[0] - half[0], *(centres[:-1] + half), centres[-1] + half[-1]])
    return borders if centres[0] < 0 else np.maximum(borders, 0)


@canvas.style()
def power2d(stores: Mapping[str, Mapping[int, Numbers]], quantity: str) -> Figure:
    """Draw a row per store and a column per iteration; (y, x) with frequency 0 in the centre.

    Vertical frequencies point down, as the rows of the image do.
    """
    rows, columns = max(len(stores), 1), max(map(len, stores.values()), default=0) or 1
    same_iterations = len({tuple(store) for store in stores.values()}) <= 1
    cell = min(max((canvas.PAGE - LEFT) / columns - GAP, SMALLEST), LARGEST)
    size = columns * (cell + GAP) + LEFT, rows * (cell + GAP) + BELOW
    figure = Figure(size, layout="compressed")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    norm = color_scale(power for store in stores.values() for power in store.values())
    for place, (label, store) in enumerate(stores.items()):
        row = grid[place]
        row[0].set_ylabel("\n".join(map(canvas.literal, wrapped(label, cell / POINT))))
        for ax in row[max(len(store), 1) :]:
            ax.set_axis_off()
        if not store:
            canvas.label_empty(row[0])
        for ax, (iteration, power) in zip(row, store.items(), strict=False):
            image = ax.imshow(
                drawable(power, norm), norm=norm, cmap=colormap(), extent=extent(power.shape)
            )
            if place == 0 or not same_iterations:
                ax.set_title(f"iteration {iteration}")
    for ax in grid.flat:
        ax.set(xlim=(-0.5, 0.5), ylim=(0.5, -0.5), xticks=(-0.5, 0, 0.5), yticks=(-0.5, 0, 0.5))
        ax.grid(visible=False)
    figure.supxlabel(f"horizontal {FREQUENCY}", fontsize=8)
    figure.supylabel(f"vertical {FREQUENCY}", fontsize=8)
    if not stores:
        canvas.label_empty(grid[0, 0])
    if any(stores.values()):
        color_bar(figure, list(grid.flat), image, quantity)
    return figure


def extent(shape: tuple[int, ...]) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of a shifted spectrum, whose frequencies are cell centres."""
    (top, bottom), (left, right) = (
        ((-(size // 2) - 0.5) / size, ((size - 1) // 2 + 0.5) / size) for size in shape
    )
    return left, right, bottom, top


# -- the colour scale of all panels ----------------------------------------------------------


def color_scale(arrays: Iterable[Numbers], *, signed: bool = False) -> Normalize:
    """A logarithmic scale from the faint values to the highest, or a linear one around 0."""
    lows, highs = [], []
    for array in arrays:
        values = np.ravel(array)
        values = values[np.isfinite(values)]
        values = np.abs(values) if signed else values[values > 0]
        if values.size:
            lows.append(np.percentile(values[:: -(-values.size // SAMPLE)], FAINT))
            highs.append(values.max())
    low, high = (min(lows), max(highs)) if lows else (0.1, 1.0)
    if signed:
        return Normalize(-float(high or 1), float(high or 1))
    if high <= low * 1.0001:  # one value only
        low, high = low / 2, high * 2
    return LogNorm(float(low), float(high))


def colormap(*, signed: bool = False) -> Colormap:
    """Dark is low; if signed, blue is below 0 and red above."""
    return mpl.colormaps["RdBu_r" if signed else "viridis"].with_extremes(bad=MISSING)


def drawable(values: Numbers, norm: Normalize) -> Numbers:
    """Mask what is not finite; on a log scale, values up to 0 take the lowest colour."""
    if isinstance(norm, LogNorm):
        values = np.where(np.asarray(values) <= 0, 0.1 * (norm.vmin or 1), values)
    return np.ma.masked_invalid(values)


def _extended(image: Any) -> str:
    """The ends of the colour bar beyond which there are values."""
    if not isinstance(image.norm, LogNorm):
        return "neither"
    return "both" if image.get_array().max() > image.norm.vmax else "min"


def color_bar(figure: Figure, axes: Sequence[Any], image: Any, quantity: str) -> None:
    """Add one colour bar for all panels, above them."""
    wide = figure.get_figwidth()
    lines = broken(quantity, wide - 0.3)
    grow(figure, 3.5 + lines.count("\n"))
    figure.colorbar(
        image,
        ax=list(axes),
        location="top",
        label=lines,
        extend=_extended(image),
        extendfrac=0.02,
        shrink=min(BAR_LENGTH / wide, 0.9),
        aspect=min(BAR_LENGTH, 0.9 * wide) / BAR_WIDTH,
        pad=0.08 / figure.get_figheight(),
    )
