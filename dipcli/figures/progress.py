"""Loss and PSNR against iteration, and on the curves what each stopping rule would have chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dipcli.figures import canvas
from dipcli.figures.curves import Numbers, curve, handle, say_if_empty, share

MARKERS = ("v", "^", "D", "s", "P", "X", "<", ">", "p", "h")
LOOK = {"markersize": 5.5, "markeredgewidth": 0.8, "linestyle": "none", "zorder": 3}
BEST = "best PSNR"


@dataclass(frozen=True)
class Mark:
    """Something chosen at an iteration; open, unless it is sure."""

    name: str
    iteration: int
    sure: bool = True


@dataclass(frozen=True)
class Progress:
    """The curve of a run."""

    name: str
    iteration: Numbers  # (n,)
    values: Numbers  # (n,)
    marks: tuple[Mark, ...] = ()


@canvas.style()
def progress(
    stores: Mapping[str, Sequence[Progress]], quantity: str, *, log: bool = False
) -> Figure:
    """A panel per store, a curve per run, a mark per rule."""
    figure, axes = canvas.panels(list(stores))
    if log:
        axes[0].set_yscale("log")
    runs = [run for store in stores.values() for run in store]
    look = canvas.looks(list(dict.fromkeys(run.name for run in runs)))
    marked = [mark for run in runs for mark in run.marks]
    names = list(dict.fromkeys(mark.name for mark in marked if mark.name != BEST))
    shapes = {name: MARKERS[i % len(MARKERS)] for i, name in enumerate(names)} | {BEST: "*"}
    limit = share(len(runs))
    for ax, store in zip(axes, stores.values(), strict=False):
        for run in store:
            curve(ax, run.iteration, run.values, limit, label=run.name, **look[run.name])
        say_if_empty(ax)
        for run in store:
            for mark in run.marks:
                _draw(ax, run, mark, shapes[mark.name], look[run.name]["color"])
    canvas.over_iterations(axes, quantity)
    entries = {name: handle(**look[name]) for name in look} if len(look) > 1 else {}
    for name, shape in shapes.items():
        sure = [mark.sure for mark in marked if mark.name == name]
        if sure:
            entries[name] = _handle(shape, filled=any(sure))
    if len({mark.sure for mark in marked}) > 1:
        entries["open: not sure yet"] = _handle("o", filled=False)
    canvas.legend(figure, entries)
    return figure


def _draw(ax: Any, run: Progress, mark: Mark, shape: str, color: Any) -> None:
    """On the curve, where it is nearest to the iteration."""
    if not len(run.iteration):
        return
    place = int(np.argmin(np.abs(np.asarray(run.iteration) - mark.iteration)))
    value = float(run.values[place])
    if not np.isfinite(value) or (value <= 0 and ax.get_yscale() == "log"):
        return
    face = color if mark.sure else "white"
    edge = "black" if mark.sure else color
    # the star is large, and must not hide a rule that found the same
    size = {"markersize": 9, "zorder": 2.9} if shape == "*" else {}
    look = {**LOOK, **size, "markerfacecolor": face, "markeredgecolor": edge}
    ax.plot([run.iteration[place]], [value], marker=shape, clip_on=False, **look)


def _handle(shape: str, *, filled: bool) -> Any:
    size = {"markersize": 9} if shape == "*" else {}
    face = "0.3" if filled else "white"
    return handle(marker=shape, **{**LOOK, **size}, markerfacecolor=face, markeredgecolor="0.3")
