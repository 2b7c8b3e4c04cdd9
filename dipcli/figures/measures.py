"""The figure of any measure, chosen by its axis: of runs over their iterations, or of images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from dipcli.arrays import Doubles, Floats
from dipcli.degrade import Projection
from dipcli.errors import DipError
from dipcli.figures.bands import Bands, bands, onsets
from dipcli.figures.canvas import Numbers
from dipcli.figures.curves import Series
from dipcli.figures.heatmap import FREQUENCY, Spectrum, heatmap, power2d
from dipcli.figures.series import series
from dipcli.figures.spectra import spectra
from dipcli.measure import radial
from dipcli.measure.base import Axis, grouped
from dipcli.measure.fbc import onset
from dipcli.measure.runs import ONSET, Measurements, nearest
from dipcli.store import Run

CONTOURS = {"error": (0.1, 0.5), "frc": (1 / 7,), "frc-halves": (1 / 7,)}  # levels by measure
FEW = 7  # places on an axis that are drawn as a curve each: as many as there are colours


def measure_figure(
    name: str,
    measurements: Sequence[Measurements],
    labels: Mapping[str, str],
    thresholds: Sequence[float] = (),
) -> Figure:
    """Draw the last column of a measure, a panel per source; `thresholds` are those of onsets."""
    are_runs = {one.run is not None for one in measurements}
    if len(are_runs) > 1:
        msg = "--plot draws runs over their iterations, or images, and not both in one figure"
        raise DipError(msg)
    axis = measurements[0].measure.axis if measurements else {}
    if True not in are_runs and not axis:
        msg = f"--plot draws {name} over iterations, and an image has none: name a store"
        raise DipError(msg)
    quantity, along = _quantity(name, measurements[0]), _along(axis)
    are_bands = {"low", "high"} <= set(axis)
    has_negatives = any((_values(one) < 0).any() for one in measurements)
    if True not in are_runs:
        lines = [Series(labels[one.source], _places(one), _values(one)[0]) for one in measurements]
        if are_bands or along == FREQUENCY:
            return spectra({"": lines}, quantity, log=not has_negatives)
        return series({"": lines}, quantity, x=along)
    stores = grouped(measurements, lambda one: labels[one.source])
    if name == ONSET:
        first = {title: list(_onsets(store, thresholds)) for title, store in stores.items()}
        return onsets(first, thresholds[0] if len(thresholds) == 1 else None)
    if are_bands:
        return bands({title: [_bands(one) for one in s] for title, s in stores.items()}, quantity)
    if along == FREQUENCY or (axis and max(one.measure.places for one in measurements) > FEW):
        maps = {  # a panel per run, because heat maps cannot lie over one another
            title if len(store) == 1 else f"{title} run-{one.run}": Spectrum(
                one.iteration, _places(one), _values(one)
            )
            for title, store in stores.items()
            for one in store
        }
        levels = CONTOURS.get(name, ())
        return heatmap(maps, quantity, y=along, signed=has_negatives, levels=levels)
    several = any(len(store) > 1 for store in stores.values())
    curves = {
        title: [curve for one in store for curve in _curves(one, several=several)]
        for title, store in stores.items()
    }
    best = {title: [one.best for one in store] for title, store in stores.items()}
    return series(curves, quantity, best=best)


def error_figure(
    runs: Iterable[tuple[str, Run, Floats, Projection | None]],
    at: Sequence[int],
    labels: Mapping[str, str],
) -> Figure:
    """Draw the 2-d power spectrum of the difference from the reference at iterations near `at`."""
    every = list(runs)
    count = Counter(source for source, *_ in every)
    rows: dict[str, dict[int, Doubles]] = {}
    for source, run, reference, project in every:
        title = labels[source] if count[source] == 1 else f"{labels[source]} {run.name}"
        rows[title] = {
            i: radial.power2d(project(frame) if project else frame, reference)
            for i, frame in run.frames(set(nearest(run.iterations, at)))
        }
    return power2d(rows, "power of the error")


def _onsets(runs: Sequence[Measurements], thresholds: Sequence[float]) -> Iterator[Series]:
    """A line for each run and threshold."""
    for one in runs:
        axis = one.measure.axis
        for threshold in thresholds:
            name = f"run-{one.run}" + (f", {threshold:g}" if len(thresholds) > 1 else "")
            reached = onset(one.iteration, _values(one), threshold)
            yield Series(name, (axis["low"] + axis["high"]) / 2, reached)


def _bands(one: Measurements) -> Bands:
    axis = one.measure.axis
    return Bands(one.iteration, axis["low"], axis["high"], _values(one), one.best, f"run-{one.run}")


def _curves(one: Measurements, *, several: bool) -> list[Series]:
    """A curve, or one per place on the axis; runs are named where a panel has several."""
    run, axis = f"run-{one.run}", one.measure.axis
    if not axis:
        return [Series(run, one.iteration, _values(one))]
    names = [f"{_along(axis)} {place}" for place in list(axis.values())[-1]]
    return [
        Series(f"{run}, {name}" if several else name, one.iteration, values)
        for name, values in zip(names, _values(one).T, strict=True)
    ]


def _values(one: Measurements) -> Doubles:
    """The last column of the measure: (iteration), or (iteration, place)."""
    return one.column(one.measure.columns[-1])


def _places(one: Measurements) -> Numbers:
    """The places on the axis: frequencies, or the last coordinate, or indices if it has no order.

    The frequency of a band is its middle, in cycles per pixel.
    """
    axis = one.measure.axis
    if "frequency" in axis:
        return axis["frequency"]
    if {"low", "high"} <= set(axis):
        return 0.25 * (axis["low"] + axis["high"])
    places = np.asarray(list(axis.values())[-1])
    ascending = places.dtype.kind in "iuf" and (np.diff(places) > 0).all()
    return places if ascending else np.arange(len(places))


def _along(axis: Axis) -> str:
    """The label of the axis: frequency, or the last coordinate."""
    return FREQUENCY if "frequency" in axis else ["", *axis][-1].replace("_", " ")


def _quantity(name: str, one: Measurements) -> str:
    """The label of the values: what the measure calls them, else its name."""
    unit = getattr(one.measure, "unit", "")
    quantity = getattr(one.measure, "quantity", "") or name
    return f"{quantity} ({unit})" if unit else quantity
