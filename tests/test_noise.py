"""`--noise`: the noise of a camera estimated, made the same everywhere, and undone without bias."""

import json
import signal

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

import dipcli
from dipcli.errors import UsageError
from dipcli.fitting.anscombe import Anscombe
from dipcli.fitting.stopping.whiteness import neighbours
from dipcli.images import Scale
from dipcli.measure.noise import _PARABOLAS, BLOCK, _correlation, camera_noise, noise_reach
from dipcli.store import open_store

NET = {"arch": "dip", "width": (4,), "depth": 2, "input_noise": 0.0, "average": 0.5}
FIT = {**NET, "iterations": 8, "save_every": 2, "threads": "1", "stop": "none"}
LINE = ("--arch", "dip", "--width", "4", "--depth", "2", "--input-noise", "0", "--average", "0.5")
CAMERA = "poisson-gaussian:8,read=6,offset=3"


@pytest.fixture
def noisy():
    clean = dipcli.corrupt(dipcli.read("builtin:camera"), "crop:128x128")
    return dipcli.corrupt(clean, "poisson-gaussian:8,read=6")


# -- the transform ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gain", "read", "offset"),
    [(1, 0, 0), (1, 2, 10), (3, 40, 5), (20, 20, 0), (200, 40, -30), (0.01, 3, 0)],
)
def test_the_inverse_of_the_mean_of_noisy_values_is_the_clean_pixel(gain, read, offset):
    """Against draws of the noise; the algebraic inverse would be off by a quarter of a photon."""
    domain = Anscombe(gain, read, offset, Scale(1000.0))
    rng, draws = np.random.default_rng(1), 200_000
    for number in (2.0, 20.0, 150.0, 700.0):
        counts = gain * rng.poisson(number / gain, draws) + read * rng.standard_normal(draws)
        values = domain.stabilised(((counts + offset) / 1000).astype(np.float32))
        mean = values.mean(dtype=np.float64)
        back = 1000 * float(domain.restored(np.array([mean]))[0]) - offset
        scatter = np.sqrt((gain * number + read**2) / draws)
        assert back == pytest.approx(number, abs=5 * scatter + 2e-3 * gain)


@pytest.mark.parametrize(("gain", "read"), [(1, 2), (20, 60), (0.01, 3)])
def test_the_noise_has_one_spread_at_every_brightness(gain, read):
    domain = Anscombe(gain, read, 0, Scale(1000.0))
    rng = np.random.default_rng(2)
    spreads = []
    for number in (50.0, 200.0, 600.0, 1000.0):
        counts = gain * rng.poisson(number / gain, 50_000) + read * rng.standard_normal(50_000)
        spreads.append(domain.stabilised((counts / 1000).astype(np.float32)).std())
    assert max(spreads) < 1.03 * min(spreads)


def test_the_range_of_an_image_stays_its_range_and_unknown_pixels_stay_unknown():
    domain = Anscombe(2, 5, 0, Scale(4095.0))
    values = domain.stabilised(np.array([0, 0.3, 1, np.nan], np.float32))
    assert values[0] == 0
    assert values[2] == 1
    assert 0.3 < values[1] < 1  # dark pixels take more of the range: their noise is less
    assert np.isnan(values[3])
    assert np.isnan(domain.restored(values)[3])


def test_the_table_and_the_closed_form_meet():
    domain = Anscombe(1, 2, 0, Scale(1.0))
    around = np.linspace(0.98, 1.02, 400) * domain._table[1][-1]
    photons = domain._inverse(around)
    assert (np.diff(photons) > 0).all()
    np.testing.assert_allclose(np.diff(photons), np.diff(photons).mean(), rtol=0.1)


# -- the estimate ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["camera", "astronaut"])
@pytest.mark.parametrize(("gain", "read"), [(8, 6), (4, 3)])
def test_gain_and_read_noise_are_estimated_from_the_image(name, gain, read):
    image = dipcli.corrupt(dipcli.read(f"builtin:{name}"), f"poisson-gaussian:{gain},read={read}")
    found = camera_noise([image.pixels])
    assert found is not None
    assert 255 * found.gain == pytest.approx(gain, rel=0.15)


@pytest.mark.parametrize("name", ["camera", "astronaut", "triangle"])
@pytest.mark.parametrize("noise", ["", "gaussian:10", "gaussian:25", "gaussian:50", "impulse:0.1"])
def test_other_noise_is_not_taken_for_that_of_a_camera(name, noise):
    image = dipcli.read(f"builtin:{name}")
    image = dipcli.corrupt(image, noise) if noise else image
    assert camera_noise([image.pixels]) is None


def test_the_pages_of_a_file_have_one_noise(here, dip):
    camera = dipcli.corrupt(dipcli.read("builtin:camera"), "crop:96x96")
    pages = [dipcli.corrupt(camera, "poisson-gaussian:8", seed=k) for k in range(3)]
    stack = np.stack([np.round(255 * p.pixels[0]) for p in pages]).astype(np.uint8)
    tifffile.imwrite("s.tif", stack, photometric="minisblack")
    plan = dip("fit", "s.tif", "-n", "--format", "jsonl").stdout.splitlines()
    noises = {json.loads(row)["noise"] for row in plan}
    assert len(plan) == 3
    assert len(noises) == 1
    assert float(noises.pop().partition(":")[2].partition(",")[0]) == pytest.approx(8, rel=0.15)


# -- the fit ---------------------------------------------------------------------------------------


def test_a_fit_is_that_of_the_transformed_image_and_back(noisy):
    domain = Anscombe(8, 6, 3, noisy.scale)
    values = dipcli.Image(domain.stabilised(noisy.pixels))
    by_hand = dipcli.fit(values, **FIT, noise="gaussian")
    result = dipcli.fit(noisy, **FIT, noise=CAMERA)
    np.testing.assert_array_equal(result.image.pixels, domain.restored(by_hand.image.pixels))
    assert result.image.scale == noisy.scale


def test_frames_averages_and_figures_are_of_images(noisy, here):
    clean = dipcli.corrupt(dipcli.read("builtin:camera"), "crop:128x128")
    result = dipcli.fit(noisy, clean=clean, store="t.zarr", **FIT, noise=CAMERA)
    frames = {f.iteration: f for f in dipcli.frames(noisy, **FIT, noise=CAMERA)}
    run = result.store.run(0)
    for iteration, frame in run.frames():
        np.testing.assert_allclose(frame, frames[iteration].image, atol=1e-3)
    np.testing.assert_array_equal(run.average, frames[8].average)
    assert run.scalar("psnr")[-1] == dipcli.psnr(frames[8].image, clean)
    assert result.psnr == dipcli.psnr(result.image, clean)


def test_known_pixels_of_an_inpainted_image_stay_as_they_are(noisy):
    holes = dipcli.corrupt(noisy, "mask:0.3")
    result = dipcli.fit(holes, **FIT, noise=CAMERA)
    known = np.isfinite(holes.pixels)
    np.testing.assert_array_equal(result.image.pixels[known], noisy.pixels[known])


def test_a_killed_fit_resumes_to_the_same_bits(noisy, here, dip, start_dip):
    dipcli.write("n.tif", noisy)
    line = ("fit", "n.tif", *LINE, "--iterations", "8", "--save-every", "2", "--threads", "1")
    line = (*line, "--noise", "auto", "--stop", "whiteness", "--checkpoint-every", "2", "-q")
    dip(*line, "-o", "whole.zarr")
    process = start_dip(*line, "-o", "cut.zarr", signal_at=(signal.SIGKILL, 150))
    process.communicate()
    dip("fit", "--resume", "cut.zarr", "-q")
    with open_store("whole.zarr") as whole, open_store("cut.zarr") as cut:
        one, other = whole.run(0), cut.run(0)
        assert one.attrs["config"]["noise"].startswith("poisson-gaussian:")
        assert one.attrs["config"] == other.attrs["config"]
        np.testing.assert_array_equal(one.estimate, other.estimate)
        np.testing.assert_array_equal(one.to_numpy(), other.to_numpy())


def test_what_an_interrupted_fit_gives_back_is_an_image(noisy):
    def interrupt(news):
        if news.status == "running" and news.iteration > 0 and not told:
            told.append(news)
            signal.raise_signal(signal.SIGINT)

    told, options = [], {**FIT, "iterations": 5000, "noise": CAMERA}
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    try:
        result = dipcli.fit(noisy, **options, progress=interrupt)
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.status == "interrupted"
    frames = dipcli.frames(noisy, **options)
    last = next(frame for frame in frames if frame.iteration == result.iteration - 1)
    np.testing.assert_array_equal(result.image.pixels, last.average)


def test_auto_says_what_it_found_and_the_store_keeps_it(noisy, here, dip):
    dipcli.write("n.tif", noisy)
    line = ("fit", "n.tif", *LINE, "--iterations", "2", "--noise", "auto", "-o", "t.zarr")
    said = dip(*line).stderr
    with open_store("t.zarr") as store:
        noise = store.run(0).attrs["config"]["noise"]
    assert f"the noise of a camera: --noise {noise}" in " ".join(said.decode().split())
    assert b"is finished already" in dip(*line).stderr


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"task": "enhance"}, "--task enhance"),
        ({"task": "sr:2"}, "--task sr"),
        ({"loss": "poisson"}, "--loss poisson"),
        ({"optimizer": "sgld"}, "--optimizer sgld"),
        ({"stop": "discrepancy:25"}, "--stop discrepancy:25"),
    ],
)
def test_what_looks_at_the_values_as_they_are_goes_with_gaussian_noise_only(noisy, options, reason):
    with pytest.raises(UsageError, match="use --noise gaussian") as error:
        dipcli.Settings(noise=CAMERA, **options)
    assert reason in str(error.value)
    assert dipcli.fit(noisy, **{**FIT, "noise": "auto", **options}).settings.noise == "gaussian"


def test_a_published_preset_fits_the_image_as_it_is(noisy):
    assert dipcli.Settings("ulyanov").noise == "gaussian"
    assert dipcli.Settings().noise == "auto"


# -- noise that neighbours share -------------------------------------------------------------------


def blurred(image, sigma):
    """An image with noise of 25/255 that was smoothed."""
    noise = np.random.default_rng(4).standard_normal(image.pixels.shape)
    noise = gaussian_filter(noise, (0, sigma, sigma), mode="wrap")
    pixels = image.pixels + 25 / 255 * noise / noise.std()
    return image.with_pixels(np.clip(pixels, 0, 1).astype(np.float32))


@pytest.mark.parametrize("name", ["camera", "astronaut"])
@pytest.mark.parametrize(("sigma", "lag"), [(0.6, 2), (1.0, 3)])
def test_noise_that_neighbours_share_is_found_before_the_fit(name, sigma, lag):
    image = dipcli.corrupt(dipcli.read(f"builtin:{name}"), "crop:256x256")
    assert noise_reach([blurred(image, sigma).pixels]) == lag
    for noise in ("gaussian:10", "gaussian:25", "poisson:30", "impulse:0.1", "poisson-gaussian:8"):
        assert noise_reach([dipcli.corrupt(image, noise).pixels]) == 1


def test_the_correlation_of_white_noise_is_0_at_every_lag():
    blocks = np.random.default_rng(5).standard_normal((4000, BLOCK * BLOCK))
    rest = blocks - (blocks @ _PARABOLAS) @ _PARABOLAS.T
    for lag in (1, 2, 3, 4):
        assert abs(_correlation(rest.reshape(-1, BLOCK, BLOCK), lag)) < 0.005


def test_with_few_blocks_or_unknown_pixels_nothing_is_claimed():
    pixels = np.random.default_rng(6).random((1, 48, 48)).astype(np.float32)
    assert noise_reach([gaussian_filter(pixels, (0, 1, 1))]) == 1
    assert noise_reach([np.full((1, 128, 128), np.nan, np.float32)]) == 1


def test_the_rule_for_shared_noise_is_taken_and_said(here, dip):
    image = dipcli.corrupt(dipcli.read("builtin:camera"), "crop:192x192")
    dipcli.write("n.tif", blurred(image, 0.6))
    line = ("fit", "n.tif", *LINE, "--iterations", "2", "--noise", "auto", "-o", "t.zarr")
    said = " ".join(dip(*line).stderr.decode().split())
    assert "neighbouring pixels share noise: --stop whiteness:2" in said
    with open_store("t.zarr") as store:
        assert store.run(0).attrs["config"]["stop"] == "whiteness:2"
        assert store.run(0).attrs["stop"]["rule"] == "whiteness"
    assert "share noise" not in dip(*line[:-1], "s.zarr", "--stop", "none").stderr.decode()


def test_whiteness_compares_pixels_that_are_lag_apart():
    noise = np.random.default_rng(7).standard_normal((1, 64, 64))
    pairs = np.repeat(noise, 2, axis=2).astype(np.float32)  # each pixel twice along x
    assert neighbours(pairs, 1)[1] > 0.4
    assert abs(neighbours(pairs, 2)[1]) < 0.05
    y, x = neighbours(pairs, 3)
    products = pairs[:, :, 3:] * pairs[:, :, :-3]
    assert x == pytest.approx(products.mean() / np.square(pairs).mean(), rel=1e-5)
    assert y == pytest.approx(
        (pairs[:, 3:] * pairs[:, :-3]).mean() / np.square(pairs).mean(), rel=1e-5
    )
