"""Figures of `dip gpkernel`: kernels, samples of the prior, and stationarity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dipcli.figures import canvas

Row = Mapping[str, Any]
Kernels = dict[tuple[str, int, float | None, str], list[Row]]  # source, depth, sigma, axis
Lines = list[tuple[str, str | None, list[list[Row]]]]  # color, label, curves of that color
FIRST, MORE = 8, 24  # sampled lags that are drawn as points: the first, and about so many more
ERRORS = 3  # standard errors in an error bar
NOTE = f"sampled networks: ± {ERRORS} standard errors"
DRAW_PANEL = (2.6, 1.7)  # inches


@canvas.style()
def kernels(rows: Sequence[Row], labels: Mapping[str, str] | None = None) -> Figure:
    """Draw the cosine against the lag: formulas as lines, samples as points with error bars.

    A panel per depth has a line per sigma, and one per sigma a line per depth; networks follow in
    a panel per source, which `labels` name.
    """
    curves: Kernels = {}
    for row in rows:
        key = (row["source"], row["depth"], row["sigma"], row.get("axis") or "")
        curves.setdefault(key, []).append(row)
    panels = _signal_panels(curves) + _network_panels(curves, labels or {})
    figure, axes = canvas.panels([title for title, _ in panels])
    for ax, (_, lines) in zip(axes, panels, strict=True):
        for color, label, members in lines:
            for curve in members:
                _draw_kernel(ax, curve, color, label)
                label = None  # samples have the colour of their formula, and one entry
        if lines[0][2][0][0]["sigma"] is None:
            ax.legend(loc="upper right")
        else:  # below the curves, which end well above 0
            look = {"columnspacing": 1.2, "handlelength": 1.4, "labelspacing": 0.2}
            ax.legend(loc="lower right", ncols=2, **look)
        ax.set_ylim(min(0, ax.get_ylim()[0]), 1.05)
        ax.set_xlabel("lag")
        if ax.get_subplotspec().is_first_col():
            ax.set_ylabel("covariance / variance")
    if any(_is_sampled(curve) for curve in curves.values()):
        figure.supxlabel(NOTE, size=9)
    return figure


def _signal_panels(curves: Kernels) -> list[tuple[str, Lines]]:
    signals = {key: curve for key, curve in curves.items() if key[2] is not None}
    depths, sigmas = (sorted({key[k] for key in signals}) for k in (1, 2))  # type: ignore[type-var]
    panels = []
    if len(sigmas) > 1 or len(depths) == 1:
        panels += [(f"depth {d}", _lines(signals, 1, d, 2, sigmas, "σ = {:g}")) for d in depths]
    if len(depths) > 1:
        panels += [(f"σ = {s:g}", _lines(signals, 2, s, 1, depths, "depth {}")) for s in sigmas]
    return panels


def _lines(
    curves: Kernels, fixed: int, value: Any, varied: int, values: Sequence[Any], label: str
) -> Lines:
    lines: Lines = []
    for place, other in enumerate(values):
        members = [c for key, c in curves.items() if key[fixed] == value and key[varied] == other]
        if members:
            color = canvas.COLORS[place % len(canvas.COLORS)]
            lines.append((color, label.format(other), members))
    return lines


def _network_panels(curves: Kernels, labels: Mapping[str, str]) -> list[tuple[str, Lines]]:
    panels: dict[str, Lines] = {}
    for (source, _, sigma, axis), curve in curves.items():
        if sigma is None:
            lines = panels.setdefault(labels.get(source, source), [])
            lines.append((canvas.COLORS[len(lines)], f"along {axis}", [curve]))
    return list(panels.items())


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
    samples: dict[tuple[int, float], dict[int, list[float]]] = {}
    for row in rows:
        panel = samples.setdefault((row["depth"], row["sigma"]), {})
        panel.setdefault(row["draw"], []).append(row["value"])
    depths = sorted({depth for depth, _ in samples})
    sigmas = sorted({sigma for _, sigma in samples})
    size = (DRAW_PANEL[0] * len(sigmas), DRAW_PANEL[1] * len(depths))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(depths), len(sigmas), sharex=True, sharey=True, squeeze=False)
    for down, depth in enumerate(depths):
        for across, sigma in enumerate(sigmas):
            ax, values = grid[down, across], np.array(list(samples[depth, sigma].values()))
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
    panels: dict[str, dict[int, list[Row]]] = {}
    for row in rows:
        panel = panels.setdefault(_stationarity_title(row, labels or {}), {})
        panel.setdefault(row["lag"], []).append(row)
    figure, axes = canvas.panels(list(panels))
    for ax, lines in zip(axes, panels.values(), strict=True):
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
