"""Spectra: power or amplitude against frequency, on logarithmic axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from dipcli.figures import canvas
from dipcli.figures.canvas import Numbers
from dipcli.figures.curves import LINE, curve, handle, label_if_empty, point_limit, verticals

NYQUIST = 0.5  # cycles per pixel
LOW, HIGH = 0.1, 0.75  # the axis begins at LOW at the latest, and ends beyond the corners


@dataclass(frozen=True)
class Curve:
    """A spectrum; where all names are iterations, the colours follow them."""

    name: str
    frequency: Numbers  # (r,), cycles per pixel
    values: Numbers  # (r,)


@canvas.style()
def spectra(panels: Mapping[str, Sequence[Curve]], quantity: str, *, log: bool = True) -> Figure:
    """Draw a panel per key, a curve per spectrum; frequency 0 has no place on a log axis."""
    figure, axes = canvas.panels(list(panels))
    axes[0].set_xscale("log")
    axes[0].set_yscale("log" if log else "linear")
    every = [one for curves in panels.values() for one in curves]
    names = list(dict.fromkeys(one.name for one in every))
    are_iterations = len(names) > 1 and all(name.isdecimal() for name in names)
    if are_iterations:
        names.sort(key=int)
        colors = canvas.sequential(len(names))
        looks = {name: {"color": color} for name, color in zip(names, colors, strict=True)}
    else:
        looks = canvas.looks(names)
    limit = point_limit(len(every))
    for ax, curves in zip(axes, panels.values(), strict=False):
        for one in curves:
            ac = np.asarray(one.frequency) > 0
            curve(ax, one.frequency[ac], one.values[ac], limit, label=one.name, **looks[one.name])
        label_if_empty(ax)
        verticals(ax, [NYQUIST])
    lowest = min([LOW, *(f for one in every for f in one.frequency if f > 0)])
    axes[0].set_xlim(0.93 * lowest, HIGH)
    axes[0].xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes[0].xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes[0].xaxis.set_minor_formatter(NullFormatter())
    canvas.name_axes(axes, "frequency (cycles per pixel)", quantity)
    entries = {name: handle(**looks[name]) for name in names} if len(names) > 1 else {}
    entries = canvas.thin_out(entries) if are_iterations else entries
    title = "iteration" if are_iterations else ""
    canvas.legend(figure, entries | {"Nyquist": handle(**LINE)}, title)
    return figure
