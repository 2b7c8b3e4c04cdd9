"""Which figure shows how far trajectories are apart: curves with their points, or bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from dipcli.errors import DipError
from dipcli.figures.bands import Bands
from dipcli.figures.distances import POINTS, Distance, band_distances, distances
from dipcli.images import Floats
from dipcli.measure.convergence import Convergence
from dipcli.measure.pairs import Moving, Side, Still
from dipcli.measure.trajectories import Compared


def draw(compared: Sequence[Compared], labels: Mapping[str, str]) -> Figure:
    """A panel per store that a pair begins with; labels are by store, as it was named."""
    curves = [one for one in compared if len(one.iteration)]
    if not curves:
        msg = "--plot draws distances over iterations, and images have none: name a store"
        raise DipError(msg)
    panels: dict[str, list[Compared]] = {}
    for one in curves:
        store = one.pair.a.label.rpartition("/")[0]
        panels.setdefault(labels.get(store, store), []).append(one)
    if curves[0].axis:
        return band_distances(
            {k: [_bands(one, labels) for one in pairs] for k, pairs in panels.items()}
        )
    drawn = {}
    for label, pairs in panels.items():
        points = [next((p for _, p in one.convergences()), None) for one in pairs]
        first = next((i for i, p in enumerate(points) if p), None)
        drawn[label] = [
            _distance(one, p, labels, thumbnails=i == first)
            for i, (one, p) in enumerate(zip(pairs, points, strict=True))
        ]
    return distances(drawn)


def _bands(one: Compared, labels: Mapping[str, str]) -> Bands:
    name = " to ".join(_names(one, labels))
    low, high = one.axis["low"], one.axis["high"]
    return Bands(one.iteration, low, high, one.curves, None, name)


def _distance(
    one: Compared, points: Convergence | None, labels: Mapping[str, str], *, thumbnails: bool
) -> Distance:
    marks, images = [], []
    if points is not None:
        at = [points[:2], points[2:4], points[4:]]
        marks = [(name, int(i), float(v)) for name, (i, v) in zip(POINTS, at, strict=True)]
        if thumbnails:
            a, b = one.pair.a, one.pair.b
            images = [(i, _seen(a, i), _seen(b, i)) for _, i, _ in marks]
    return Distance(*_names(one, labels), one.iteration, one.sse, tuple(marks), tuple(images))


def _seen(side: Side, iteration: int) -> Floats:
    """What a side shows at one of its iterations."""
    if isinstance(side, Still):
        return side.pixels
    return side.run.frame(side.shown(iteration))


def _names(one: Compared, labels: Mapping[str, str]) -> tuple[str, str]:
    """Of the sides: a run by its own name where the panel says of which store it is."""
    panel = one.pair.a.label.rpartition("/")[0]
    return _short(one.pair.a, panel, labels), _short(one.pair.b, panel, labels)


def _short(side: Side, panel: str, labels: Mapping[str, str]) -> str:
    store, _, run = side.label.rpartition("/")
    if not isinstance(side, Moving):
        return side.label
    return run if store in (panel, "") else f"{labels.get(store, store)} {run}"
