"""Which figure shows what a measure said, of runs or of images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from dipcli.degrade import Seen
from dipcli.errors import DipError
from dipcli.figures.bands import Bands, bands
from dipcli.figures.heatmap import Spectrum, heatmap
from dipcli.figures.onsets import Onset, onsets
from dipcli.figures.power2d import power2d
from dipcli.figures.series import Series, series
from dipcli.figures.spectra import Curve, spectra
from dipcli.images import Floats
from dipcli.measure import spectrum
from dipcli.measure.onset import onset
from dipcli.measure.pairs import nearest
from dipcli.measure.taken import Taken
from dipcli.store import Run

BANDED = ("fbc", "fbc-energy")
HEAT = {"power": "power", "amplitude": "amplitude", "error": "relative"}  # column by measure
PLAIN = {"blur-sharp": "ratio", "psnr": "psnr", "ssim": "ssim"}
QUANTITY = {
    "fbc": "frequency-band correspondence",
    "fbc-energy": "energy-weighted correspondence",
    "power": "power",
    "amplitude": "amplitude, summed over the ring",
    "error": "relative error",
    "blur-sharp": "blur / sharpness",
    "psnr": "PSNR (dB)",
    "ssim": "SSIM",
}
SMALL = (0.1, 0.5)  # relative errors whose contours are drawn


def draw(
    name: str, taken: Sequence[Taken], labels: Mapping[str, str], levels: Sequence[float] = ()
) -> Figure:
    """The figure of a measure, a panel per source; `levels` are the thresholds of an onset."""
    runs = [one for one in taken if one.run is not None]
    if runs and len(runs) < len(taken):
        msg = "--plot draws runs over their iterations, or images, and not both in one figure"
        raise DipError(msg)
    if not runs:
        return _images(name, taken, labels)
    if name == "onset":
        return _onsets(runs, labels, levels)
    if name in HEAT:
        maps = {label: _map(one, HEAT[name]) for label, one in _apart(runs, labels).items()}
        return heatmap(maps, QUANTITY[name], levels=SMALL if name == "error" else ())
    stores = _grouped(runs, labels)
    if name in PLAIN:
        curves = {label: [_curve(one, PLAIN[name]) for one in s] for label, s in stores.items()}
        best = {label: [one.best for one in s] for label, s in stores.items()}
        return series(curves, QUANTITY[name], best=best)
    return bands({k: [_bands(one) for one in s] for k, s in stores.items()}, QUANTITY[name])


def error2d(
    runs: Iterable[tuple[str, Run, Floats, Seen | None]],
    at: Sequence[int],
    labels: Mapping[str, str],
) -> Figure:
    """The power spectrum of what frames still lack of their reference; a row per run."""
    found = list(runs)
    count = Counter(source for source, *_ in found)
    rows: dict[str, dict[int, np.ndarray]] = {}
    for source, run, reference, seen in found:
        name = labels[source] if count[source] == 1 else f"{labels[source]} {run.name}"
        frames = run.frames(set(nearest(run.iterations, at)))
        rows[name] = {
            i: spectrum.power2d(seen(frame) if seen else frame, reference) for i, frame in frames
        }
    return power2d(rows, "power of the error")


def _grouped(runs: Sequence[Taken], labels: Mapping[str, str]) -> dict[str, list[Taken]]:
    stores: dict[str, list[Taken]] = {}
    for one in runs:
        stores.setdefault(labels[one.source], []).append(one)
    return stores


def _apart(runs: Sequence[Taken], labels: Mapping[str, str]) -> dict[str, Taken]:
    """A panel per run, for what cannot be drawn over one another."""
    stores = _grouped(runs, labels)
    return {
        label if len(store) == 1 else f"{label} run-{one.run}": one
        for label, store in stores.items()
        for one in store
    }


def _bands(one: Taken) -> Bands:
    axis = one.measure.axis
    return Bands(
        one.iteration, axis["low"], axis["high"], one.column("fbc"), one.best, f"run-{one.run}"
    )


def _map(one: Taken, column: str) -> Spectrum:
    return Spectrum(one.iteration, one.measure.axis["frequency"], one.column(column))


def _curve(one: Taken, column: str) -> Series:
    return Series(f"run-{one.run}", one.iteration, one.column(column))


def _onsets(runs: Sequence[Taken], labels: Mapping[str, str], levels: Sequence[float]) -> Figure:
    stores: dict[str, list[Onset]] = {}
    for one in runs:
        axis = one.measure.axis
        centre = (axis["low"] + axis["high"]) / 2
        for level in levels:
            name = f"run-{one.run}" + (f", {level:g}" if len(levels) > 1 else "")
            first = onset(one.iteration, one.column("fbc"), level)
            stores.setdefault(labels[one.source], []).append(Onset(name, centre, first))
    return onsets(stores, levels[0] if len(levels) == 1 else None)


def _images(name: str, taken: Sequence[Taken], labels: Mapping[str, str]) -> Figure:
    """Numbers of images against frequency, in one panel."""
    if name in PLAIN or not taken:
        msg = f"--plot draws {name} over iterations, and an image has none: name a store"
        raise DipError(msg)
    curves = []
    for one in taken:
        axis = one.measure.axis
        # of a band its middle, in the cycles per pixel that the rings of a spectrum are in
        rings = "frequency" in axis
        frequency = axis["frequency"] if rings else 0.25 * (axis["low"] + axis["high"])
        values = one.column(HEAT.get(name, "fbc"))[0]
        curves.append(Curve(labels[one.source], frequency, values))
    return spectra({"": curves}, QUANTITY[name])
