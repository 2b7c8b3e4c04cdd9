"""The figures of a page, each with a text for readers who cannot see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from dipcli.arrays import Doubles
from dipcli.figures import canvas
from dipcli.figures.curves import Mark, Series
from dipcli.figures.distances import distance_figure
from dipcli.figures.measures import measure_figure
from dipcli.figures.series import BEST, series
from dipcli.figures.spectra import spectra
from dipcli.measure.runs import Measurements, best_iteration
from dipcli.measure.trajectories import Distances
from dipcli.report.frames import RunView, few
from dipcli.report.pictures import uri
from dipcli.report.stores import lookup

SPELLED = 6  # runs whose numbers the text of a figure contains
SPECTRA = 6  # frames of a run with a spectrum in the figure
# viewers of Markdown refuse embedded SVG
FORMATS = {"html": ("svg", "image/svg+xml"), "md": ("png", "image/png")}

Labels = Mapping[str, str]  # of stores, by name
Described = tuple[Figure, str] | None  # None: there is nothing to draw


class PageFigure(NamedTuple):
    """A figure as the page has it."""

    key: str
    title: str
    uri: str
    alt: str


def figures(
    views: Sequence[RunView], distances: Sequence[Distances], form: str
) -> Iterator[PageFigure]:
    """Draw all figures for which there are numbers; form is that of the page."""
    figure_form, kind = FORMATS[form]
    labels = {view.store.name: view.store.label for view in views}
    kinds: dict[str, tuple[str, Callable[[], Described]]] = {
        "loss": ("Loss", lambda: _series(views, "loss", "loss", log=True)),
        "psnr": ("PSNR", lambda: _series(views, "psnr", "PSNR (dB)", log=False)),
        "bands": ("Frequency bands against iteration", lambda: _bands(views, labels)),
        "frc": ("Fourier ring correlation against iteration", lambda: _frc(views, labels)),
        "spectra": ("Power spectra of frames", lambda: _spectra(views)),
        "error": ("Spectrum of the error", lambda: _error(views, labels)),
        "distances": ("Distances of trajectories", lambda: _distances(distances, labels)),
    }
    for key, (title, draw) in kinds.items():
        described = draw()
        if described is not None:
            figure, alt = described
            yield PageFigure(key, title, uri(canvas.encode(figure, figure_form), kind), alt)


def _series(views: Sequence[RunView], name: str, quantity: str, *, log: bool) -> Described:
    stores: dict[str, list[Series]] = {}
    sentences = []
    for view in views:
        iteration, values = _curve(view, name)
        known = np.flatnonzero(np.isfinite(values))
        if not known.size:
            continue
        marks = tuple(_marks(view))
        curve = Series(view.run.name, iteration, values, marks)
        stores.setdefault(view.store.label, []).append(curve)
        first, last = (f"{values[i]:.4g} at iteration {iteration[i]}" for i in known[[0, -1]])
        choices = "".join(f", {mark.name} at iteration {mark.iteration}" for mark in marks)
        sentences.append(f"{view.name}: from {first} to {last}{choices}")
    if not stores:
        return None
    return series(stores, quantity, log=log), _alt(f"{quantity} against iteration", sentences)


def _curve(view: RunView, name: str) -> tuple[np.ndarray, Doubles]:
    """The loss of every step if the store has it, else the numbers of the saved iterations."""
    steps = view.run.step_loss if name == "loss" else None
    if steps is not None and np.isfinite(steps).any():
        return np.arange(len(steps)), steps
    values = view.run.scalar(name)
    if values is None:
        return np.empty(0, np.int64), np.empty(0)
    return view.run.iterations[: len(values)], values


def _marks(view: RunView) -> Iterator[Mark]:
    rules = lookup(view.numbers, "stopping")
    for name, verdict in rules.items() if isinstance(rules, Mapping) else ():
        iteration = lookup(verdict, "iteration")
        if type(iteration) is int:
            yield Mark(str(name), iteration, lookup(verdict, "sure") is True)
    best = best_iteration(view.run)
    if best is not None:
        yield Mark(BEST, best)


def _bands(views: Sequence[RunView], labels: Labels) -> Described:
    def changes(one: Measurements) -> str:
        pairs = zip(*one.column("fbc")[[0, -1]], strict=True)
        return ", from the lowest band up: " + ", ".join(f"{a:.2g} to {b:.2g}" for a, b in pairs)

    topic = "frequency-band correspondence with the {} against iteration"
    return _measure(views, labels, "fbc", topic, changes)


def _frc(views: Sequence[RunView], labels: Labels) -> Described:
    topic = "heat map of the Fourier ring correlation with the {}, by frequency and iteration"
    return _by_frequency(views, labels, ("frc", "frc", "it is"), topic)


def _error(views: Sequence[RunView], labels: Labels) -> Described:
    topic = "heat map of the power of the error over that of the {}, by frequency and iteration"
    return _by_frequency(views, labels, ("error", "relative", "the relative error is"), topic)


def _by_frequency(
    views: Sequence[RunView], labels: Labels, what: tuple[str, str, str], topic: str
) -> Described:
    """The figure of a measure with rings; `what` is its name, its column, and words for both."""
    name, column, words = what

    def ends(one: Measurements) -> str:
        last = one.column(column)[-1][1:]  # without ring 0, the mean of the image
        if not len(last):
            return ""
        return (
            f": at the last iteration {words} {last[0]:.2g} at the lowest frequency "
            f"and {last[len(last) // 2]:.2g} at the middle one"
        )

    return _measure(views, labels, name, topic, ends)


def _measure(
    views: Sequence[RunView],
    labels: Labels,
    name: str,
    topic: str,
    numbers: Callable[[Measurements], str],
) -> Described:
    """The figure of a measure; `topic` has a place for the reference."""
    every = [view.measurements[name] for view in views if name in view.measurements]
    measurements = [one for one in every if one.values]
    if not measurements:
        return None
    texts = [(f"{labels[one.source]} run-{one.run}", numbers(one)) for one in measurements]
    reference = " or ".join(dict.fromkeys(view.reference for view in views if view.reference))
    alt = _alt(topic.format(reference), [run + text for run, text in texts if text])
    return measure_figure(name, measurements, labels), alt


def _spectra(views: Sequence[RunView]) -> Described:
    panels = {
        view.name: [
            Series(str(frame.iteration), view.frequency, frame.power)
            for frame in few(view.frames, SPECTRA)
        ]
        for view in views
        if view.frames
    }
    if not panels:
        return None
    sentences = [f"{name}: {', '.join(c.name for c in curves)}" for name, curves in panels.items()]
    return spectra(panels, "power"), _alt("power against frequency at iterations", sentences)


def _distances(distances: Sequence[Distances], labels: Labels) -> Described:
    curves = [one for one in distances if len(one.iteration)]
    if not curves:
        return None
    sentences = []
    for one in curves:
        points = next(iter(one.convergences()))[1]
        three = (
            f"first convergence at {points.first_convergence}, peak at {points.peak}, "
            f"second convergence at {points.second_convergence}"
            if points
            else "no peak between two convergences"
        )
        sentences.append(f"{one.pair.a.label} to {one.pair.b.label}: {three}")
    alt = _alt("sum of squared differences against iteration", sentences)
    return distance_figure(curves, labels), alt


def _alt(topic: str, sentences: Sequence[str]) -> str:
    more = f"; and {len(sentences) - SPELLED} more" if len(sentences) > SPELLED else ""
    text = "; ".join(sentences[:SPELLED])
    return f"{topic[0].upper()}{topic[1:]}. {text}{more}." if text else f"{topic}."
