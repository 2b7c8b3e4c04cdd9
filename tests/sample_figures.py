"""Sample figures of known numbers, and readers of their panels, curves and marks."""

import hashlib
from xml.etree import ElementTree

import numpy as np

from dipcli.figures import canvas
from dipcli.figures.bands import Bands, bands, onsets
from dipcli.figures.curves import Series
from dipcli.figures.distances import Distance, distances
from dipcli.figures.heatmap import Spectrum, heatmap, power2d
from dipcli.figures.series import series
from dipcli.figures.spectra import spectra

NAN = float("nan")
ITERATION = np.arange(0, 500, 10)
LOW = np.arange(5) / 5
POINTS = (("first convergence", 130, 2.0), ("peak", 250, 31.0), ("second convergence", 490, 1.5))


def run(**changed):
    """The bands of a run that learns low frequencies first."""
    values = 1 - np.exp(-ITERATION[:, None] / (20 * 3.0 ** np.arange(5)))
    return Bands(
        **{"iteration": ITERATION, "low": LOW, "high": LOW + 0.2, "values": values} | changed
    )


def pair(a="run-0", b="run-1", **changed):
    """A distance with a peak between two minima."""
    sse = 100 * np.exp(-ITERATION / 20) + 30 * np.exp(-(((ITERATION - 250) / 60) ** 2)) + 1
    return Distance(a, b, **{"iteration": ITERATION, "sse": sse} | changed)


def ramp(channels, height=6, width=4):
    size = channels * height * width
    return np.linspace(0, 1, size).reshape(channels, height, width)


def sample(kind):
    """A figure of a kind, with everything that it can show."""
    rng = np.random.default_rng(0)
    if kind is bands:
        return bands({"a": [run(best=100)], "b": [run(), run(best=50)]})
    if kind is heatmap:
        store = Spectrum(ITERATION[::5], np.arange(9) / 16, rng.random((10, 9)) + 0.01)
        return heatmap({"a": store}, "relative error", levels=(0.1, 0.5))
    if kind is power2d:
        return power2d({"a": {0: rng.random((8, 8)), 9: rng.random((8, 8))}}, "power")
    if kind is spectra:
        curves = [Series(str(i), np.arange(9) / 16, np.arange(9) + i + 1.0) for i in (0, 5, 90)]
        return spectra({"a": curves}, "power")
    if kind is series:
        return series({"a": [Series("loss", ITERATION, ITERATION + 1.0)]}, "loss", log=True)
    if kind is onsets:
        return onsets({"a": [Series("run-0", LOW + 0.1, np.array([1, 5, 20, 90, NAN]))]}, 0.5)
    shots = tuple((rng.random((3, 8, 8)), rng.random((3, 8, 8))) for _ in POINTS)
    return distances({"a": [pair(points=POINTS, thumbnails=shots)]})


def digests():
    """Hashes of figures of curves, of pixels, and of both."""
    figures = {kind: sample(kind) for kind in (bands, heatmap, distances)}
    files = [(bands, "svg"), (heatmap, "svg"), *((distances, form) for form in canvas.FORMATS)]
    return [hashlib.sha256(canvas.encode(figures[kind], form)).hexdigest() for kind, form in files]


def panels_of(figure):
    """The panels of a figure: its axes that have titles."""
    return [ax for ax in figure.axes if ax.get_title()]


def curves_of(ax):
    return [line for line in ax.lines if line.get_transform() == ax.transData]


def marks_of(ax):
    """The positions of the vertical lines."""
    return [x[0] for x, y in (line.get_data() for line in ax.lines) if list(y) == [0, 1]]


def legend_of(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def svg_of(figure):
    """The bytes of a figure as svg, which must be well-formed."""
    data = canvas.encode(figure, "svg")
    ElementTree.fromstring(data)
    return data
