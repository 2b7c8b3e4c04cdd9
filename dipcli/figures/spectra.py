"""Spectra: power or amplitude against frequency, on logarithmic axes."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from dipcli.figures import canvas, curves
from dipcli.figures.curves import LINE, Panels, Series

NYQUIST = 0.5  # cycles per pixel
LOW, HIGH = 0.1, 0.75  # the axis begins at LOW at the latest, and ends beyond the corners


@canvas.style()
def spectra(panels: Panels, quantity: str, *, log: bool = True) -> Figure:
    """Draw a panel per key, a curve per spectrum; frequency 0 has no place on a log axis.

    Where all names are iterations, the colours follow them.
    """
    figure, axes = canvas.panels(panels)
    axes[0].set_xscale("log")
    axes[0].set_yscale("log" if log else "linear")
    every = [one for lines in panels.values() for one in lines]
    looks = canvas.looks(one.name for one in every)
    are_iterations = len(looks) > 1 and all(name.isdecimal() for name in looks)
    if are_iterations:
        colors = canvas.sequential(len(looks))
        looks = {n: {"color": c} for n, c in zip(sorted(looks, key=int), colors, strict=True)}
    shown = {title: [_without_mean(one) for one in lines] for title, lines in panels.items()}
    curves.draw(axes, shown, looks)
    for ax in axes[: len(panels)]:
        curves.verticals(ax, [NYQUIST])
    lowest = min([LOW, *(f for one in every for f in one.x if f > 0)])
    axes[0].set_xlim(0.93 * lowest, HIGH)
    axes[0].xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes[0].xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes[0].xaxis.set_minor_formatter(NullFormatter())
    canvas.name_axes(axes, "frequency (cycles per pixel)", quantity)
    entries = curves.entries(looks)
    entries = canvas.thin_out(entries) if are_iterations else entries
    title = "iteration" if are_iterations else ""
    canvas.legend(figure, entries | {"Nyquist": curves.handle(**LINE)}, title)
    return figure


def _without_mean(one: Series) -> Series:
    ac = np.asarray(one.x) > 0
    return Series(one.name, one.x[ac], one.values[ac])
