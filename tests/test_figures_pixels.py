"""Figures of pixels (heat maps, 2-d spectra, thumbnails), read back from their artists."""

import numpy as np
import pytest
from matplotlib.colors import LogNorm, to_rgba
from sample_figures import (
    ITERATION,
    NAN,
    POINTS,
    curves_of,
    legend_of,
    pair,
    panels_of,
    ramp,
    run,
    svg_of,
)

from dipcli.figures.distances import band_distances, distances
from dipcli.figures.heatmap import Spectrum, heatmap, power2d

# --- heat maps


def meshes(figure):
    return [ax.collections[0] for ax in panels_of(figure)]


def test_panels_of_a_heat_map_share_a_logarithmic_scale_and_one_bar():
    rng = np.random.default_rng(3)
    frequency = np.arange(20) / 32
    stores = {
        name: Spectrum(np.array([0, 1, 5, 100]), frequency, 10.0**power * rng.random((4, 20)))
        for name, power in (("a", 0), ("b", 3))
    }
    figure = heatmap(stores, "relative error")
    first, second = meshes(figure)
    assert first.norm is second.norm
    assert isinstance(first.norm, LogNorm)
    everything = np.concatenate([np.ravel(s.values) for s in stores.values()])
    assert first.norm.vmax == everything.max()
    assert np.mean(everything < first.norm.vmin) < 0.05
    assert np.array_equal(first.get_array(), stores["a"].values.T)
    corners = np.asarray(first.get_coordinates())
    assert list(corners[0, :, 0]) == [0, 0.5, 3, 52.5, 147.5]  # half way between iterations
    assert corners[:, 0, 1] == pytest.approx(np.array([0, *(np.arange(20) + 0.5)]) / 32)
    assert first.get_rasterized()
    (bar,) = [ax for ax in figure.axes if ax not in panels_of(figure)]
    assert bar.get_xlabel() == "relative error"
    low, high = first.cmap([0.0, 1.0])
    assert sum(low[:3]) < sum(high[:3])  # dark is small


def test_a_heat_map_shows_zeros_as_lowest_and_missing_values_gray():
    values = np.array([[1, 0.1, 0], [0.5, NAN, np.inf], [0.2, 0.3, -1]])
    figure = heatmap({"a": Spectrum(np.arange(3), np.arange(3) / 4, values)}, "error")
    (mesh,) = meshes(figure)
    svg_of(figure)
    colors = mesh.to_rgba(mesh.get_array())
    assert np.array_equal(colors[2, 0], mesh.cmap(0.0))  # values.T: 0 is below all
    assert np.array_equal(colors[2, 2], mesh.cmap(0.0))
    assert np.array_equal(colors[1, 1], to_rgba("0.85"))
    assert np.array_equal(colors[2, 1], to_rgba("0.85"))


def test_a_signed_heat_map_is_white_at_0_and_linear():
    values = np.linspace(-2, 1, 12).reshape(3, 4)
    store = Spectrum(np.arange(3), np.arange(4) / 8, values)
    figure = heatmap({"a": store}, "x", signed=True)
    (mesh,) = meshes(figure)
    assert (mesh.norm.vmin, mesh.norm.vmax) == (-2, 2)
    assert mesh.norm(0.5) == pytest.approx(0.625)
    assert mesh.to_rgba(0.0)[:3] == pytest.approx([1, 1, 1], abs=0.05)
    (red, _, blue, _), (other_red, _, other_blue, _) = mesh.to_rgba(-2.0), mesh.to_rgba(2.0)
    assert blue > red
    assert other_red > other_blue
    svg_of(figure)


def test_contours_lie_where_the_value_is():
    iteration, frequency = np.arange(0, 100, 5), np.arange(40) / 80
    plane = 0.01 + frequency[None] + 0.002 * iteration[:, None]  # linear: interpolated exactly
    figure = heatmap({"a": Spectrum(iteration, frequency, plane)}, "error", levels=(0.5, 0.1, 99))
    lines = figure.axes[0].collections[1:]
    assert len(lines) == 2
    for line, level in zip(lines, (0.1, 0.5), strict=True):
        points = np.concatenate([path.vertices for path in line.get_paths()])
        assert 0.01 + points[:, 1] + 0.002 * points[:, 0] == pytest.approx(level)
    assert "0.1 (dashed), 0.5 (solid)" in figure.axes[-1].get_xlabel()


@pytest.mark.parametrize("shape", [(0, 4), (1, 4), (4, 1), (3000, 4)])
def test_heat_maps_of_any_size_are_small_files(shape):
    values = np.ones(shape)
    store = Spectrum(np.arange(shape[0]), np.arange(shape[1]) / 8, values)
    figure = heatmap({"a": store, "b": store}, "error", levels=(0.5,))
    assert len(svg_of(figure)) < 200_000


# --- power spectra


def test_power2d_shows_a_wave_at_its_frequency():
    y, x = np.mgrid[:20, :31]
    wave = np.cos(2 * np.pi * (3 * x / 31 - 4 * y / 20))
    power = np.abs(np.fft.fftshift(np.fft.fft2(wave))) ** 2
    figure = power2d({"a": {0: power, 10: power / 7}, "b": {0: power, 10: power}}, "power")
    images = [ax.images[0] for ax in figure.axes if ax.images]
    assert len(images) == 4
    assert len({id(image.norm) for image in images}) == 1
    left, right, bottom, top = images[0].get_extent()
    row, column = np.argwhere(images[0].get_array() > 0.9 * power.max()).T
    waves = np.c_[
        left + (column + 0.5) * (right - left) / 31, top + (row + 0.5) * (bottom - top) / 20
    ]
    assert waves == pytest.approx(np.array([[3 / 31, -4 / 20], [-3 / 31, 4 / 20]]))
    assert images[0].origin == "upper"  # row 0 on top, as in images
    first = figure.axes[0]
    assert (first.get_xlim(), first.get_ylim()) == ((-0.5, 0.5), (0.5, -0.5))
    assert first.get_title() == "iteration 0"
    assert [ax.get_title() for ax in figure.axes[2:4]] == ["", ""]
    assert [ax.get_ylabel() for ax in figure.axes[:4]] == ["a", "", "b", ""]


def test_power2d_titles_every_panel_where_iterations_differ():
    one = np.ones((4, 4))
    figure = power2d({"a": {0: one, 7: one}, "b": {5: one * 0}, "c": {}}, "power")
    titles = [ax.get_title() for ax in figure.axes if ax.images]
    assert titles == ["iteration 0", "iteration 7", "iteration 5"]
    assert figure.axes[4].texts[0].get_text() == "no values"


# --- distances


def test_distances_mark_convergences_and_peak():
    points = (
        ("first convergence", 130, 2.0),
        ("peak", 250, 31.0),
        ("second convergence", 490, 1.5),
    )
    figure = distances({"a": [pair(points=points)], "b": [pair()]})
    first, second = panels_of(figure)
    assert first.get_yscale() == "log"
    curve, *marks = first.lines
    assert np.array_equal(curve.get_xydata(), np.c_[ITERATION, pair().sse])
    assert [tuple(mark.get_xydata()[0]) for mark in marks] == [point[1:] for point in POINTS]
    assert len({mark.get_marker() for mark in marks}) == 3
    assert len(second.lines) == 1
    assert legend_of(figure) == [name for name, *_ in POINTS]


def test_thumbnails_are_below_their_panel():
    shots = tuple((ramp(3) * i / 490, ramp(3)) for i in (130, 250, 490))
    figure = distances({"a": [pair(), pair("x", points=POINTS, thumbnails=shots)], "b": [pair()]})
    panels = figure.axes[:2]
    cells = figure.axes[2:]
    assert len(cells) == 6
    svg_of(figure)
    for cell in cells:
        assert cell.get_position().y1 < panels[0].get_position().y0
        assert cell.get_position().x1 <= panels[0].get_position().x1 + 0.01
        assert cell.images[0].get_interpolation() == "nearest"
    above = [cell for cell in cells if cell.get_title()]
    titles = [cell.get_title().replace("\n", " ") for cell in above]
    assert titles == [f"{name} {iteration}" for name, iteration, _ in POINTS]
    assert np.allclose(cells[0].images[0].get_array(), np.moveaxis(ramp(3) * 130 / 490, 0, -1))
    assert [cell.get_ylabel() for cell in cells if cell.get_ylabel()] == ["x", "run-1"]
    names = ["run-0 \u2013 run-1", "x \u2013 run-1", *(name for name, *_ in POINTS)]
    assert legend_of(figure) == names


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_thumbnails_of_any_number_of_channels(channels):
    image = ramp(channels)
    unknown = image.copy()
    unknown[:, 0, 0] = NAN
    unknown[:, -1, -1], unknown[:, -1, 0] = 9, -9
    shots = ((image, unknown), (image, image), (image, image))
    figure = distances({"a": [pair(points=POINTS, thumbnails=shots)]})
    first, second = (ax.images[0] for ax in figure.axes[1:3])
    shown = np.asarray(first.get_array())
    expected = np.moveaxis(image, 0, -1) if channels == 3 else image.sum(axis=0) / channels
    assert shown == pytest.approx(expected)
    assert (first.norm.vmin, first.norm.vmax) == (0, 1)  # the gray scale is not stretched
    other = np.asarray(second.get_array())
    assert [np.unique(other[place]) for place in ((0, 0), (-1, -1), (-1, 0))] == [0.5, 1, 0]


def test_thumbnails_of_fine_patterns_are_averaged():
    stripes = np.zeros((1, 512, 512))
    stripes[:, ::2] = 1
    figure = distances({"a": [pair(points=POINTS, thumbnails=((stripes, stripes),) * 3)]})
    assert figure.axes[1].images[0].get_interpolation() != "nearest"


def test_the_distance_of_equal_trajectories_has_no_values_above_0():
    figure = distances({"a": [pair(sse=ITERATION * 0.0)]})
    assert figure.axes[0].texts[0].get_text() == "no values above 0"


def test_distances_per_band_draw_every_band():
    values = np.geomspace(1, 100, 250).reshape(50, 5)
    figure = band_distances({"a": [run(values=values)]})
    (ax,) = figure.axes
    assert ax.get_yscale() == "log"
    assert np.array_equal(curves_of(ax)[2].get_ydata(), values[:, 2])
    assert "Nyquist" in figure.legends[0].get_title().get_text()
