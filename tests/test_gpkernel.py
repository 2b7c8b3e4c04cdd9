"""`dip gpkernel` as users run it."""

import json
import math
from itertools import product

import numpy as np
import pytest

from dipcli.errors import UsageError
from dipcli.figures import canvas
from dipcli.figures.kernels import draws, kernels, stationarity
from dipcli.gp import likelihood, posterior, process
from dipcli.gp import rows as gp_rows
from dipcli.gp.inference import gp_posterior
from dipcli.gp.kernels import gpkernel
from dipcli.images import open_stack, read
from dipcli.store import Store, open_store
from tests.stores import fitted, picture

KERNEL = ["source", "depth", "sigma", "axis", "lag", "covariance", "cosine"]
KERNEL += ["covariance_se", "cosine_se"]
TINY = ("--width", "8", "--samples", "3")


def dicts(rows):
    """Rows as the figures read them."""
    return [row._asdict() for row in rows]


def table(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def rows(dip):
    def run(*words, **options):
        return table(dip("gpkernel", *words, "--format", "jsonl", **options))

    return run


# -- kernels ---------------------------------------------------------------------------------


def test_the_default_table(rows):
    found = rows()
    assert list(found[0]) == KERNEL
    keys = [(row["depth"], row["sigma"], row["lag"]) for row in found]
    assert keys == [(d, s, k) for d in (1, 2, 4) for s in (0, 2, 10) for k in range(128)]
    assert {row["source"] for row in found} == {"analytic"}
    assert {row[key] for row in found for key in ("axis", "covariance_se", "cosine_se")} == {None}


def test_a_kernel_follows_the_arc_cosine_formula(rows):
    found = rows("--depth", "1", "--sigma", "2", "--length", "5")
    for row in found:
        c = math.exp(-(row["lag"] ** 2) / 16)
        cosine = (math.sqrt(1 - c * c) + (math.pi - math.acos(c)) * c) / math.pi
        assert row["cosine"] == pytest.approx(cosine)
        assert row["covariance"] == pytest.approx(cosine / 2)


def test_empirical_adds_rows_of_sampled_networks_after_those_of_formulas(rows):
    words = ("--depth", "1,2", "--sigma", "2", "--length", "4", "--upsample", "nearest")
    found = rows(*words, "--empirical", *TINY)
    assert [row["source"] for row in found] == ["analytic"] * 8 + ["empirical"] * 8
    for formula, sample in zip(found[:8], found[8:], strict=True):
        for key in ("depth", "sigma", "axis", "lag"):
            assert formula[key] == sample[key]
        assert sample["cosine"] == pytest.approx(formula["cosine"], abs=0.3)
        assert sample["covariance_se"] > 0
    assert found == rows(*words, "--empirical", *TINY)
    assert found[8:] != rows(*words, "--empirical", *TINY, "--seed", "1")[8:]
    (alone,) = rows("--depth", "1", "--sigma", "0", "--length", "1", *TINY, "--empirical")[1:]
    assert alone["lag"] == 0


def test_one_sample_has_no_standard_error(rows):
    words = ("--depth", "1", "--sigma", "0", "--length", "2", "--width", "8")
    *_, last = rows(*words, "--empirical", "--samples", "1")
    assert last["covariance_se"] is None


def test_options_of_a_network_sample_networks_of_images(rows):
    words = ("--arch", "dip", "--depth", "2", "--size", "12x10", "--length", "11", *TINY)
    found = rows(*words)
    lags = [(row["axis"], row["lag"]) for row in found]
    assert lags == [*(("y", k) for k in range(10)), *(("x", k) for k in range(11))]
    assert {(row["source"], row["depth"], row["sigma"]) for row in found} == {
        ("empirical", 2, None)
    }
    # any option of a network means one
    assert rows(*words[2:], "--preset", "ulyanov") == found
    fast = ("--skip", "0,16", "--activation", "swish")  # deeper levels are not there
    assert rows(*words[2:], *fast) == rows(*words[2:], "--preset", "fast")
    assert rows(*words, "--preset", "chakrabarty") != found


@pytest.fixture
def store(tmp_path):
    """A store whose runs were fitted otherwise than by default."""
    path = tmp_path / "a.zarr"
    config = {"arch": "dip", "width": [8], "depth": 1, "skip": [0], "pad": "zero"}
    size = (1, 8, 12)
    with Store.create(path, picture(*size), name="picture.png") as made:
        run = made.create_run(0, 0, config, saves=1, steps=1, size=size)
        run.append(0, np.zeros(size, np.float32), loss=1.0)
        run.finish("complete", seconds=1.0)
    return path


def test_a_store_samples_its_own_network(rows, store, tmp_path):
    found = rows("a.zarr", "--length", "12", "--samples", "3")
    assert {(row["source"], row["depth"]) for row in found} == {("a.zarr", 1)}
    assert [row["axis"] for row in found] == ["y"] * 8 + ["x"] * 12
    same = ("--arch", "dip", "--width", "8", "--depth", "1", "--skip", "0", "--pad", "zero")
    by_hand = rows(*same, "--size", "12x8", "--length", "12", "--samples", "3")
    for one, other in zip(found, by_hand, strict=True):
        assert {**one, "source": ""} == {**other, "source": ""}
    piped = rows("-", "--length", "12", "--samples", "3", stdin=b"a.zarr\n")
    assert piped == found
    (part, *_) = rows("a.zarr/run-0", "--length", "1", "--samples", "3")
    assert {**part, "source": "a.zarr"} == found[0]


def test_input_channels_0_takes_the_channels_of_the_image(rows, tmp_path):
    for name, channels in (("gray", 1), ("color", 3)):
        config = {"arch": "dip", "width": [8], "depth": 1, "input_channels": 0}
        with Store.create(tmp_path / f"{name}.zarr", picture(channels), name="a.png") as made:
            run = made.create_run(0, 0, config, saves=1, steps=1, size=(channels, 8, 8))
            run.append(0, np.zeros((channels, 8, 8), np.float32), loss=1.0)
            run.finish("complete", seconds=1.0)
    words = ("--depth", "1", "--width", "8", "--size", "8x8", "--samples", "3", "--length", "2")
    words += ("--arch", "dip")
    for name, channels in (("gray", "1"), ("color", "3")):
        of_store = rows(f"{name}.zarr", "--samples", "3", "--length", "2")
        by_hand = rows(*words, "--input-channels", channels)
        assert [row["covariance"] for row in of_store] == [row["covariance"] for row in by_hand]


def test_a_store_with_input_image_feeds_its_target(rows, dip, tmp_path):
    config = {"arch": "dip", "width": [8], "depth": 1, "input": "image"}
    with Store.create(tmp_path / "a.zarr", picture(3), name="a.png") as made:
        run = made.create_run(0, 0, config, saves=1, steps=1, size=(3, 8, 8))
        run.append(0, np.zeros((3, 8, 8), np.float32), loss=1.0)
        run.finish("complete", seconds=1.0)
    found = rows("a.zarr", "--samples", "3", "--length", "2")
    assert all(row["covariance"] > 0 for row in found)
    assert b"--input image" in dip("gpkernel", "--input", "image", code=2).stderr


def test_stores_without_a_network_are_refused(dip, tmp_path):
    with Store.create(tmp_path / "empty.zarr", picture(), name="picture.png"):
        pass
    assert b"has no runs" in dip("gpkernel", "empty.zarr", code=1).stderr
    fitted(tmp_path / "b.zarr")
    assert b"is not a run" in dip("gpkernel", "b.zarr/target", code=1).stderr
    assert b"No such file" in dip("gpkernel", "absent.zarr", code=1).stderr


# -- stationarity, draws ---------------------------------------------------------------------


def test_stationarity_rows_sum_to_zero_over_positions(dip):
    done = dip(
        *("gpkernel", "--stationarity", "--depth", "1", "--sigma", "0", "--length", "6"),
        *("--upsample", "nearest", "--samples", "20", "--width", "16", "--format", "jsonl"),
    )
    found = table(done)
    assert tuple(found[0]) == gp_rows.StationarityRow._fields
    assert [(row["lag"], row["position"]) for row in found] == [
        (lag, position) for lag in (0, 1, 4) for position in range(6)
    ]
    assert b"is rejected" in done.stderr
    for lag in (0, 1, 4):
        deviations = [row["deviation"] for row in found if row["lag"] == lag]
        assert sum(deviations) == pytest.approx(0, abs=1e-6)


def test_draws_are_reproducible_and_shrink_with_depth(rows):
    words = ("--draw", "2", "--depth", "0,3", "--sigma", "2", "--length", "40")
    found = rows(*words)
    assert tuple(found[0]) == gp_rows.DrawRow._fields
    keys = [(row["depth"], row["draw"], row["x"]) for row in found]
    assert keys == [(d, n, x) for d in (0, 3) for n in (0, 1) for x in range(40)]
    assert found == rows(*words)
    assert found[0]["value"] != rows(*words, "--seed", "1")[0]["value"]
    values = np.array([row["value"] for row in found]).reshape(2, 2, 40)
    assert values[0].std() > 2 * values[1].std()  # K(0) is 1 and 1/8


# -- posteriors ------------------------------------------------------------------------------


@pytest.fixture
def holes(dip, tmp_path):
    """A photograph of 24x20 pixels, half of them unknown."""
    dip("corrupt", "builtin:astronaut", "crop:240x200", "downsample:10", "-o", "clean.png")
    dip("corrupt", "clean.png", "mask:0.5", "-o", "holes.png")
    return read(tmp_path / "holes.png")


def test_inpainting_equals_the_library_and_its_std_fits_the_errors(dip, holes, tmp_path):
    done = dip("gpkernel", "--posterior", "holes.png", "-o", "out.png", "--std", "std.tif")
    assert b"analytic, depth" in done.stderr
    out, known = read(tmp_path / "out.png").pixels, ~holes.unknown
    np.testing.assert_array_equal(out[known], holes.pixels[known])
    # what three lines of Python do
    pixels = holes.pixels.astype(float)
    best = likelihood.best([likelihood.fit(pixels, process.analytic(d)) for d in (1, 2, 4, 8, 16)])
    mean = posterior.mean(pixels, best).clip(0, 1)
    np.testing.assert_allclose(out[~known], mean[~known], atol=0.5 / 255 + 1e-6)
    at = ~known[0]
    deviation = np.hypot(posterior.exact_deviation(known[0], at, best), best.noise)
    std = read(tmp_path / "std.tif")
    assert std.dtype == np.float32
    np.testing.assert_allclose(std.pixels, np.where(at, deviation, 0)[None].repeat(3, 0), atol=1e-6)
    # and it is right: errors are as large as it says
    error = (out - read(tmp_path / "clean.png").pixels)[~known] / std.pixels[~known]
    assert 0.7 < np.sqrt(np.mean(error**2)) < 1.4


def test_denoising_equals_the_library(dip, tmp_path):
    dip("corrupt", "builtin:camera", "downsample:16", "-o", "clean.png")
    dip("corrupt", "clean.png", "gaussian:25", "-o", "noisy.png")
    dip("gpkernel", "--posterior", "noisy.png", "--noise", "25", "--depth", "2", "-o", "out.png")
    clean, noisy, out = (
        read(tmp_path / f"{name}.png").pixels.astype(float) for name in ("clean", "noisy", "out")
    )
    assert np.mean((out - clean) ** 2) < 0.6 * np.mean((noisy - clean) ** 2)
    chosen = likelihood.fit(noisy, process.analytic(2), 25 / 255)
    expected = posterior.mean(noisy, chosen).clip(0, 1)
    np.testing.assert_allclose(out, expected, atol=0.5 / 255 + 1e-6)


def test_noise_0_keeps_known_pixels(dip):
    dip("gpkernel", "--posterior", "builtin:triangle:0.5:16", "--noise", "0", "-o", "out.png")
    out = dip("corrupt", "out.png", "--image-format", "npy").stdout
    assert out == dip("corrupt", "builtin:triangle:0.5:16", "--image-format", "npy").stdout


@pytest.mark.parametrize("kernel", [("rbf",), ("empirical", "--width", "8", "--samples", "20")])
def test_rbf_and_empirical_kernels_inpaint(dip, holes, tmp_path, kernel):
    words = ("gpkernel", "--posterior", "holes.png", "--kernel", *kernel)
    done = dip(*words, "-o", "out.png")
    assert f"{kernel[0]}, ".encode() in done.stderr
    out, clean = read(tmp_path / "out.png").pixels, read(tmp_path / "clean.png").pixels
    assert np.mean((out - clean) ** 2) < np.nanvar(holes.pixels) / 4


def test_a_store_names_the_network_of_the_empirical_kernel(dip, holes, store):
    words = ("gpkernel", "--posterior", "holes.png", "--samples", "10", "--kernel", "empirical")
    of_store = dip(*words, "a.zarr").stdout
    by_hand = ("--arch", "dip", "--width", "8", "--depth", "1", "--skip", "0", "--pad", "zero")
    other = dip(*words, *by_hand).stdout
    assert (read(of_store).pixels == read(other).pixels).all()


def test_std_is_sampled_for_many_known_pixels(dip, monkeypatch):
    words = ("gpkernel", "--posterior", "builtin:triangle:0.5:66", "--depth", "2", "--sigma", "2")
    words += ("--noise", "25", "--samples", "4")
    done = dip(*words, "--std", "a.npy", "--seed", "1")
    assert b"4,356 known pixels are too many" in done.stderr
    again = dip(*words, "--std", "-", "--image-format", "npy", "--seed", "1").stdout
    other = dip(*words, "--std", "-", "--image-format", "npy", "--seed", "2").stdout
    a, b = (read(data).pixels for data in (again, other))
    assert (a != b).any()
    assert a.mean() == pytest.approx(b.mean(), rel=0.2)


def test_depth_scale_and_pages_are_kept(dip, tmp_path):
    stack = np.random.default_rng(0).integers(100, 4000, (3, 8, 9)).astype(np.uint16)
    import tifffile

    tifffile.imwrite(tmp_path / "s.tif", stack, photometric="minisblack")
    words = ("gpkernel", "--posterior", "s.tif", "--depth", "1", "--sigma", "1", "--noise", "1")
    dip(*words, "-o", "one.tif")
    dip(*words, "-o", "all.tif", "--page", "all")
    one, several = (tifffile.imread(tmp_path / name) for name in ("one.tif", "all.tif"))
    assert one.dtype == several.dtype == np.uint16
    assert several.shape == stack.shape
    np.testing.assert_array_equal(one, several[0])
    np.testing.assert_allclose(several, stack, atol=200)  # 1/255 of 4095 is 16


def test_an_output_records_how_it_was_made(dip, holes, tmp_path):
    words = ("gpkernel", "--posterior", "holes.png", "--sigma", "1", "--depth")
    both = ("-o", "out.png", "--std", "std.png")
    dip(*words, "2", *both)
    said = open_stack(tmp_path / "out.png").history
    assert said["posterior"] == "mean"
    assert said["depth"] == [2]
    assert said["input"]["degradations"][-1] == "mask:0.5"
    done = dip(*words, "2", *both)
    assert done.stderr.count(b"up to date; left unchanged") == 2
    assert b"log-likelihood" not in done.stderr  # nothing was computed
    assert b"holds something else" in dip(*words, "4", *both, code=1).stderr
    dip(*words, "4", *both, "--force")


def test_a_format_without_metadata_is_compared_by_content(dip, holes, tmp_path):
    words = ("gpkernel", "--posterior", "holes.png", "--sigma", "1", "--depth", "2")
    for expected in (b"wrote", b"up to date; left unchanged"):
        assert expected in dip(*words, "-o", "out.jpg").stderr
    (tmp_path / "out.jpg").write_bytes(b"precious")
    assert b"holds something else" in dip(*words, "-o", "out.jpg", code=1).stderr


def test_an_image_without_known_pixels_is_refused(dip, tmp_path):
    np.save(tmp_path / "a.npy", np.full((4, 4), np.nan, np.float32))
    done = dip("gpkernel", "--posterior", "a.npy", "-o", "b.npy", code=1)
    assert b"too few to infer" in done.stderr


# -- usage -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--depth x", "--depth"),
        ("--depth 101", "--depth"),
        ("--depth 11 --upsample nearest", "--depth"),
        ("--sigma -1", "--sigma must be a comma list of numbers from 0"),
        ("--sigma nan", "--sigma must be a comma list"),
        ("--sigma inf", "--sigma must be a comma list"),
        ("--arch dip --lipschitz 1e308", "--lipschitz must be auto or a number from 0 to 1e6"),
        ("--empirical --upsample gaussian:1e308", "sigma must be at least 0.001 and at most 1000"),
        ("--empirical --upsample gaussian:1e-320", "sigma must be at least 0.001"),
        ("--width 3,4", "--width is"),
        ("--upsample cubic", "--upsample must be"),
        ("--arch dip --depth 1,2", "--depth of"),
        ("--arch dip --sigma 2", "--sigma cannot be used"),
        ("--arch dip --draw 2", "--draw cannot be used"),
        ("--arch dip --size 3", "--size is"),
        ("--arch dip --size 4x4 --depth 5", "too deep"),
        ("--draw 1 --empirical", "--empirical cannot be used"),
        ("--draw 1 --length 5000", "--length"),
        ("--noise 0", "--noise needs"),
        ("-o x.png", "--output needs"),
        ("--plot x.gif", ".svg"),
        ("--plot x.svg --label a", "--label has"),
        ("--posterior a.png --plot x.svg", "--plot cannot be used"),
        ("--posterior a.png --arch dip", "--kernel empirical"),
        ("--posterior a.png --width 3", "--kernel empirical"),
        ("--posterior a.png --kernel rbf --sigma 2", "--sigma cannot be used"),
        ("--posterior a.png --kernel rbf --depth 2", "--depth cannot be used"),
        ("--posterior a.png -o x --std x", "both"),
        ("--posterior a.png -o x.xyz", "extension"),
    ],
)
def test_invalid_options_are_usage_errors(dip, words, said):
    done = dip("gpkernel", *words.split(), code=2)
    text = " ".join(done.stderr.decode().replace("│", " ").split())
    assert said in text
    assert not done.stdout


# -- the library ---------------------------------------------------------------------------------


def test_gpkernel_returns_the_rows_of_the_command(rows):
    options = {"depth": [1, 2], "sigma": 2, "length": 4, "width": 8, "samples": 3}
    words = ("--depth", "1,2", "--sigma", "2", "--length", "4", *TINY)
    assert dicts(gpkernel(**options, empirical=True)) == rows(*words, "--empirical")
    assert dicts(gpkernel(**options, draw=2)) == rows(*words, "--draw", "2")
    assert dicts(gpkernel(**options, stationarity=True)) == rows(*words, "--stationarity")


def test_gpkernel_takes_stores_by_name_or_open(store):
    options = {"samples": 3, "length": 4}
    by_name = dicts(gpkernel([store], **options))
    with open_store(store) as opened:
        assert dicts(gpkernel([opened], **options)) == by_name
    assert {row["source"] for row in by_name} == {str(store)}


def test_gpkernel_refuses_what_the_command_refuses():
    for options in ({"arch": "dip", "sigma": 2}, {"draw": 1, "empirical": True}, {"depth": 101}):
        with pytest.raises(UsageError):
            gpkernel(**options)


def test_gp_posterior_returns_the_images_of_the_command(dip, holes, tmp_path):
    dip("gpkernel", "--posterior", "holes.png", "--depth", "2", "-o", "out.png", "--std", "std.tif")
    result = gp_posterior(holes, depth=2)
    std = read(tmp_path / "std.tif").pixels
    np.testing.assert_allclose(std, result.std().pixels, atol=1e-6)
    mean = read(tmp_path / "out.png").pixels
    np.testing.assert_allclose(mean, result.mean().pixels, atol=0.5 / 255 + 1e-6)
    assert result.description.startswith("analytic, depth 2, sigma")


# -- figures ---------------------------------------------------------------------------------


def test_one_command_draws_the_published_figure(dip, tmp_path):
    words = ("gpkernel", "--depth", "1,2,3,4", "--sigma", "0,2,10,15,60", "--plot", "a.svg")
    done = dip(*words, "--format", "none")
    assert not done.stdout
    first = (tmp_path / "a.svg").read_bytes()
    assert b"up to date; left unchanged" in dip(*words, "--format", "none").stderr
    dip(*words, "--length", "20", "--format", "none", code=1)
    assert (tmp_path / "a.svg").read_bytes() == first
    assert b"Not a directory" in dip("gpkernel", "--plot", "a.svg/b.svg", code=1).stderr


def lines(ax):
    return {line.get_label(): line.get_xydata() for line in ax.get_lines()}


def test_panels_of_kernels():
    rows = dicts(gp_rows.kernel_rows(product([1, 2], [2.0, 5.0]), 9))
    figure = kernels(rows)
    assert [ax.get_title() for ax in figure.axes] == ["depth 1", "depth 2", "σ = 2", "σ = 5"]
    by_depth, by_sigma = figure.axes[1], figure.axes[2]
    assert list(lines(by_depth)) == ["σ = 2", "σ = 5"]
    assert list(lines(by_sigma)) == ["depth 1", "depth 2"]
    drawn = lines(by_depth)["σ = 5"]
    expected = [(r["lag"], r["cosine"]) for r in rows if (r["depth"], r["sigma"]) == (2, 5)]
    np.testing.assert_allclose(drawn, expected)
    assert [ax.get_title() for ax in kernels(rows[:9]).axes] == ["depth 1"]


def test_sampled_kernels_are_points_or_bands():
    formula = dicts(gp_rows.kernel_rows([(1, 2.0)], 9))
    errors = {"covariance_se": 0.01, "cosine_se": 0.01}
    signals = [{**row, "source": "empirical", **errors} for row in formula]
    (ax,) = kernels([*formula, *signals]).axes
    assert len(ax.containers) == 1  # error bars
    images = [{**row, "source": "a.zarr", "sigma": None, "axis": "x", **errors} for row in formula]
    (ax,) = kernels(images, {"a.zarr": "mine $x$"}).axes
    assert ax.get_title() == r"mine \$x\$"
    assert list(lines(ax)) == ["along x"]
    assert canvas.encode(kernels(images), "svg") == canvas.encode(kernels(images), "svg")


def test_panels_of_draws():
    rows = dicts(gp_rows.draw_rows(product([1, 2], [0.0, 2.0, 5.0]), 9, None, 3, 0))
    figure = draws(rows)
    assert len(figure.axes) == 6
    for ax in figure.axes:
        curves = np.array([line.get_ydata() for line in ax.get_lines()])
        assert curves.shape == (3, 9)
        assert np.mean(curves**2) == pytest.approx(1)


def test_panels_of_stationarity():
    key = {"source": "a.zarr", "depth": 2, "sigma": None}
    rows = [
        {**key, "axis": axis, "lag": lag, "position": p, "deviation": p / 9, "deviation_se": 0.1}
        for axis in "yx"
        for lag in (0, 1)
        for p in range(5 - lag)
    ]
    figure = stationarity(rows, {"a.zarr": "mine"})
    assert [ax.get_title() for ax in figure.axes] == ["mine, along y", "mine, along x"]
    assert list(lines(figure.axes[0])) == ["lag 0", "lag 1"]
    assert len(lines(figure.axes[0])["lag 1"]) == 4
