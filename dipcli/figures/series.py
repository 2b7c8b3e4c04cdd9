"""Curves against iteration: PSNR, loss, blur and sharpness; with the choices of stopping rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dipcli.figures import canvas, curves
from dipcli.figures.curves import LINE, Mark, Panels, Series

MARKERS = ("v", "^", "D", "s", "P", "X", "<", ">", "p", "h")
MARKER = {"markersize": 5.5, "markeredgewidth": 0.8, "linestyle": "none", "zorder": 3}
BEST = "best PSNR"


@canvas.style()
def series(
    panels: Panels,
    quantity: str,
    *,
    log: bool = False,
    best: Mapping[str, Sequence[int | None]] | None = None,
    x: str = "",
) -> Figure:
    """Draw a panel per key and a curve per series, against the iteration unless `x` names it.

    `best` holds the iterations of the best PSNR by panel; they are vertical lines.
    """
    figure, axes = canvas.panels(panels)
    if log:
        axes[0].set_yscale("log")
    best = best or {}
    every = [one for lines in panels.values() for one in lines]
    looks = canvas.looks(one.name for one in every)
    marks = [mark for one in every for mark in one.marks]
    rules = dict.fromkeys(mark.name for mark in marks if mark.name != BEST)
    shapes = {**dict(zip(rules, cycle(MARKERS), strict=False)), BEST: "*"}
    curves.draw(axes, panels, looks)
    for ax, (title, lines) in zip(axes, panels.items(), strict=False):
        curves.verticals(ax, best.get(title, ()))
        for one in lines:
            for mark in one.marks:
                _draw_mark(ax, one, mark, shapes[mark.name], looks[one.name]["color"])
    if x:
        canvas.name_axes(axes, x, quantity)
    else:
        canvas.over_iterations(axes, quantity)
    entries = curves.entries(looks) | _mark_entries(marks, shapes)
    if any(iteration is not None for lines in best.values() for iteration in lines):
        entries[BEST] = curves.handle(**LINE)
    canvas.legend(figure, entries)
    return figure


def _draw_mark(ax: Any, one: Series, mark: Mark, shape: str, color: Any) -> None:
    """Draw a mark at the point of the curve nearest to its iteration."""
    if not len(one.x):
        return
    place = int(np.argmin(np.abs(np.asarray(one.x) - mark.iteration)))
    value = float(one.values[place])
    if not np.isfinite(value) or (value <= 0 and ax.get_yscale() == "log"):
        return
    look = _marker(shape, color, "black") if mark.sure else _marker(shape, "white", color)
    ax.plot([one.x[place]], [value], clip_on=False, **look)


def _mark_entries(marks: Sequence[Mark], shapes: Mapping[str, str]) -> dict[str, Any]:
    """The entries of the marks in the legend."""
    entries = {}
    for name, shape in shapes.items():
        sure = [mark.sure for mark in marks if mark.name == name]
        if sure:
            entries[name] = curves.handle(**_marker(shape, "0.3" if any(sure) else "white", "0.3"))
    if len({mark.sure for mark in marks}) > 1:
        entries["open: not sure yet"] = curves.handle(**_marker("o", "white", "0.3"))
    return entries


def _marker(shape: str, face: Any, edge: Any) -> dict[str, Any]:
    # the star is large, and must not hide the choice of a rule
    size = {"markersize": 9, "zorder": 2.9} if shape == "*" else {}
    colors = {"markerfacecolor": face, "markeredgecolor": edge}
    return {**MARKER, **size, "marker": shape, **colors}
