"""Figures in general: their files, text and panels."""

import json
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.cbook import is_math_text
from matplotlib.transforms import Bbox
from PIL import Image
from sample_figures import (
    ITERATION,
    NAN,
    POINTS,
    curves_of,
    digests,
    legend_of,
    pair,
    panels_of,
    ramp,
    run,
    sample,
    svg_of,
)

from dipcli.figures import canvas
from dipcli.figures.bands import bands, onsets
from dipcli.figures.curves import Series, thin
from dipcli.figures.distances import band_distances, distances
from dipcli.figures.heatmap import heatmap, power2d
from dipcli.figures.lettering import shortened, width, wrapped
from dipcli.figures.series import series
from dipcli.figures.spectra import spectra

ROOT = Path(__file__).parent.parent
NASTY = ["a$b$c", "$x^2$", r"\$a\$", "<b>&amp;--</b>", "new\nline", "\x1b[31m", "\udcff", "漢字"]


# --- files


def test_another_process_makes_the_same_bytes_without_pyplot():
    program = """if True:
        import json, sys
        from tests.sample_figures import digests
        print(json.dumps([digests(), "matplotlib.pyplot" in sys.modules]))
    """
    env = {**os.environ, "PYTHONHASHSEED": "7"}
    other = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, env=env, cwd=ROOT
    )
    assert json.loads(other.stdout) == [digests(), False]


def test_bytes_depend_neither_on_the_order_of_formats_nor_on_matplotlibrc(tmp_path):
    first = canvas.encode(sample(series), "svg")
    with mpl.rc_context({"lines.linewidth": 9, "font.size": 20, "axes.facecolor": "red"}):
        figure = sample(series)
        files = {form: canvas.encode(figure, form) for form in reversed(canvas.FORMATS)}
        assert mpl.rcParams["lines.linewidth"] == 9
    assert files["svg"] == first
    assert files["pdf"].startswith(b"%PDF")
    assert b"CreationDate" not in files["pdf"]
    assert b"dc:date" not in files["svg"]
    (tmp_path / "a.png").write_bytes(files["png"])
    with Image.open(tmp_path / "a.png") as image:
        assert image.width == round(canvas.PANEL[0] * 300)


def test_a_curve_of_100_000_points_is_a_small_file_with_all_extremes():
    rng = np.random.default_rng(1)
    x, y = np.arange(100_000), rng.random(100_000) + 1
    y[34_567], y[71_234] = 9, 0.1
    figure = series({"a": [Series(n, x, y) for n in "pq"]}, "loss", log=True)
    shown = curves_of(figure.axes[0])[0].get_xydata()
    assert {(34_567, 9), (71_234, 0.1), (0, y[0]), (99_999, y[-1])} <= set(map(tuple, shown))
    assert len(svg_of(figure)) < 500_000


def test_thin_keeps_the_extremes_and_gaps_of_each_stretch():
    rng = np.random.default_rng(2)
    x, y = np.arange(10_000.0), rng.normal(size=10_000)
    y[4000:4003] = NAN
    kept, values = thin(x, y, 400)
    assert 200 <= len(kept) <= 500
    assert np.array_equal(values, y[kept.astype(int)], equal_nan=True)
    assert np.isnan(values).any()
    for start in range(0, 10_000, 100):  # a hundred stretches of four points
        inside = (kept >= start) & (kept < start + 100)
        assert np.nanmax(values[inside]) == np.nanmax(y[start : start + 100])
        assert np.nanmin(values[inside]) == np.nanmin(y[start : start + 100])


# --- text


def test_text_of_users_is_never_read_as_a_formula():
    shots = ((ramp(1), ramp(1)),) * 3
    figures = [
        bands({text: [run(name=text)] for text in NASTY}, NASTY[0]),
        series({"a": [Series(text, ITERATION, ITERATION) for text in NASTY]}, NASTY[1]),
        distances({NASTY[0]: [pair(NASTY[1], points=POINTS, thumbnails=shots), pair()]}),
    ]
    for figure in figures:
        texts = [text for ax in figure.axes for text in (ax.title, ax.xaxis.label, ax.yaxis.label)]
        for text in [*(text.get_text() for text in texts), *legend_of(figure)]:
            assert not is_math_text(text)
            assert text.replace("\n", "").isprintable()
    titles = [ax.get_title().replace(r"\$", "$") for ax in panels_of(figures[0])]
    assert titles == [*NASTY[:4], r"new\nline", r"\x1b[31m", r"\udcff", r"\u6f22\u5b57"]
    svg_of(figures[1])


def test_long_names_are_wrapped_and_shortened_to_fit():
    name = "/very/long/path" * 40
    assert width(shortened(name, 200), 8) <= 200
    assert shortened(name, 200).startswith("/very")
    assert shortened("short", 200) == "short"
    lines = wrapped("results/learning-rate-0.001/traj.zarr", 90)
    assert lines == ["results/learning-rate-", "0.001/traj.zarr"]
    assert all(width(line) <= 90 for line in wrapped(name, 90))
    figure = series({name: [Series(name + n, ITERATION, ITERATION) for n in "ab"]}, "loss")
    figure.draw_without_rendering()
    page = figure.get_window_extent()
    for box in (figure.legends[0].get_window_extent(), figure.axes[0].title.get_window_extent()):
        assert box.x0 >= page.x0
        assert box.x1 <= page.x1


def test_width_of_text_equals_that_of_the_font():
    figure = canvas.Figure()
    text = figure.text(0, 0, "results/traj-1.zarr", fontsize=30)
    assert width("results/traj-1.zarr", 30) == pytest.approx(
        text.get_window_extent().width * 72 / figure.dpi, rel=0.02
    )


# --- panels


@pytest.mark.parametrize(
    ("count", "down", "across"),
    [(1, 1, 1), (2, 1, 2), (3, 1, 3), (4, 2, 2), (5, 2, 3), (40, 14, 3)],
)
def test_stores_have_a_panel_each_in_order_on_common_axes(count, down, across):
    labels = [f"store {i}" for i in range(count)]
    figure = bands({label: [run()] for label in labels})
    axes = panels_of(figure)
    assert [ax.get_title() for ax in axes] == labels
    assert axes[0].get_gridspec().get_geometry() == (down, across)
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in axes}) == 1
    axes[-1].set_xlim(3, 4)
    assert axes[0].get_xlim() == (3, 4)
    assert sum(bool(ax.get_xlabel()) for ax in axes) == min(count, across)
    assert sum(bool(ax.get_ylabel()) for ax in axes) == down
    assert figure.get_figwidth() <= canvas.PAGE + 1e-9


def test_only_the_first_panel_of_a_row_has_numbers_beside_a_log_axis():
    """Within a decade matplotlib labels the minor ticks, too."""
    store = [Series("x", ITERATION, np.linspace(20, 90, len(ITERATION)))]
    figure = series({"a": store, "b": store}, "loss", log=True)
    figure.draw_without_rendering()
    first, second = (ax.get_yticklabels(which="both") for ax in panels_of(figure))
    assert any(label.get_visible() and label.get_text() for label in first)
    assert not any(label.get_visible() and label.get_text() for label in second)


@pytest.mark.parametrize("kind", [bands, heatmap, power2d, spectra, series, onsets, distances])
def test_no_part_of_a_figure_overlaps_another_or_leaves_the_page(kind):
    figure = sample(kind)
    assert len(svg_of(figure)) < 300_000
    boxes = [part.get_tightbbox() for part in (*figure.axes, *figure.legends)]
    page = figure.bbox.padded(1)
    for box, other in combinations(boxes, 2):
        assert not Bbox.intersection(box.padded(-1), other.padded(-1))
        assert page.x0 <= box.x0 < box.x1 <= page.x1
        assert page.y0 <= box.y0 < box.y1 <= page.y1


def test_figures_without_data_say_no_values():
    for figure in (
        bands({}),
        heatmap({}, "error"),
        power2d({}, "power"),
        spectra({}, "power"),
        series({}, "loss", log=True),
        onsets({}, 0.5),
        distances({}),
        band_distances({"a": []}),
    ):
        (ax,) = figure.axes
        assert ax.texts[0].get_text().startswith("no values")
    svg_of(figure)
