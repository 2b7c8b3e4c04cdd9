"""The figure of any measure, chosen by its axis: of runs over their iterations, or of images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from dipcli.arrays import Doubles, Floats
from dipcli.degrade import Projection
from dipcli.errors import DipError
from dipcli.figures.bands import Bands, Onset, bands, onsets
from dipcli.figures.canvas import Numbers
from dipcli.figures.heatmap import FREQUENCY, Spectrum, heatmap, power2d
from dipcli.figures.series import Series, series
from dipcli.figures.spectra import Curve, spectra
from dipcli.measure import radial
from dipcli.measure.fbc import onset
from dipcli.measure.runs import ONSET, Measurements, nearest
from dipcli.store import Run

CONTOURS = {"error": (0.1, 0.5)}  # levels by measure
FEW = 7  # places on an axis that are drawn as a curve each: as many as there are colours


def measure_figure(
    name: str,
    measurements: Sequence[Measurements],
    labels: Mapping[str, str],
    thresholds: Sequence[float] = (),
) -> Figure:
    """Draw the last column of a measure, a panel per source; `thresholds` are those of onsets."""
    runs = [one for one in measurements if one.run is not None]
    if runs and len(runs) < len(measurements):
        msg = "--plot draws runs over their iterations, or images, and not both in one figure"
        raise DipError(msg)
    if not runs:
        return _image_figure(name, measurements, labels)
    if name == ONSET:
        return _onset_figure(runs, labels, thresholds)
    axis, quantity = runs[0].measure.axis, _quantity(name, runs[0])
    stores = _by_store(runs, labels)
    if {"low", "high"} <= set(axis):
        return bands({title: [_bands(one) for one in s] for title, s in stores.items()}, quantity)
    if axis and ("frequency" in axis or max(one.measure.places for one in runs) > FEW):
        maps = {title: _map(one) for title, one in _by_run(stores).items()}
        signed, levels = _has_negatives(runs), CONTOURS.get(name, ())
        return heatmap(maps, quantity, y=_axis_label(runs[0]), signed=signed, levels=levels)
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
        frames = run.frames(set(nearest(run.iterations, at)))
        rows[title] = {
            i: radial.power2d(project(frame) if project else frame, reference)
            for i, frame in frames
        }
    return power2d(rows, "power of the error")


def _image_figure(
    name: str, measurements: Sequence[Measurements], labels: Mapping[str, str]
) -> Figure:
    """Draw the values of images along the axis of the measure, in one panel."""
    if not measurements or not measurements[0].measure.axis:
        msg = f"--plot draws {name} over iterations, and an image has none: name a store"
        raise DipError(msg)
    first = measurements[0]
    axis, quantity = first.measure.axis, _quantity(name, first)
    if "frequency" in axis or {"low", "high"} <= set(axis):
        curves = [
            Curve(labels[one.source], _frequency(one), _values(one)[0]) for one in measurements
        ]
        return spectra({"": curves}, quantity, log=not _has_negatives(measurements))
    lines = [Series(labels[one.source], _places(one), _values(one)[0]) for one in measurements]
    return series({"": lines}, quantity, x=_axis_label(first))


def _onset_figure(
    runs: Sequence[Measurements], labels: Mapping[str, str], thresholds: Sequence[float]
) -> Figure:
    stores: dict[str, list[Onset]] = {}
    for one in runs:
        axis = one.measure.axis
        centre = (axis["low"] + axis["high"]) / 2
        for threshold in thresholds:
            name = f"run-{one.run}" + (f", {threshold:g}" if len(thresholds) > 1 else "")
            first = onset(one.iteration, _values(one), threshold)
            stores.setdefault(labels[one.source], []).append(Onset(name, centre, first))
    return onsets(stores, thresholds[0] if len(thresholds) == 1 else None)


def _by_store(
    runs: Sequence[Measurements], labels: Mapping[str, str]
) -> dict[str, list[Measurements]]:
    stores: dict[str, list[Measurements]] = {}
    for one in runs:
        stores.setdefault(labels[one.source], []).append(one)
    return stores


def _by_run(stores: Mapping[str, Sequence[Measurements]]) -> dict[str, Measurements]:
    """A panel per run, for heat maps, which cannot lie over one another."""
    return {
        title if len(store) == 1 else f"{title} run-{one.run}": one
        for title, store in stores.items()
        for one in store
    }


def _bands(one: Measurements) -> Bands:
    axis = one.measure.axis
    return Bands(one.iteration, axis["low"], axis["high"], _values(one), one.best, f"run-{one.run}")


def _map(one: Measurements) -> Spectrum:
    return Spectrum(one.iteration, _places(one), _values(one))


def _curves(one: Measurements, *, several: bool) -> list[Series]:
    """A curve, or one per place on the axis; runs are named where a panel has several."""
    run = f"run-{one.run}"
    if not one.measure.axis:
        return [Series(run, one.iteration, _values(one))]
    key, places = list(one.measure.axis.items())[-1]
    names = [f"{key.replace('_', ' ')} {place}" for place in places]
    return [
        Series(f"{run}, {name}" if several else name, one.iteration, values)
        for name, values in zip(names, _values(one).T, strict=True)
    ]


def _values(one: Measurements) -> Doubles:
    """The last column of the measure: (iteration), or (iteration, place)."""
    return one.column(one.measure.columns[-1])


def _has_negatives(measurements: Sequence[Measurements]) -> bool:
    return any((_values(one) < 0).any() for one in measurements)


def _places(one: Measurements) -> Numbers:
    """The last coordinate of the axis, or the index where that is no ascending number."""
    places = np.asarray(list(one.measure.axis.values())[-1])
    ascending = places.dtype.kind in "iuf" and (np.diff(places) > 0).all()
    return places if ascending else np.arange(len(places))


def _frequency(one: Measurements) -> Numbers:
    """Frequencies in cycles per pixel; that of a band is its middle."""
    axis = one.measure.axis
    return axis["frequency"] if "frequency" in axis else 0.25 * (axis["low"] + axis["high"])


def _quantity(name: str, one: Measurements) -> str:
    """The label of the values: what the measure calls them, else its name."""
    unit = getattr(one.measure, "unit", "")
    quantity = getattr(one.measure, "quantity", "") or name
    return f"{quantity} ({unit})" if unit else quantity


def _axis_label(one: Measurements) -> str:
    name = list(one.measure.axis)[-1]
    return FREQUENCY if name == "frequency" else name.replace("_", " ")
