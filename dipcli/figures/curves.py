"""Curves that stay small as files, keep gaps and extremes, and show single points as dots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from dipcli.figures.canvas import Numbers, label_empty

POINTS = 40_000  # of all curves of a figure: a megabyte of svg where they are noise
MOST, FEWEST = 4000, 400  # points of one curve
LINE = {"color": "0.3", "linestyle": (0, (2, 1.5)), "linewidth": 0.9}  # a vertical line


@dataclass(frozen=True)
class Mark:
    """A choice at an iteration; its marker is open unless the rule was sure."""

    name: str
    iteration: int
    sure: bool = True


@dataclass(frozen=True)
class Series:
    """A named curve, and the marks on it."""

    name: str
    x: Numbers  # (n,), such as iterations or frequencies
    values: Numbers  # (n,)
    marks: tuple[Mark, ...] = ()


Panels = Mapping[str, Sequence[Series]]  # by title
Looks = Mapping[str, Mapping[str, Any]]  # by name


def draw(axes: Sequence[Any], panels: Panels, looks: Looks) -> None:
    """Draw each curve into its panel, in the look of its name."""
    limit = point_limit(sum(map(len, panels.values())))
    for ax, curves in zip(axes, panels.values(), strict=False):
        for one in curves:
            curve(ax, one.x, one.values, limit, label=one.name, **looks[one.name])
        label_if_empty(ax)


def entries(looks: Looks, **more: Any) -> dict[str, Any]:
    """The entries of curves in a legend, which a single one does not need."""
    every = looks.items() if len(looks) > 1 else ()
    return {name: handle(**look, **more) for name, look in every}


def point_limit(curves: int) -> int:
    """The number of points that each of so many curves may have."""
    return min(max(POINTS // max(curves, 1), FEWEST), MOST)


def curve(ax: Any, x: Numbers, y: Numbers, limit: int = MOST, **look: Any) -> Line2D:
    """Draw a line through the finite values (above 0 on a log axis), and a dot at a single one."""
    y = np.asarray(y, float)
    shown = np.isfinite(y) & ((y > 0) | (ax.get_yscale() != "log"))
    x, y = thin(np.asarray(x, float), np.where(shown, y, np.nan), limit)
    gaps = np.isnan(np.concatenate([[np.nan], y, [np.nan]]))
    single = np.flatnonzero(gaps[:-2] & ~gaps[1:-1] & gaps[2:])
    look = {"linestyle": "-", "marker": "o", "markevery": single.tolist(), **look}
    (line,) = ax.plot(x, y, **look)
    line.set_markersize(2 * line.get_linewidth())
    return line  # type: ignore[no-any-return]


def thin(x: Numbers, y: Numbers, limit: int) -> tuple[Numbers, Numbers]:
    """Keep about `limit` points: the first, last, extremes and a gap of each stretch of x.

    x ascends.
    """
    if len(x) <= limit:
        return x, y
    starts = np.searchsorted(x, np.linspace(x[0], x[-1], limit // 4 + 1)[:-1])
    kept: set[int] = set()
    for start, stop in zip(starts, [*starts[1:], len(x)], strict=True):
        if start == stop:
            continue
        part = y[start:stop]
        kept |= {start, stop - 1}
        gaps = np.isnan(part)
        if gaps.any():
            kept.add(start + int(gaps.argmax()))
        if not gaps.all():
            kept |= {start + int(np.nanargmin(part)), start + int(np.nanargmax(part))}
    order = sorted(kept)
    return x[order], y[order]


def handle(**look: Any) -> Line2D:
    """The line or marker of an entry in a legend."""
    return Line2D([], [], **look)


def verticals(ax: Any, places: Iterable[float | None]) -> None:
    """Draw a vertical line at each place; axvline would compute all panels' limits each time."""
    for x in places:
        if x is not None:
            ax.plot([x, x], [0, 1], transform=ax.get_xaxis_transform(), zorder=1.5, **LINE)


def label_if_empty(ax: Any) -> None:
    """Write "no values" into a panel in which no value can be drawn."""
    if not any(np.isfinite(line.get_ydata()).any() for line in ax.lines):
        label_empty(ax, "no values above 0" if ax.get_yscale() == "log" else "no values")
