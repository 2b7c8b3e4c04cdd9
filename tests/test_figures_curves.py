"""Figures of curves (bands, onsets, series, spectra), read back from their artists."""

from dataclasses import replace

import numpy as np
from matplotlib.colors import to_rgba
from sample_figures import (
    ITERATION,
    LOW,
    NAN,
    curves_of,
    legend_of,
    marks_of,
    panels_of,
    run,
    svg_of,
)

from dipcli.figures import canvas
from dipcli.figures.bands import Bands, bands, onsets
from dipcli.figures.curves import Mark, Series
from dipcli.figures.series import BEST, series
from dipcli.figures.spectra import spectra

BANDS = (("0", "0.2"), ("0.2", "0.4"), ("0.4", "0.6"), ("0.6", "0.8"), ("0.8", "1"))


# --- bands


def test_bands_draw_every_value_with_one_colour_per_band():
    one, other = run(best=120), run(best=None)
    figure = bands({"a": [one], "b": [other]}, "FBC")
    first, second = panels_of(figure)
    assert len(curves_of(first)) == 5
    for line, values in zip(curves_of(first), one.values.T, strict=True):
        assert np.array_equal(line.get_xydata(), np.c_[ITERATION, values])
        assert line.get_linestyle() == "-"
    assert first.get_ylim() == (0, 1.05)
    assert (first.get_xlabel(), first.get_ylabel()) == ("iteration", "FBC")
    assert (marks_of(first), marks_of(second)) == ([120], [])
    assert legend_of(figure) == [*(f"{x}\u2013{y}" for x, y in BANDS), "best PSNR"]
    colors = [line.get_color() for line in curves_of(first)]
    assert [line.get_color() for line in curves_of(second)] == colors
    # from dark to light, all visible on white
    light = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b, _ in map(to_rgba, colors)]
    assert light == sorted(light)
    assert light[-1] < 0.8


def test_each_of_several_runs_has_a_colour_and_bands_have_its_shades():
    runs = [replace(run(), name=f"run-{k}") for k in range(3)]
    figure = bands({"a": runs, "b": runs[:1]}, "FBC")
    first, second = panels_of(figure)
    colors = [to_rgba(line.get_color()) for line in curves_of(first)]
    assert len(set(colors)) == 15
    for k in range(3):
        hues = {int(np.argmax(color[:3])) for color in colors[5 * k : 5 * k + 4]}
        assert hues == {(2, 0, 1)[k]}  # blue, orange, green
        shades = [sum(color[:3]) for color in colors[5 * k : 5 * k + 5]]
        assert shades == sorted(shades)
    assert [to_rgba(line.get_color()) for line in curves_of(second)] == colors[:5]
    assert curves_of(first)[0].get_linewidth() < curves_of(second)[0].get_linewidth()
    assert legend_of(figure)[-3:] == ["run-0", "run-1", "run-2"]


def test_a_band_has_the_same_colour_in_stores_with_fewer_bands():
    few = run(low=LOW[3:], high=LOW[3:] + 0.2, values=run().values[:, 3:])
    first, second = panels_of(bands({"few": [few], "all": [run()]}))
    assert [c.get_color() for c in curves_of(first)] == [
        c.get_color() for c in curves_of(second)[3:]
    ]


def test_values_that_are_not_finite_leave_gaps():
    values = np.full(50, np.inf)
    values[[3, 10, 11]] = 5, 6, 7
    values[20] = 0
    (line,) = curves_of(series({"a": [Series("x", ITERATION, values)]}, "PSNR", log=True).axes[0])
    shown = np.flatnonzero(np.isfinite(line.get_ydata()))
    assert list(shown) == [3, 10, 11]  # 0 has no logarithm
    assert line.get_markevery() == [3]  # a single point needs a dot
    figure = bands({"a": [run(values=np.full((50, 5), NAN))]})
    assert figure.axes[0].texts[0].get_text() == "no values"


def test_a_single_iteration_is_a_dot():
    figure = bands({"a": [run(iteration=np.array([7]), values=np.full((1, 5), 0.3), best=7)]})
    line = curves_of(figure.axes[0])[0]
    assert (list(line.get_xdata()), line.get_markevery()) == ([7], [0])
    svg_of(figure)
    assert all(tick == round(tick) for tick in figure.axes[0].get_xticks())


def test_the_legend_of_64_bands_has_12_entries():
    edges = np.arange(65) / 64
    many = Bands(ITERATION, edges[:-1], edges[1:], np.random.default_rng(0).random((50, 64)))
    figure = bands({"a": [many]})
    assert len(curves_of(figure.axes[0])) == 64
    assert len(legend_of(figure)) == 12
    assert (legend_of(figure)[0], legend_of(figure)[-1]) == ("0\u20130.0156", "0.984\u20131")


# --- series


def test_series_draw_curves_and_the_best_iteration():
    curves = [Series(n, ITERATION, ITERATION + i + 1.0) for i, n in enumerate(("loss", "PSNR"))]
    figure = series({"a": curves, "b": curves[1:]}, "value", log=True, best={"b": [40, None]})
    first, second = panels_of(figure)
    assert first.get_yscale() == "log"
    assert (marks_of(first), marks_of(second)) == ([], [40])
    assert legend_of(figure) == ["loss", "PSNR", "best PSNR"]
    assert np.array_equal(curves_of(second)[0].get_ydata(), curves[1].values)
    assert curves_of(second)[0].get_color() == curves_of(first)[1].get_color()


def test_28_curves_have_28_looks():
    figure = series({"a": [Series(f"{i}", ITERATION, ITERATION) for i in range(28)]}, "x")
    looks = {(line.get_color(), str(line._dash_pattern)) for line in curves_of(figure.axes[0])}
    assert len(looks) == 28


def test_axes_of_long_runs_count_in_thousands():
    figure = series({"a": [Series("x", np.array([0, 20_000]), np.array([0, 1]))]}, "x")
    figure.draw_without_rendering()
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert {"0", "5k", "20k"} <= set(labels)


# --- spectra


def test_spectra_are_drawn_on_log_axes_without_frequency_0():
    frequency = np.arange(10) / 16
    curves = [Series(str(i), frequency, np.arange(10) + i) for i in (100, 20, 3)]
    figure = spectra({"a": curves, "b": curves[:1]}, "power")
    ax = panels_of(figure)[0]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    for line, one in zip(curves_of(ax), curves, strict=True):
        assert np.array_equal(line.get_xydata(), np.c_[frequency, one.values][1:])  # without DC
    assert marks_of(ax) == [0.5]
    assert legend_of(figure) == ["3", "20", "100", "Nyquist"]
    light = [sum(to_rgba(line.get_color())[:3]) for line in curves_of(ax)]
    assert light == sorted(light, reverse=True)  # later iterations are lighter, in any order
    named = spectra(
        {"": [Series(n, frequency, frequency + 1) for n in ("x.png", "y.png")]}, "power"
    )
    assert curves_of(named.axes[0])[0].get_color() == canvas.COLORS[0]


# --- onsets


def test_bands_that_never_reach_the_threshold_are_above_the_axis():
    reached = np.array([3, 20, 60, NAN, NAN])
    figure = onsets(
        {"a": [Series("run-0", LOW + 0.1, reached), Series("run-1", LOW, reached * 2)]}, 0.5
    )
    (ax,) = panels_of(figure)
    assert ax.get_yscale() == "log"
    line, never, *_ = ax.lines
    assert np.array_equal(line.get_xydata(), np.c_[LOW + 0.1, reached], equal_nan=True)
    assert list(never.get_xdata()) == [LOW[3] + 0.1, LOW[4] + 0.1]
    assert never.get_markerfacecolor() == "white"
    # the marks are in a strip above all onsets
    (strip,) = ax.patches
    highest = ax.transAxes.inverted().transform(ax.transData.transform([0, 120]))[1]
    assert highest < strip.get_y() < never.get_ydata()[0] < 1
    assert legend_of(figure) == ["run-0", "run-1", "not reached"]
    assert "0.5" in ax.get_ylabel()


def test_onsets_at_iteration_0_are_on_the_axis():
    figure = onsets({"a": [Series("x", LOW[:3], np.array([0, 0.5, 40]))]})
    (ax,) = panels_of(figure)
    assert ax.get_yscale() == "symlog"
    assert ax.get_ylim()[0] <= 0
    assert np.isfinite(ax.transData.transform(ax.lines[0].get_xydata())).all()
    assert legend_of(figure) == []


def test_the_choices_of_rules_are_marked_on_the_curve():
    values = 1000.0 / (ITERATION + 1)
    marks = (Mark("es-wmv", 120), Mark("es-emv", 254, sure=False), Mark(BEST, 100))
    runs = [Series("run-0", ITERATION, values, marks), Series("run-1", ITERATION, values * 2)]
    figure = series({"a": runs}, "loss", log=True)
    (ax,) = panels_of(figure)
    markers = {line.get_marker(): line for line in ax.lines if len(line.get_xdata()) == 1}
    places = {m: (line.get_xdata()[0], line.get_ydata()[0]) for m, line in markers.items()}
    # iteration 250 is the nearest to 254
    wanted = {"v": 120, "^": 250, "*": 100}
    assert places == {m: (at, 1000.0 / (at + 1)) for m, at in wanted.items()}
    assert markers["^"].get_markerfacecolor() == "white"
    assert markers["v"].get_markerfacecolor() == canvas.COLORS[0]
    names = ["run-0", "run-1", "es-wmv", "es-emv", "best PSNR", "open: not sure yet"]
    assert legend_of(figure) == names
    svg_of(figure)


def test_marks_on_an_empty_curve_are_left_out():
    nothing = Series("run-0", np.empty(0), np.empty(0), (Mark("es-wmv", 3),))
    hole = Series("run-1", ITERATION, np.full(len(ITERATION), NAN), (Mark("es-wmv", 3),))
    figure = series({"a": [nothing, hole]}, "loss")
    assert not [line for line in panels_of(figure)[0].lines if line.get_marker() == "v"]
    svg_of(figure)
