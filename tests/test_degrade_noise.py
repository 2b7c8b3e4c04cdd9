"""Noises: their statistics, their spectra, and their reproducibility."""

from dataclasses import replace

import numpy as np
import pytest
from degraded import NOISES, added, degrade, flat, varied

from dipcli.errors import DipError
from dipcli.images import Scale

RANDOM = (
    "gaussian:25",
    "poisson:30",
    "poisson-gaussian:2,read=3",
    "impulse:0.3",
    "impulse:0.3,mode=uniform",
    "speckle:0.2",
    "uniform:20",
    "lowfreq:25",
    "band:25",
    "mask:0.5",
    "fourier:0.4",
)


def radius_in_cycles(height, width):
    """The radius of each coefficient of fft2: in cycles per image side, and per pixel."""
    y = [min(k, height - k) for k in range(height)]
    x = [min(k, width - k) for k in range(width)]
    return np.hypot.outer(y, x), np.hypot.outer(np.divide(y, height), np.divide(x, width))


def energy(noise):
    return (np.abs(np.fft.fft2(noise)) ** 2).sum(axis=0)


@pytest.mark.parametrize("spec", RANDOM)
def test_seed_page_and_place_decide_the_random_numbers(spec):
    image = varied(3, 16, 16)
    once = degrade(image, spec, seed=3).pixels
    assert np.array_equal(once, degrade(image, spec, seed=3).pixels, equal_nan=True)
    others = [
        degrade(image, spec, seed=4),
        degrade(replace(image, page=2), spec, seed=3),
        degrade(image, "crop:16x16", spec, seed=3),  # another place in the chain
    ]
    for other in others:
        assert not np.array_equal(once, other.pixels, equal_nan=True)


@pytest.mark.parametrize("name", [n for n in (*NOISES, "mask", "hole", "blur") if n != "poisson"])
def test_level_0_changes_nothing(name):
    image = varied(3)
    assert degrade(image, f"{name}:0").pixels is image.pixels


def test_camera_noise_has_its_variance_in_the_numbers_of_the_file():
    """The variance is gain x + read^2, the mean x + offset."""
    gain, read, offset = 3.0, 20.0, 100.0
    spec = f"poisson-gaussian:{gain},read={read},offset={offset},clip=0"
    for level in (0.1, 0.5):
        image = replace(flat(level, 1, 400, 400), scale=Scale(4095.0))
        numbers = image.scale.numbers(degrade(image, spec).pixels)
        x = 4095 * level
        assert numbers.mean() == pytest.approx(x + offset, abs=1)
        assert numbers.var() == pytest.approx(gain * x + read**2, rel=0.02)
    saturated = degrade(flat(1.0, 1, 64, 64), "poisson-gaussian:2,offset=9").pixels
    assert saturated.max() == 1


@pytest.mark.parametrize("name", NOISES)
def test_unknown_pixels_stay_unknown(name):
    image = varied(3, 16, 16)
    pixels = image.pixels.copy()
    pixels[:, 2:5, 3:9] = np.nan
    pixels[1, 8, 8] = np.nan  # in one channel only
    spec = f"{name}:0.3"
    holed, whole = degrade(replace(image, pixels=pixels), spec), degrade(image, spec)
    assert np.array_equal(holed.unknown, np.isnan(pixels))
    if name != "poisson":  # the counts of earlier pixels change its random numbers
        known = ~holed.unknown
        assert np.array_equal(holed.pixels[known], whole.pixels[known])


def test_gaussian_is_white_and_independent_per_channel():
    noise = added(flat(0.5, 3, 256, 256), "gaussian:25,clip=0")
    assert noise.std(axis=(1, 2)) == pytest.approx(25 / 255, rel=0.01)
    assert abs(noise.mean()) < 1e-3
    assert np.abs(np.corrcoef(noise.reshape(3, -1)) - np.eye(3)).max() < 0.02
    _, radius = radius_in_cycles(256, 256)
    power = energy(noise)
    assert power[radius < 0.2].mean() == pytest.approx(power[radius > 0.5].mean(), rel=0.05)


def test_gaussian_clips_and_shares_noise_between_channels():
    clipped = degrade(flat(0.9), "gaussian:100").pixels
    free = degrade(flat(0.9), "gaussian:100,clip=0").pixels
    assert free.max() > 1
    assert np.array_equal(clipped, np.clip(free, 0, 1))
    shared = added(flat(0.5, 3), "gaussian:25,shared=1")
    assert (shared == shared[0]).all()


def test_poisson_counts_photons():
    counts = degrade(flat(0.5, 1, 256, 256), "poisson:20").pixels * 20.0
    assert np.abs(counts - np.rint(counts)).max() < 1e-4
    assert counts.mean() == pytest.approx(10, rel=0.01)
    assert counts.var() == pytest.approx(10, rel=0.03)
    assert (degrade(flat(-0.5), "poisson:20").pixels == 0).all()


def test_poisson_of_very_many_photons_is_the_image():
    image = varied(3)
    assert degrade(image, "poisson:1e12").pixels == pytest.approx(image.pixels, abs=1e-5)


def test_impulse_sets_a_fraction_to_black_or_white():
    pixels = degrade(flat(0.5, 3, 50, 37), "impulse:0.3").pixels
    hit = pixels[0] != 0.5
    assert np.count_nonzero(hit) == round(0.3 * 50 * 37)
    assert set(np.unique(pixels[0][hit])) == {0, 1}
    assert pixels[0][hit].mean() == pytest.approx(0.5, abs=0.1)
    assert (pixels == pixels[0]).all()


def test_impulse_uniform_draws_each_channel():
    pixels = degrade(flat(2.0, 3, 50, 37), "impulse:0.3,mode=uniform").pixels
    hit = (pixels != 2).all(axis=0)
    assert np.count_nonzero(hit) == round(0.3 * 50 * 37)
    assert np.array_equal(hit, (pixels != 2).any(axis=0))
    values = pixels[:, hit]
    assert 0 <= values.min() < 0.05
    assert 0.95 < values.max() <= 1
    assert not np.array_equal(values[0], values[1])


def test_speckle_is_proportional_to_the_signal():
    noise = added(flat(0.5, 3, 128, 128), "speckle:0.2")
    assert noise.std() == pytest.approx(0.1, rel=0.02)
    assert (degrade(flat(0.0), "speckle:0.2").pixels == 0).all()


def test_noise_beyond_the_largest_float_is_refused():
    with pytest.raises(DipError, match=r"^speckle:1000000: the values become too large"):
        degrade(flat(0.5), *["speckle:1e6"] * 8)


def test_uniform_is_within_its_width():
    noise = added(flat(0.5, 3, 128, 128), "uniform:51")
    assert np.abs(noise).max() == pytest.approx(0.2, rel=0.01)
    assert np.abs(noise).max() <= 0.2 + 1e-6
    assert noise.std() == pytest.approx(0.2 / np.sqrt(3), rel=0.02)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (49, 80), (33, 17)])
@pytest.mark.parametrize("cutoff", [4, 5, 0])
def test_lowfreq_has_all_frequencies_up_to_the_cutoff(height, width, cutoff):
    noise = added(flat(0.0, 3, height, width), f"lowfreq:40,cutoff={cutoff}")
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(40 / 255, rel=1e-6)
    radius, _ = radius_in_cycles(height, width)
    power = energy(noise)
    assert power[radius > cutoff].sum() < 1e-10 * power.sum()
    assert power[radius <= cutoff].min() > 1e-10 * power.sum()  # the mean included


def test_lowfreq_shares_noise_between_channels():
    noise = added(flat(0.0, 3), "lowfreq:40,shared=1")
    assert (noise == noise[0]).all()
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(40 / 255, rel=1e-6)


def test_lowfreq_is_white_below_the_cutoff():
    image = flat(0.0, 1, 8, 8)
    powers = np.mean([energy(added(image, "lowfreq:40,cutoff=2", s)) for s in range(400)], axis=0)
    radius, _ = radius_in_cycles(8, 8)
    powers = powers[radius <= 2]
    assert np.abs(powers / powers.mean() - 1).max() < 0.25


@pytest.mark.parametrize(("height", "width"), [(64, 64), (49, 80), (33, 17)])
@pytest.mark.parametrize(("low", "high"), [(0.5, 1), (0, 0.25), (0.25, 0.5), (1, 1.5)])
def test_band_has_all_frequencies_between_low_and_high(height, width, low, high):
    noise = added(flat(0.0, 3, height, width), f"band:40,low={low},high={high}")
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(40 / 255, rel=1e-6)
    _, radius = radius_in_cycles(height, width)
    inside = (radius / 0.5 >= low - 1e-12) & (radius / 0.5 <= high + 1e-12)
    power = energy(noise)
    assert power[~inside].sum() < 1e-10 * power.sum()
    assert power[inside].min() > 1e-10 * power.sum()


def test_band_without_frequencies_is_refused():
    with pytest.raises(DipError, match="9x9 pixels has no frequency in this band"):
        degrade(flat(0.5, 1, 9, 9), "band:25,low=0.01,high=0.02")
    with pytest.raises(DipError, match="no frequency"):
        degrade(flat(0.5, 1, 1, 1), "band:25,low=0.5")


def test_stripes_equal_those_of_the_triangle_images():
    """Every even row of the top left square is lower by exactly 85."""
    noise = added(flat(0.0, 1, 256, 256), "stripes:85,extent=0.2")[0]
    inside = noise[:51, :51]
    assert inside[1::2] - inside[0:-1:2] == pytest.approx(85 / 255)
    assert inside[:50].sum() == pytest.approx(0, abs=1e-5)
    assert np.count_nonzero(noise) == 51 * 51


@pytest.mark.parametrize("angle", [0, 90, 180, 270, -90, 360])
def test_stripes_turn_without_flipping_pixels(angle):
    noise = added(flat(0.0, 1, 40, 30), f"stripes:51,angle={angle},period=4")[0] * 5
    along = noise[:, 0] if angle % 180 == 0 else noise[0]
    expected = along[:, None] if angle % 180 == 0 else along[None, :]
    assert np.abs(noise - expected).max() < 1e-6  # no pixel flips at the edge of a stripe
    assert np.abs(along).max() == pytest.approx(0.5)
    assert np.abs(along[4:] - along[:-4]).max() < 1e-6
    assert along[:28].sum() == pytest.approx(0, abs=1e-5)


def test_stripes_turn_counterclockwise():
    noise = added(flat(0.0, 1, 64, 64), "stripes:51,angle=45,period=8")[0]
    diagonal = np.lib.stride_tricks.sliding_window_view(noise, (2, 2))
    assert (diagonal[:, :, 0, 1] == diagonal[:, :, 1, 0]).all()  # constant from / to /
    assert not (diagonal[:, :, 0, 0] == diagonal[:, :, 1, 1]).all()


def test_extent_is_a_fraction_of_each_side():
    noise = added(flat(0.0, 1, 100, 50), "stripes:10,extent=0.29")[0]
    assert np.count_nonzero(noise.any(axis=1)) == 29  # though 0.29 * 100 < 29 in floats
    assert np.count_nonzero(noise.any(axis=0)) == 14
