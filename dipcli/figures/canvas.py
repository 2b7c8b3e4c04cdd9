"""What all figures share: style, panels side by side, legends, and reproducible files.

Figures are made without pyplot, so that no state is global and no window opens. Their size is the
printed size, one column or a page wide, so that their letters match the text around them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from itertools import cycle
from typing import Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.figure import Figure
from matplotlib.ticker import Formatter, MaxNLocator
from numpy.typing import NDArray

from dipcli.figures.lettering import POINT, shortened, width, wrapped
from dipcli.figures.lettering import literal as literal  # for the other figures

Numbers = NDArray[Any]
FORMATS = ("svg", "png", "pdf")
# Okabe and Ito
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
DASHES = ("-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))  # used when the colours run out
PANEL = (4.2, 3.0)  # inches
PAGE = 7.2  # inches
LOWEST = 2.0  # inches, least height of a narrow panel
ACROSS = 3  # panels in a row
PIXELS = 2**16 - 1  # of a side at most: matplotlib draws no more
RASTER = 700_000  # pixels of the images in an svg or pdf: a megabyte
SCREEN = 72  # dots per inch at least
LONG = 11_000  # iterations: beyond, an axis counts in thousands
LEGEND = 12  # entries at most of a legend whose colours are a scale
STYLE: Any = {  # Any: matplotlib types the keys as literals
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.prop_cycle": cycler(linestyle=DASHES) * cycler(color=COLORS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 8,
    "axes.xmargin": 0.02,
    "figure.constrained_layout.h_pad": 0.05,
    "figure.constrained_layout.w_pad": 0.05,
    "figure.constrained_layout.wspace": 0.03,
    "figure.dpi": 100,
    "font.size": 8,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.5,
    "image.cmap": "viridis",
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "legend.title_fontsize": 7.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "pdf.fonttype": 42,  # TrueType, which publishers ask for
    "savefig.dpi": 300,
    "svg.hashsalt": "dip",  # the same ids in each file
    "xtick.labelsize": 7,
    "xtick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.labelsize": 7,
    "ytick.major.width": 0.6,
    "ytick.minor.width": 0.4,
}
METADATA: dict[str, dict[str, Any]] = {  # no date: the same numbers give the same bytes
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
    "png": {"Software": None},
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in this style and ignore the user's matplotlibrc; also a decorator."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def arrangement(count: int) -> tuple[int, int]:
    """The numbers of rows and columns of panels."""
    across = {1: 1, 2: 2, 4: 2}.get(count, ACROSS)
    return -(-count // across), across


def panel_size(across: int) -> tuple[float, float]:
    """Width and height (inches) of a panel where so many share the width of the page."""
    wide = min(PANEL[0], PAGE / across)
    return wide, max(wide * PANEL[1] / PANEL[0], LOWEST)


@style()
def panels(
    labels: Iterable[str], *, strips: Sequence[float] = (), cells: int = 1
) -> tuple[Figure, list[Any]]:
    """A figure with one panel per label, on common axes; without labels, one empty panel.

    `strips` are the heights (inches) of strips below each panel, each divided into `cells`.
    """
    titles = [*labels] or [""]
    down, across = arrangement(len(titles))
    wide, high = panel_size(across)
    figure = Figure((wide * across, (high + sum(strips)) * down), layout="constrained")
    rows = 1 + len(strips)
    # all ratios are inches
    grid = figure.add_gridspec(rows * down, cells * across, height_ratios=[high, *strips] * down)
    axes: list[Any] = []
    for index, title in enumerate(titles):
        row, column = divmod(index, across)
        place = grid[row * rows, column * cells : (column + 1) * cells]
        first = axes[0] if axes else None
        ax = figure.add_subplot(place, sharex=first, sharey=first)
        lowest = index + across >= len(titles)
        ax.tick_params(which="both", labelleft=column == 0, labelbottom=lowest or bool(strips))
        ax.set_title("\n".join(map(literal, wrapped(title, (wide - 0.6) / POINT))))
        axes.append(ax)
    if not labels:
        label_empty(axes[0])
    grow(figure, max(ax.get_title().count("\n") for ax in axes) * down)
    return figure, axes


def label_empty(ax: Any, text: str = "no values") -> None:
    """Write into the middle of an empty panel."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color="0.4")


def grow(figure: Figure, lines: float) -> None:
    """Make a figure higher by lines of text, so that the panels keep their size."""
    figure.set_figheight(figure.get_figheight() + lines * 1.25 * STYLE["font.size"] * POINT)


def over_iterations(axes: Sequence[Any], y: str) -> None:
    """Label the axes; x is the iteration."""
    steps = MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True, min_n_ticks=1)
    axes[0].xaxis.set_major_locator(steps)
    axes[0].xaxis.set_major_formatter(Thousands())
    name_axes(axes, "iteration", y)


class Thousands(Formatter):
    """Write 5000 as 5k on an axis that reaches LONG."""

    axis: Any

    def __call__(self, x: float, pos: int | None = None) -> str:
        long = max(map(abs, self.axis.get_view_interval())) >= LONG
        return f"{x / 1000:g}k" if long and x else f"{x:g}"


def name_axes(axes: Sequence[Any], x: str, y: str) -> None:
    """Label common axes where their numbers are, in lines that fit the panels."""
    wide = axes[0].figure.get_figwidth() / arrangement(len(axes))[1]
    high = axes[0].get_gridspec().get_height_ratios()[0]
    below, beside = broken(x, wide - 0.6), broken(y, high - 0.6)
    for ax in axes:
        if ax.xaxis.get_tick_params()["labelbottom"]:
            ax.set_xlabel(below)
        if ax.yaxis.get_tick_params()["labelleft"]:
            ax.set_ylabel(beside)


def broken(name: str, room: float) -> str:
    """Break the label of an axis into lines that fit (inches), first before its unit."""
    parts = [name] if width(name) * POINT <= room else name.replace(" (", "\n(").split("\n")
    return "\n".join(literal(line) for part in parts for line in wrapped(part, room / POINT))


def legend(figure: Figure, entries: Mapping[str, Any], title: str = "") -> None:
    """Add one legend for all panels, above them, where it covers no data."""
    if not entries:
        return
    em = STYLE["legend.fontsize"]
    room = figure.get_figwidth() / POINT - 2 * em
    names = [shortened(name, room - 4 * em, em) for name in entries]
    wide = [width(name, em) + 4 * em for name in names]
    columns = len(names)
    while columns > 1 and sum(map(max, np.array_split(wide, columns))) > room:
        columns -= 1
    figure.legend(
        list(entries.values()),
        [literal(name) for name in names],
        loc="outside upper center",
        ncols=columns,
        title=literal(title) or None,
        columnspacing=1.4,
        handlelength=1.8,
        handletextpad=0.5,
        borderaxespad=0.2,
    )
    grow(figure, -(-len(names) // columns) * 1.1 + bool(title) + 0.2)


def looks(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """A colour and dash for each name; the first 28 differ."""
    return dict(zip(dict.fromkeys(names), cycle(STYLE["axes.prop_cycle"]), strict=False))


def sequential(count: int, colormap: str = "viridis") -> list[Any]:
    """Colours from low (dark) to high (light), all visible on white."""
    dark, light = (0.0, 0.88) if colormap == "viridis" else (0.9, 0.4)
    return [tuple(c) for c in mpl.colormaps[colormap](np.linspace(dark, light, max(count, 2)))][
        :count
    ]


def thin_out(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Keep LEGEND entries of a colour scale, the first and the last included."""
    names = list(entries)
    kept = np.linspace(0, len(names) - 1, min(len(names), LEGEND)).round().astype(int)
    return {names[i]: entries[names[i]] for i in kept}


def displayed(image: Numbers) -> Numbers:
    """(y, x) or (y, x, 3) in [0, 1]; other channel counts as their mean, unknown pixels gray."""
    image = np.clip(np.nan_to_num(np.asarray(image, float), nan=0.5), 0, 1)
    return np.moveaxis(image, 0, -1) if len(image) == 3 else image.mean(axis=0)


@style()
def encode(figure: Figure, form: str) -> bytes:
    """The bytes of a figure as svg, png or pdf; all formats share one layout."""
    layout = figure.get_layout_engine()
    if layout is not None:
        layout.execute(figure)
        figure.set_layout_engine("none")
    wide, high = figure.get_size_inches()
    dpi = min(STYLE["savefig.dpi"], PIXELS / max(wide, high))
    if form != "png":  # the resolution of images inside
        dpi = min(dpi, max((RASTER / (wide * high)) ** 0.5, SCREEN))
    data = BytesIO()
    figure.savefig(data, format=form, dpi=dpi, metadata=METADATA[form])
    return data.getvalue()
