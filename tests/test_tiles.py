"""Fits in tiles: the grid, the fade, and a store that is like any other."""

import signal
from itertools import pairwise

import numpy as np
import pytest

import dipcli
from dipcli.errors import UsageError
from dipcli.fitting.settings import Settings
from dipcli.fitting.tiles import Grid
from dipcli.store import open_store

NET = ("--arch", "dip", "--width", "4", "--depth", "2", "--input-noise", "0", "--average", "0.5")
LINE = (*NET, "--threads", "1", "--stop", "none", "--iterations", "6", "--save-every", "2", "-q")
SIZES = ((2048, 2048), (1024, 1000), (257, 256), (300, 60), (131, 517))


@pytest.fixture
def large(here):
    """noisy.tif and clean.tif: 150 by 100 pixels, detail at the right."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:100, :150] / 10
    clean = 0.5 + 0.3 * np.sin(y * x / 8)
    noisy = np.clip(clean + rng.normal(0, 0.1, clean.shape), 0, 1)
    for name, pixels in (("clean.tif", clean), ("noisy.tif", noisy)):
        dipcli.write(name, dipcli.Image(pixels[None].astype(np.float32)))
    return here


def frames(path, run=0):
    with open_store(path) as store:
        return dict(store.run(run).frames())


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[i], b[i]) for i in a)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("side", [64, 256])
def test_tiles_of_one_size_cover_a_picture_and_their_weights_sum_to_one(size, side):
    grid = Grid(size, side)
    total, covered = np.zeros(size), np.zeros(size)
    for tile, weight in zip(grid, grid.weights, strict=True):
        assert (tile.height, tile.width) == grid.shape == weight.shape
        total[tile.slices] += weight
        covered[tile.slices] += 1
    np.testing.assert_allclose(total, 1, atol=1e-6)
    assert covered.min() == 1
    assert max(grid.shape) <= max(side, min(size))
    assert len(list(grid)) == len(grid)


def test_neighbours_overlap_by_a_sixteenth_of_the_side_or_more():
    for length in range(257, 1500, 7):
        starts = [tile.x for tile in Grid((64, length), 256)]
        side = Grid((64, length), 256).shape[1]
        assert all(a + side - b >= 16 for a, b in pairwise(starts))


def test_blending_pieces_of_a_picture_gives_the_picture():
    picture = np.random.default_rng(0).random((3, 200, 333), np.float32)
    grid = Grid((200, 333), 64)
    pieces = [picture[:, *tile.slices] for tile in grid]
    np.testing.assert_allclose(grid.blend(pieces), picture, atol=1e-6)


def test_a_step_between_tiles_becomes_a_ramp_as_wide_as_the_overlap():
    grid = Grid((64, 124), 64)  # two tiles with 4 pixels in common
    left, right = np.zeros((1, 64, 64)), np.ones((1, 64, 64))
    row = grid.blend([left, right])[0, 0]
    np.testing.assert_allclose(row[58:66], [0, 0, 1 / 8, 3 / 8, 5 / 8, 7 / 8, 1, 1], rtol=1e-6)


def test_a_store_of_tiles_is_like_any_other(large, dip):
    line = ("fit", "noisy.tif", "--clean", "clean.tif", *LINE, "--tile", "64")
    dip(*line, "-o", "t.zarr", "--image", "r.tif")
    with open_store("t.zarr") as store:
        run = store.run(0)
        assert run.iterations.tolist() == [0, 2, 4, 6]
        assert run.attrs["config"]["tile"] == "64"
        assert [tile[:4] for tile in run.attrs["tiles"]] == [list(t) for t in Grid((100, 150), 64)]
        assert np.isfinite(run.step_loss).all()
        clean, last = store.clean, run.frame(6)
        assert run.scalar("psnr")[-1] == pytest.approx(dipcli.psnr(last, clean), abs=0.01)
        assert run.attrs["psnr"] == pytest.approx(dipcli.psnr(run.estimate, clean))
        assert run.estimate.shape == (1, 100, 150)
    np.testing.assert_array_equal(dipcli.read("r.tif").size, (100, 150))
    rows = dip("spectrum", "t.zarr", "--format", "tsv").stdout.decode().splitlines()
    assert len(rows) == 1 + 4 * 5
    assert not (large / "t.zarr" / "tiles").exists()


def test_the_tile_with_the_most_detail_is_fitted_as_a_picture_of_its_own(large):
    options = {"arch": "dip", "width": (4,), "depth": 2, "iterations": 4, "save_dtype": "float32"}
    image = dipcli.read("noisy.tif")
    whole = dipcli.fit(image, **options, tile="64", store="t.zarr").store.run(0).frame(4)
    covered = np.zeros(image.size)
    for tile in Grid(image.size, 64):
        covered[tile.slices] += 1
    equal = []
    for tile in Grid(image.size, 64):
        *_, last = dipcli.frames(image.with_pixels(image.pixels[:, *tile.slices]), **options)
        alone = covered[tile.slices] == 1  # where no other tile reaches
        equal.append(np.array_equal(whole[:, *tile.slices][:, alone], last.image[:, alone]))
    means = [
        image.pixels[0, *tile.slices].reshape(8, 8, 8, 8).mean((1, 3))
        for tile in Grid(image.size, 64)
    ]
    richest = int(np.argmax([mean.var() for mean in means]))
    assert equal == [n == richest for n in range(6)]


def test_any_number_of_jobs_gives_the_same_bits(large, dip):
    for jobs in ("1", "2"):
        dip("fit", "noisy.tif", *LINE, "--tile", "64", "--jobs", jobs, "-o", f"{jobs}.zarr")
    assert same(frames("1.zarr"), frames("2.zarr"))


@pytest.mark.parametrize("operation", [60, 250, 700, 1100, 1250])
def test_a_fit_that_was_killed_goes_on_to_the_same_bits(large, dip, start_dip, operation):
    line = ("fit", "noisy.tif", *LINE, "--tile", "64", "--jobs", "1", "-o")
    dip(*line, "a.zarr")
    start_dip(*line, "b.zarr", signal_at=(signal.SIGKILL, operation)).communicate()
    if (large / "b.zarr").exists():
        dip("fit", "--resume", "b.zarr", "-q")
    else:
        dip(*line, "b.zarr")
    assert same(frames("a.zarr"), frames("b.zarr"))
    assert not (large / "b.zarr" / "tiles").exists()


def test_known_pixels_stay_as_they_are(large, dip):
    image = dipcli.read("noisy.tif")
    pixels = image.pixels.copy()
    pixels[:, ::3, ::3] = np.nan
    result = dipcli.fit(image.with_pixels(pixels), iterations=3, width=(4,), depth=2, tile="64")
    known = np.isfinite(pixels)
    np.testing.assert_array_equal(result.image.pixels[known], pixels[known])
    assert np.isfinite(result.image.pixels).all()


def test_runs_and_pages_have_their_tiles(large, dip):
    result = dipcli.fit("noisy.tif", iterations=2, width=(4,), depth=2, tile="64", runs=2)
    assert result.std is not None
    assert result.std.size == (100, 150)


def test_pages_begin_with_the_same_tile_of_the_page_before(large, dip):
    jobs = [
        {"image": "noisy.tif", "iterations": 2, "width": (4,), "depth": 2, "tile": "64"}
        | {"start": "previous", "store": f"{k}.zarr", "average": 0.0, "input_noise": 0.0}
        | {"stop": "none", "dropout": (0.0,), "save_dtype": "float32"}
        for k in range(2)
    ]
    dipcli.fit_many(jobs)
    np.testing.assert_array_equal(frames("0.zarr")[2], frames("1.zarr")[0])
    assert not list(large.glob("?.zarr/tiles"))
    (large / "1.zarr").rename(large / "was.zarr")
    with pytest.raises(dipcli.DipError, match="fit all pages in one call"):
        dipcli.fit_many(jobs)


def test_another_run_is_added_to_those_that_are_complete(large, dip):
    line = ("fit", "noisy.tif", *LINE, "--tile", "64", "--jobs", "1")
    dip(*line, "-o", "a.zarr")
    dip(*line, "--runs", "2", "-o", "a.zarr")
    dip(*line, "--runs", "2", "-o", "b.zarr")
    for run in (0, 1):
        assert same(frames("a.zarr", run), frames("b.zarr", run))


def test_a_tile_that_fails_is_told_once(large, dip):
    line = ("fit", "noisy.tif", *LINE, "--tile", "64", "--jobs", "1", "-o", "a.zarr")
    done = dip(*line, "--optimizer", "sgd", "--lr", "1e6", code=1)
    errors = [text for text in done.stderr.decode().splitlines() if "error" in text]
    assert len(errors) == 1
    assert "a.zarr/run-0" in errors[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tile": "20"}, "at least 64"),
        ({"tile": "-1"}, "auto, 0 or the side"),
        ({"tile": "64", "task": "sr:2"}, "--task sr"),
        ({"tile": "64", "arch": "relunet"}, "--arch relunet"),
        ({"tile": "64", "record": "fbc"}, "--record"),
    ],
)
def test_what_cannot_be_cut_is_refused(options, words):
    with pytest.raises(UsageError, match=words):
        Settings(**options)


def test_auto_cuts_large_pictures_alone():
    def side(size, **options):
        settings = Settings(**options)
        pixels = np.zeros((1, *size), np.float32)
        return settings.settle(settings.parsed_task, size, pixels, fixed_depth=False).tile

    assert side((512, 768)) == "0"
    assert side((1024, 1024)) == "272"
    assert side((1024, 1024), task="sr:4") == "0"
    assert side((1024, 1024), preset="ulyanov") == "0"
    assert side((1024, 1024), record="psnr") == "0"


def test_a_tile_without_a_known_pixel_is_refused(large):
    image = dipcli.read("noisy.tif")
    pixels = image.pixels.copy()
    pixels[:, :64, :64] = np.nan
    with pytest.raises(dipcli.DipError, match="all its pixels are unknown"):
        dipcli.fit(image.with_pixels(pixels), iterations=2, width=(4,), depth=2, tile="64")


def test_a_complete_fit_in_tiles_cannot_be_extended(large, dip):
    line = ("fit", "noisy.tif", *LINE, "--tile", "64", "-o", "t.zarr")
    dip(*line)
    assert "-f begins anew" in dip(*line, "--iterations", "9", code=1).stderr.decode()


def test_an_interrupted_fit_gives_back_the_tiles_that_it_has(large):
    def interrupt(news):
        if news.tiles and news.tiles[0] == 2:
            signal.raise_signal(signal.SIGINT)

    options = {"iterations": 3, "width": (4,), "depth": 2, "tile": "64", "jobs": "1"}
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    try:
        result = dipcli.fit("noisy.tif", progress=interrupt, **options)
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.status == "interrupted"
    noisy = dipcli.read("noisy.tif").pixels
    assert result.image.pixels.shape == noisy.shape
    unchanged = result.image.pixels == noisy
    assert 0.05 < unchanged.mean() < 0.8  # tiles that were not begun
