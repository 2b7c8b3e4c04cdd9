"""Figures of `dip gpkernel`: kernels, samples of the prior, and stationarity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from operator import itemgetter
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dipcli.figures import canvas
from dipcli.measure.base import grouped

Row = Mapping[str, Any]
KEY = ("source", "depth", "sigma", "axis")  # of a curve
Lines = list[tuple[str, list[list[Row]]]]  # label, curves of one colour
FIRST, MORE = 8, 24  # sampled lags that are drawn as points: the first, and about so many more
ERRORS = 3  # standard errors in an error bar
NOTE = f"sampled networks: ± {ERRORS} standard errors"
DRAW_PANEL = (2.6, 1.7)  # inches
ABOVE = {"loc": "upper right"}
# below the curves of signals, which end well above 0
BELOW = {"loc": "lower right", "ncols": 2, "columnspacing": 1.2, "handlelength": 1.4}
BELOW |= {"labelspacing": 0.2}


@canvas.style()
def kernels(rows: Sequence[Row], labels: Mapping[str, str] | None = None) -> Figure:
    """Draw the cosine against the lag: formulas as lines, samples as points with error bars.

    A panel per depth has a line per sigma, and one per sigma a line per depth; networks follow in
    a panel per source, which `labels` name.
    """
    curves = grouped(rows, lambda row: tuple(map(row.get, KEY))).values()
    panels = _signal_panels([curve for curve in curves if curve[0]["sigma"] is not None])
    networks = [curve for curve in curves if curve[0]["sigma"] is None]
    for source, members in grouped(networks, lambda curve: str(curve[0]["source"])).items():
        lines = [(f"along {curve[0]['axis']}", [curve]) for curve in members]
        panels.append(((labels or {}).get(source, source), ABOVE, lines))
    figure, axes = canvas.panels([title for title, *_ in panels])
    for ax, (_, place, lines) in zip(axes, panels, strict=True):
        for color, (label, members) in zip(cycle(canvas.COLORS), lines, strict=False):
            for i, curve in enumerate(members):
                # samples have the colour of their formula, and one entry
                _draw_kernel(ax, curve, color, None if i else label)
        ax.legend(**place)
        ax.set_ylim(min(0, ax.get_ylim()[0]), 1.05)
        ax.set_xlabel("lag")
        if ax.get_subplotspec().is_first_col():
            ax.set_ylabel("covariance / variance")
    if any(map(_is_sampled, curves)):
        figure.supxlabel(NOTE, size=9)
    return figure


def _signal_panels(curves: Sequence[list[Row]]) -> list[tuple[str, dict[str, Any], Lines]]:
    """A panel per depth, and per sigma where there are several depths."""
    signals = grouped(curves, lambda curve: (curve[0]["depth"], curve[0]["sigma"]))
    depths, sigmas = (sorted({key[k] for key in signals}) for k in (0, 1))
    panels: list[tuple[str, dict[str, Any], Lines]] = []
    if len(sigmas) > 1 or len(depths) == 1:
        for d in depths:
            lines = [(f"σ = {s:g}", signals.get((d, s), [])) for s in sigmas]
            panels.append((f"depth {d}", BELOW, lines))
    if len(depths) > 1:
        for s in sigmas:
            lines = [(f"depth {d}", signals.get((d, s), [])) for d in depths]
            panels.append((f"σ = {s:g}", BELOW, lines))
    return panels


def _is_sampled(curve: Sequence[Row]) -> bool:
    return curve[0].get("cosine_se") is not None


def _draw_kernel(ax: Any, curve: Sequence[Row], color: str, label: str | None) -> None:
    lag = np.array([row["lag"] for row in curve])
    cosine = np.array([row["cosine"] for row in curve])
    if not _is_sampled(curve):
        ax.plot(lag, cosine, color=color, label=label)
        return
    error = np.nan_to_num(ERRORS * np.array([row["cosine_se"] for row in curve], float))
    if curve[0]["sigma"] is None:  # a network has no formula: its samples are the line
        style = "--" if curve[0]["axis"] == "x" else "-"  # so that an equal line along y shows
        ax.plot(lag, cosine, style, color=color, label=label)
        ax.fill_between(lag, cosine - error, cosine + error, color=color, alpha=0.2, linewidth=0)
        return
    kept = (lag < FIRST) | (lag % -(-len(lag) // MORE) == 0)
    look = {"linestyle": "none", "marker": "o", "markersize": 2.5, "elinewidth": 0.8}
    ax.errorbar(lag[kept], cosine[kept], error[kept], color=color, label=label, **look)


@canvas.style()
def draws(rows: Sequence[Row]) -> Figure:
    """Draw samples of the prior over their root mean square: a row per depth, a column per sigma.

    The root mean square is that of all samples of a panel.
    """
    panels = grouped(rows, lambda row: (row["depth"], row["sigma"]))
    depths, sigmas = (sorted({key[k] for key in panels}) for k in (0, 1))
    size = (DRAW_PANEL[0] * len(sigmas), DRAW_PANEL[1] * len(depths))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(depths), len(sigmas), sharex=True, sharey=True, squeeze=False)
    for down, depth in enumerate(depths):
        for across, sigma in enumerate(sigmas):
            ax, samples = grid[down, across], grouped(panels[depth, sigma], itemgetter("draw"))
            values = np.array([[row["value"] for row in draw] for draw in samples.values()])
            ax.plot((values / np.sqrt((values**2).mean())).T, linewidth=1)
            if down == 0:
                ax.set_title(f"σ = {sigma:g}")
            if across == 0:
                ax.set_ylabel(f"depth {depth}")
            if down == len(depths) - 1:
                ax.set_xlabel("x")
    return figure


@canvas.style()
def stationarity(rows: Sequence[Row], labels: Mapping[str, str] | None = None) -> Figure:
    """Draw how far the covariance at a position is from its mean over positions, with errors.

    There is a panel per kernel and axis, and a line per lag; `labels` name sources.
    """
    panels = grouped(rows, lambda row: _stationarity_title(row, labels or {}))
    figure, axes = canvas.panels(panels)
    for ax, panel in zip(axes, panels.values(), strict=True):
        lines = grouped(panel, itemgetter("lag"))
        ax.margins(y=0.15)  # room for the legend
        for color, (lag, line) in zip(canvas.COLORS, lines.items(), strict=False):
            at = np.array([row["position"] for row in line])
            value = np.array([row["deviation"] for row in line])
            error = ERRORS * np.nan_to_num([row["deviation_se"] for row in line])
            ax.plot(at, value, color=color, label=f"lag {lag}")
            ax.fill_between(at, value - error, value + error, color=color, alpha=0.2, lw=0)
        ax.legend(loc="upper right", ncols=len(lines))
        ax.set_xlabel("position")
        if ax.get_subplotspec().is_first_col():
            ax.set_ylabel("deviation / variance")
    figure.supxlabel(NOTE, size=9)
    return figure


def _stationarity_title(row: Row, labels: Mapping[str, str]) -> str:
    if row["axis"]:
        return f"{labels.get(row['source'], row['source'])}, along {row['axis']}"
    return f"depth {row['depth']}, σ = {row['sigma']:g}"
