"""Figures of new measures, which are chosen by the axis and labelled by the measure."""

import numpy as np
import pytest
from matplotlib.colors import LogNorm, Normalize
from sample_figures import curves_of, legend_of, panels_of, svg_of

from dipcli.errors import DipError
from dipcli.figures.measures import FEW, measure_figure
from dipcli.measure.base import Measure
from dipcli.measure.runs import Measurements

SAVED = np.arange(0, 50, 10)
LABELS = {"a.zarr": "a", "b.zarr": "b"}


def measurements(function, axis=(), source="a.zarr", run=0, **attributes):
    """A new measure of all frames of a run; its values are a function of the iteration."""
    attributes = {"columns": ("other", "x"), "axis": dict(axis), **attributes}
    attributes["take"] = lambda self, frame: [0, function(frame)]
    measure = type("New", (Measure,), attributes)(np.zeros((1, 4, 4), np.float32))
    every = Measurements(source, run, measure)
    for iteration in SAVED if run is not None else [None]:
        every.values[iteration] = measure(iteration or 0)
    return every


def test_a_measure_without_an_axis_is_a_curve_per_run():
    runs = [
        measurements(lambda i: i**2, quantity="entropy", unit="bits"),
        measurements(lambda i: i**3, run=1),
        measurements(lambda i: 5, source="b.zarr"),
    ]
    figure = measure_figure("mine:entropy", runs, LABELS)
    first, second = panels_of(figure)
    assert first.get_ylabel() == "entropy (bits)"
    assert [len(curves_of(ax)) for ax in (first, second)] == [2, 1]
    assert np.array_equal(curves_of(first)[1].get_xydata(), np.c_[SAVED, SAVED**3])
    assert legend_of(figure) == ["run-0", "run-1"]
    svg_of(figure)


def test_a_measure_without_a_quantity_has_its_name_as_label():
    figure = measure_figure("mine:entropy", [measurements(lambda i: i)], LABELS)
    assert panels_of(figure)[0].get_ylabel() == "mine:entropy"


def test_a_few_places_of_an_axis_are_a_curve_each():
    axis = {"channel_name": np.array(["red", "blue"])}
    one = measurements(lambda i: np.array([i, -i]), axis)
    figure = measure_figure("mean", [one], LABELS)
    (ax,) = panels_of(figure)
    assert np.array_equal(curves_of(ax)[1].get_xydata(), np.c_[SAVED, -SAVED])
    assert legend_of(figure) == ["channel name red", "channel name blue"]
    other = measurements(lambda i: np.array([i, -i]), axis, run=1)
    figure = measure_figure("mean", [one, other], LABELS)
    assert legend_of(figure)[2:] == ["run-1, channel name red", "run-1, channel name blue"]


@pytest.mark.parametrize(("sign", "scale"), [(1, LogNorm), (-1, Normalize)])
def test_many_places_of_an_axis_are_a_heat_map(sign, scale):
    lag = np.arange(1, FEW + 2)
    run = measurements(lambda i: sign ** np.arange(len(lag)) * (i + lag), {"lag": lag})
    figure = measure_figure("correlation", [run], LABELS)
    (ax,) = panels_of(figure)
    mesh = ax.collections[0]
    assert ax.get_ylabel() == "lag"
    assert type(mesh.norm) is scale
    assert np.array_equal(mesh.get_array(), run.column("x").T)
    corners = np.asarray(mesh.get_coordinates())
    assert corners[:, 0, 1] == pytest.approx([*(lag - 0.5), lag[-1] + 0.5])
    svg_of(figure)


def test_many_names_on_an_axis_are_rows_in_their_order():
    names = {"filter": np.array(list("hgfedcba"))}
    figure = measure_figure("x", [measurements(lambda i: i + np.arange(8) + 1, names)], LABELS)
    corners = np.asarray(panels_of(figure)[0].collections[0].get_coordinates())
    assert (np.diff(corners[:, 0, 1]) > 0).all()


def test_negative_values_of_bands_are_within_the_panel():
    axis = {"low": np.array([0, 0.5]), "high": np.array([0.5, 1])}
    figure = measure_figure("gain", [measurements(lambda i: np.array([-3, 0.5]), axis)], LABELS)
    assert panels_of(figure)[0].get_ylim()[0] < -3


def test_images_are_curves_along_the_axis():
    lag = np.arange(1, 30)
    images = [measurements(lambda i: np.cos(lag), {"lag": lag}, s, None) for s in LABELS]
    figure = measure_figure("correlation", images, LABELS)
    ax = figure.axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("lag", "correlation")
    assert np.array_equal(curves_of(ax)[0].get_xydata(), np.c_[lag, np.cos(lag)])
    assert legend_of(figure) == ["a", "b"]


def test_a_measure_of_images_without_an_axis_has_no_figure():
    with pytest.raises(DipError, match="name a store"):
        measure_figure("entropy", [measurements(lambda i: i, run=None)], LABELS)
