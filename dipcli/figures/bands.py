"""Frequency bands: values against iteration (Shi et al. 2022), and the onset of each band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.transforms import ScaledTranslation

from dipcli.figures import canvas, curves
from dipcli.figures.canvas import Numbers
from dipcli.figures.curves import LINE, Panels, Series
from dipcli.figures.lettering import POINT, TO

SPREAD = 20  # points, over which the marks of all runs lie side by side
STRIP = 0.12  # height of the strip above the axis, as a fraction of the panel
HUES = ("Blues", "Oranges", "Greens", "Purples", "Reds", "Greys")  # of runs
NEVER = {"linestyle": "none", "marker": "^", "markerfacecolor": "white", "markersize": 5}


@dataclass(frozen=True)
class Bands:
    """The values of one run, band by band."""

    iteration: Numbers  # (n,)
    low: Numbers  # (b,), as fractions
    high: Numbers  # (b,)
    values: Numbers  # (n, b)
    best: int | None = None  # the iteration of the best PSNR
    name: str = ""

    @property
    def edges(self) -> list[tuple[float, float]]:
        return [(float(low), float(high)) for low, high in zip(self.low, self.high, strict=True)]


@canvas.style()
def bands(
    stores: Mapping[str, Sequence[Bands]],
    quantity: str = "frequency-band correspondence",
    *,
    log: bool = False,
    unit: str = "outer radius",
) -> Figure:
    """Draw a panel per store, a curve per band and run; band edges are fractions of `unit`."""
    figure, axes = canvas.panels(stores)
    if log:
        axes[0].set_yscale("log")
    runs = [run for store in stores.values() for run in store]
    every = sorted({edge for run in runs for edge in run.edges})
    several = any(len(store) > 1 for store in stores.values())
    names = list(dict.fromkeys(run.name for run in runs)) if several else []
    hues = dict(zip(names, cycle(HUES), strict=False))  # with several runs, a colour for each
    colors = {name: _by_band(every, hues.get(name, "viridis")) for name in (*names, "")}
    limit = curves.point_limit(sum(len(run.edges) for run in runs))
    for ax, store in zip(axes, stores.values(), strict=False):
        look = {"linewidth": 0.7, "alpha": 0.85} if len(store) > 1 else {}
        for run in store:
            for edge, values in zip(run.edges, run.values.T, strict=True):
                color = colors[run.name if several else ""][edge]
                curves.curve(ax, run.iteration, values, limit, color=color, label=run.name, **look)
        curves.label_if_empty(ax)
        curves.verticals(ax, [run.best for run in store])
    if not log and not any(((run.values < 0) | (run.values > 1)).any() for run in runs):
        axes[0].set_ylim(0, 1.05)
    canvas.over_iterations(axes, quantity)
    in_legend = _by_band(every, "Greys") if several else colors[""]
    entries = canvas.thin_out(
        {f"{a:.3g}{TO}{b:.3g}": curves.handle(color=in_legend[a, b]) for a, b in every}
    )
    entries |= {n: curves.handle(color=colors[n][every[0]]) for n in canvas.thin_out(hues)}
    if any(run.best is not None for run in runs):
        entries["best PSNR"] = curves.handle(**LINE)
    canvas.legend(figure, entries, f"frequency band (fraction of the {unit})")
    return figure


def _by_band(edges: Sequence[tuple[float, float]], colormap: str) -> dict[Any, Any]:
    """A colour for each band: dark is low."""
    return dict(zip(edges, canvas.sequential(len(edges), colormap), strict=True))


@canvas.style()
def onsets(stores: Panels, threshold: float | None = None) -> Figure:
    """Draw a panel per store, a line per run; bands that never reach the threshold are on top.

    The values of a run are the iterations at which its bands do, over their centres; NaN: never.
    """
    figure, axes = canvas.panels(stores)
    runs = [run for store in stores.values() for run in store]
    reached = np.concatenate([np.empty(0), *(run.values for run in runs)])
    never = np.isnan(reached).any()
    # 0 has no place on a logarithmic axis
    scale = {"value": "symlog", "linthresh": 1} if (reached < 1).any() else {"value": "log"}
    axes[0].set_yscale(**scale)
    looks = canvas.looks(run.name for run in runs)
    for ax, store in zip(axes, stores.values(), strict=False):
        for place, run in enumerate(store):
            look = looks[run.name]
            shift = (place - (len(store) - 1) / 2) * min(6, SPREAD / len(store))
            (line,) = ax.plot(run.x, run.values, marker="o", label=run.name, **look)
            # side by side, so that marks at one iteration do not hide each other
            line.set_transform(ax.transData + _moved(ax, shift))
            _draw_never(ax, run, look["color"], shift)
        if not any(len(run.x) for run in store):
            canvas.label_empty(ax)
    if never:
        _add_strip(axes, reached[np.isfinite(reached)])
    goal = "the threshold" if threshold is None else f"{threshold:g}"
    axes[0].set_xlim(0, 1)
    x = "frequency band (fraction of the outer radius)"
    canvas.name_axes(axes, x, f"iteration where FBC reaches {goal}")
    entries = curves.entries(looks, marker="o")
    if never:
        entries["not reached"] = curves.handle(color="0.3", **NEVER)
    canvas.legend(figure, entries)
    return figure


def _draw_never(ax: Any, run: Series, color: Any, shift: float) -> None:
    """Draw open marks in the strip above the axis, `shift` points beside the band."""
    x = np.asarray(run.x)[np.isnan(run.values)]
    if len(x):
        moved = ax.get_xaxis_transform() + _moved(ax, shift)
        look = {"color": color, "transform": moved, **NEVER}
        ax.plot(x, np.full(len(x), 1 - STRIP / 2), clip_on=False, **look)


def _moved(ax: Any, shift: float) -> ScaledTranslation:
    """So many points to the right."""
    return ScaledTranslation(shift * POINT, 0, ax.figure.dpi_scale_trans)


def _add_strip(axes: Sequence[Any], reached: Numbers) -> None:
    """Add a strip at the top of each panel, above the range of the axis."""
    for ax in axes:
        look = {"transform": ax.transAxes, "color": "0.94", "zorder": 0.5}
        ax.add_patch(Rectangle((0, 1 - STRIP), 1, STRIP, **look))
    axis = axes[0].yaxis.get_transform()
    low, high = axis.transform([reached.min(), reached.max()] if reached.size else [1.0, 10.0])
    spare = 0.05 * (high - low) or 0.5
    top = low - spare + (high - low + 2 * spare) / (1 - STRIP)
    axes[0].set_ylim(*axis.inverted().transform([low - spare, top]))
