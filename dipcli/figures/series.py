"""Curves against iteration: PSNR, loss, blur and sharpness; with the choices of stopping rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dipcli.figures import canvas
from dipcli.figures.canvas import Numbers
from dipcli.figures.curves import LINE, curve, handle, label_if_empty, point_limit, verticals

MARKERS = ("v", "^", "D", "s", "P", "X", "<", ">", "p", "h")
MARKER = {"markersize": 5.5, "markeredgewidth": 0.8, "linestyle": "none", "zorder": 3}
STAR = {"markersize": 9, "zorder": 2.9}  # it is large, and must not hide the choice of a rule
BEST = "best PSNR"


@dataclass(frozen=True)
class Mark:
    """A choice at an iteration; its marker is open unless the rule was sure."""

    name: str
    iteration: int
    sure: bool = True


@dataclass(frozen=True)
class Series:
    """A curve, and the marks on it."""

    name: str
    iteration: Numbers  # (n,)
    values: Numbers  # (n,)
    marks: tuple[Mark, ...] = ()


@canvas.style()
def series(
    stores: Mapping[str, Sequence[Series]],
    quantity: str,
    *,
    log: bool = False,
    best: Mapping[str, Sequence[int | None]] | None = None,
    x: str = "",
) -> Figure:
    """Draw a panel per store and a curve per series, against the iteration unless `x` names it.

    `best` holds the iterations of the best PSNR by store; they are vertical lines.
    """
    figure, axes = canvas.panels(list(stores))
    if log:
        axes[0].set_yscale("log")
    every = [one for store in stores.values() for one in store]
    looks = canvas.looks(list(dict.fromkeys(one.name for one in every)))
    marks = [mark for one in every for mark in one.marks]
    rules = list(dict.fromkeys(mark.name for mark in marks if mark.name != BEST))
    shapes = {name: MARKERS[i % len(MARKERS)] for i, name in enumerate(rules)} | {BEST: "*"}
    limit = point_limit(len(every))
    for ax, (label, store) in zip(axes, stores.items(), strict=False):
        for one in store:
            curve(ax, one.iteration, one.values, limit, label=one.name, **looks[one.name])
        label_if_empty(ax)
        verticals(ax, (best or {}).get(label, ()))
        for one in store:
            for mark in one.marks:
                _draw_mark(ax, one, mark, shapes[mark.name], looks[one.name]["color"])
    if x:
        canvas.name_axes(axes, x, quantity)
    else:
        canvas.over_iterations(axes, quantity)
    entries = {name: handle(**look) for name, look in looks.items()} if len(looks) > 1 else {}
    entries |= _mark_entries(marks, shapes)
    if any(iteration is not None for lines in (best or {}).values() for iteration in lines):
        entries[BEST] = handle(**LINE)
    canvas.legend(figure, entries)
    return figure


def _draw_mark(ax: Any, one: Series, mark: Mark, shape: str, color: Any) -> None:
    """Draw a mark at the point of the curve nearest to its iteration."""
    if not len(one.iteration):
        return
    place = int(np.argmin(np.abs(np.asarray(one.iteration) - mark.iteration)))
    value = float(one.values[place])
    if not np.isfinite(value) or (value <= 0 and ax.get_yscale() == "log"):
        return
    face, edge = (color, "black") if mark.sure else ("white", color)
    size = STAR if shape == "*" else {}
    look = {**MARKER, **size, "markerfacecolor": face, "markeredgecolor": edge}
    ax.plot([one.iteration[place]], [value], marker=shape, clip_on=False, **look)


def _mark_entries(marks: Sequence[Mark], shapes: Mapping[str, str]) -> dict[str, Any]:
    """The entries of the marks in the legend."""
    entries = {}
    for name, shape in shapes.items():
        sure = [mark.sure for mark in marks if mark.name == name]
        if sure:
            entries[name] = _marker_handle(shape, filled=any(sure))
    if len({mark.sure for mark in marks}) > 1:
        entries["open: not sure yet"] = _marker_handle("o", filled=False)
    return entries


def _marker_handle(shape: str, *, filled: bool) -> Any:
    size = {"markersize": STAR["markersize"]} if shape == "*" else {}
    face = "0.3" if filled else "white"
    return handle(marker=shape, **{**MARKER, **size}, markerfacecolor=face, markeredgecolor="0.3")
