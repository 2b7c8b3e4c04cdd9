"""The figures of a page, each with what it shows in words for those who cannot see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from dipcli.figures import canvas, compared, measured
from dipcli.figures.progress import BEST, Mark, Progress, progress
from dipcli.figures.spectra import Curve, spectra
from dipcli.measure.base import Doubles
from dipcli.measure.taken import Taken, best_of
from dipcli.measure.trajectories import Compared
from dipcli.report.film import some
from dipcli.report.given import said
from dipcli.report.seen import Seen

SPELLED = 6  # runs of which the words of a figure tell the numbers
SPECTRA = 6  # frames whose spectra are drawn


class Drawn(NamedTuple):
    """A figure."""

    key: str
    title: str
    data: bytes
    alt: str


def draw(seen: Sequence[Seen], distances: Sequence[Compared], form: str) -> Iterator[Drawn]:
    """All figures for which there are numbers, as svg or png."""
    labels = {one.given.name: one.given.label for one in seen}
    kinds: dict[str, tuple[str, Callable[[], tuple[Figure, str] | None]]] = {
        "loss": ("Loss", lambda: _progress(seen, "loss", "loss", log=True)),
        "psnr": ("PSNR", lambda: _progress(seen, "psnr", "PSNR (dB)", log=False)),
        "bands": ("Frequency bands against iterations", lambda: _bands(seen, labels)),
        "spectra": ("Power spectra of frames", lambda: _spectra(seen)),
        "error": ("Spectrum of the error", lambda: _error(seen, labels)),
        "distances": ("Distances of trajectories", lambda: _distances(distances, labels)),
    }
    for key, (title, make) in kinds.items():
        found = make()
        if found is not None:
            figure, alt = found
            yield Drawn(key, title, canvas.encode(figure, form), alt)


def _progress(
    seen: Sequence[Seen], name: str, quantity: str, *, log: bool
) -> tuple[Figure, str] | None:
    stores: dict[str, list[Progress]] = {}
    words = []
    for one in seen:
        iteration, values = _curve(one, name)
        known = np.flatnonzero(np.isfinite(values))
        if not known.size:
            continue
        marks = tuple(_marks(one))
        curve = Progress(one.run.name, iteration, values, marks)
        stores.setdefault(one.given.label, []).append(curve)
        first, last = known[[0, -1]]
        chosen = "".join(f", {mark.name} at iteration {mark.iteration}" for mark in marks)
        words.append(
            f"{one.name}: from {values[first]:.4g} at iteration {iteration[first]} "
            f"to {values[last]:.4g} at iteration {iteration[last]}{chosen}"
        )
    if not stores:
        return None
    return progress(stores, quantity, log=log), _alt(f"{quantity} against iteration", words)


def _curve(one: Seen, name: str) -> tuple[np.ndarray, Doubles]:
    """The loss of every step where that was kept, else the numbers of the saved iterations."""
    steps = one.run.step_loss if name == "loss" else None
    if steps is not None and np.isfinite(steps).any():
        return np.arange(len(steps)), steps
    values = one.run.scalar(name)
    if values is None:
        return np.empty(0, np.int64), np.empty(0)
    return one.run.iterations[: len(values)], values


def _marks(one: Seen) -> Iterator[Mark]:
    rules = said(one.numbers, "stopping")
    for name, verdict in rules.items() if isinstance(rules, Mapping) else ():
        at = said(verdict, "iteration")
        if type(at) is int:
            yield Mark(str(name), at, said(verdict, "sure") is True)
    best = best_of(one.run)
    if best is not None:
        yield Mark(BEST, best)


def _taken(seen: Sequence[Seen], name: str) -> list[Taken]:
    found = [one.taken[name] for one in seen if name in one.taken]
    return [taken for taken in found if taken.iterations]


def _bands(seen: Sequence[Seen], labels: Mapping[str, str]) -> tuple[Figure, str] | None:
    taken = _taken(seen, "fbc")
    if not taken:
        return None
    words = []
    for one in taken:
        first, last = one.column("fbc")[[0, -1]]
        grown = ", ".join(f"{a:.2g} to {b:.2g}" for a, b in zip(first, last, strict=True))
        words.append(f"{labels[one.source]} run-{one.run}, from the lowest band up: {grown}")
    about = f"frequency-band correspondence with the {_reference(seen)} against iteration"
    return measured.draw("fbc", taken, labels), _alt(about, words)


def _error(seen: Sequence[Seen], labels: Mapping[str, str]) -> tuple[Figure, str] | None:
    taken = _taken(seen, "error")
    if not taken:
        return None
    words = []
    for one in taken:
        last = one.column("relative")[-1][1:]  # ring 0 is the mean
        if len(last):
            words.append(
                f"{labels[one.source]} run-{one.run}: in the end {last[0]:.2g} of the power at the "
                f"lowest frequency and {last[len(last) // 2]:.2g} in the middle is missing"
            )
    about = f"heat map of the error's power, relative to the {_reference(seen)}'s, by frequency"
    return measured.draw("error", taken, labels), _alt(f"{about} and iteration", words)


def _reference(seen: Sequence[Seen]) -> str:
    return " or ".join(dict.fromkeys(one.reference for one in seen if one.reference))


def _spectra(seen: Sequence[Seen]) -> tuple[Figure, str] | None:
    panels = {
        one.name: [
            Curve(str(shot.iteration), one.frequency, shot.power)
            for shot in some(one.shots, SPECTRA)
        ]
        for one in seen
        if one.shots
    }
    if not panels:
        return None
    words = [f"{name}: {', '.join(c.name for c in curves)}" for name, curves in panels.items()]
    return spectra(panels, "power"), _alt("power against frequency at some iterations", words)


def _distances(
    distances: Sequence[Compared], labels: Mapping[str, str]
) -> tuple[Figure, str] | None:
    curves = [one for one in distances if len(one.iteration)]
    if not curves:
        return None
    words = []
    for one in curves:
        points = next(iter(one.convergences()))[1]
        three = (
            f"first convergence at {points.first}, peak at {points.peak}, "
            f"second convergence at {points.second}"
            if points
            else "no two convergences with a peak between them"
        )
        words.append(f"{one.pair.a.label} to {one.pair.b.label}: {three}")
    return compared.draw(curves, labels), _alt("squared distance against iteration", words)


def _alt(about: str, words: Sequence[str]) -> str:
    more = f"; and {len(words) - SPELLED} more" if len(words) > SPELLED else ""
    text = "; ".join(words[:SPELLED])
    return f"{about[0].upper()}{about[1:]}. {text}{more}." if text else f"{about}."
