"""Degradations that move pixels or mix channels: crop, downsample, gray."""

from dataclasses import replace

import numpy as np
import PIL.Image
import pytest
from degraded import degrade, flat, varied

from dipcli.degrade.downsample import KERNELS
from dipcli.errors import DipError
from dipcli.images import Meta


def test_crop_keeps_the_numbers_of_the_file():
    raw = np.arange(3 * 8 * 10, dtype=np.uint16).reshape(3, 8, 10)
    alpha = np.random.default_rng(0).random((8, 10), dtype=np.float32)
    image = varied(3, 8, 10, raw=raw, alpha=alpha, dtype=raw.dtype)
    after = degrade(image, "crop:4x3+5+2")
    assert np.array_equal(after.pixels, image.pixels[:, 2:5, 5:9])
    assert np.array_equal(after.raw, raw[:, 2:5, 5:9])
    assert np.array_equal(after.alpha, alpha[2:5, 5:9])
    assert (after.dtype, after.scale, after.spacing) == (image.dtype, image.scale, 1)


def test_crop_without_a_corner_is_centred():
    image = varied(1, 9, 12)
    assert np.array_equal(degrade(image, "crop:4x3").pixels, image.pixels[:, 3:6, 4:8])
    assert np.array_equal(degrade(image, "crop:12x9").pixels, image.pixels)
    assert np.array_equal(degrade(image, "crop:11x9").pixels, image.pixels[:, :, :11])


@pytest.mark.parametrize("spec", ["crop:13x9", "crop:12x10", "crop:4x4+9+0", "crop:1x1+0+9"])
def test_crop_outside_of_the_image_is_refused(spec):
    with pytest.raises(DipError, match=f"{spec.replace('+', '[+]')} does not fit .* 12x9 pixels"):
        degrade(varied(1, 9, 12), spec)


def test_gray_is_the_luma_and_drops_the_colour_profile():
    image = varied(3, meta=Meta(icc=b"a colour profile"))
    after = degrade(image, "gray")
    red, green, blue = image.pixels
    assert after.pixels[0] == pytest.approx(0.299 * red + 0.587 * green + 0.114 * blue, abs=1e-6)
    assert after.meta.icc is None
    assert degrade(varied(1), "gray").channels == 1


@pytest.mark.parametrize("channels", [2, 4, 5])
def test_gray_averages_other_numbers_of_channels(channels):
    image = varied(channels)
    after = degrade(image, "gray")
    assert after.pixels[0] == pytest.approx(image.pixels.mean(axis=0), abs=1e-6)


def test_gray_keeps_grays_exactly():
    levels = (np.arange(65536) / 65535).astype(np.float32).reshape(1, 256, 256)
    image = replace(flat(0.0, 3, 256, 256), pixels=np.repeat(levels, 3, axis=0))
    assert np.array_equal(degrade(image, "gray").pixels, levels)


def test_gray_is_unknown_where_one_channel_is():
    image = varied(3)
    image.pixels[1, 2, 2] = np.nan
    unknown = degrade(image, "gray").unknown
    assert unknown[0, 2, 2]
    assert np.count_nonzero(unknown) == 1


def test_area_is_the_mean_of_the_blocks():
    image = varied(3, 12, 8)
    after = degrade(image, "downsample:4")
    blocks = image.pixels.reshape(3, 3, 4, 2, 4).mean(axis=(2, 4))
    assert after.pixels == pytest.approx(blocks, abs=1e-6)
    assert after.spacing == 4
    assert degrade(after, "downsample:2").spacing == 8


def test_last_block_averages_the_pixels_that_it_has():
    image = varied(1, 7, 13)
    after = degrade(image, "downsample:4").pixels[0]
    assert after.shape == (2, 4)
    assert after[1, 3] == pytest.approx(image.pixels[0, 4:, 12:].mean())
    assert after[0, 3] == pytest.approx(image.pixels[0, :4, 12:].mean())


@pytest.mark.parametrize("factor", [2, 3, 4, 5])
def test_nearest_is_the_centre_pixel(factor):
    image = varied(1, 4 * factor, 6 * factor)
    expected = image.pixels[:, factor // 2 :: factor, factor // 2 :: factor]
    assert np.array_equal(degrade(image, f"downsample:{factor},kernel=nearest").pixels, expected)
    pillow = PIL.Image.fromarray(image.pixels[0]).resize((6, 4), PIL.Image.Resampling.NEAREST)
    assert np.array_equal(expected[0], np.asarray(pillow))


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("kernel", ["bicubic", "lanczos3"])
def test_kernels_equal_pillow(factor, kernel):
    image = varied(1, 20 * factor, 24 * factor)
    after = degrade(image, f"downsample:{factor},kernel={kernel}").pixels[0]
    filters = {"bicubic": PIL.Image.Resampling.BICUBIC, "lanczos3": PIL.Image.Resampling.LANCZOS}
    pillow = PIL.Image.fromarray(image.pixels[0]).resize((24, 20), filters[kernel])
    inner = np.s_[3:-3, 3:-3]  # Pillow drops the taps beyond the border
    assert after[inner] == pytest.approx(np.asarray(pillow)[inner], abs=1e-5)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_lanczos_equals_the_deep_image_prior(factor):
    """Ulyanov et al.: 4 x factor taps at half-integer places, replication padding, stride."""
    place = (np.arange(4 * factor) - 2 * factor + 0.5) / factor
    line = np.sinc(place) * np.sinc(place / 2)
    kernel = np.outer(line, line) / line.sum() ** 2
    image = varied(1, 5 * factor, 6 * factor)
    padded = np.pad(image.pixels[0].astype(float), 3 * factor // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape)[::factor, ::factor]
    expected = (windows * kernel).sum(axis=(2, 3))
    after = degrade(image, f"downsample:{factor},kernel=lanczos").pixels[0]
    assert after == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("factor", [1, 2, 3, 7, 100])
def test_downsampling_keeps_a_flat_image_flat(kernel, factor):
    after = degrade(flat(0.3, 2, 13, 20), f"downsample:{factor},kernel={kernel}")
    assert after.size == (-(-13 // factor), -(-20 // factor))
    assert after.pixels == pytest.approx(0.3, abs=1e-6)


@pytest.mark.parametrize("kernel", KERNELS)
def test_downsampling_is_centred(kernel):
    """A ramp stays a ramp: each value is that at the centre of its block."""
    ramp = np.tile(np.arange(60, dtype=np.float32), (1, 60, 1))
    after = degrade(replace(flat(0.0), pixels=ramp), f"downsample:3,kernel={kernel}").pixels[0]
    assert after[10, 3:-3] == pytest.approx(3 * np.arange(20)[3:-3] + 1, abs=1e-4)


def test_area_leaves_unknown_pixels_out():
    image = varied(2, 8, 8)
    image.pixels[:, :4, :4] = np.nan
    image.pixels[:, 1, 2] = (0.25, 0.75)
    image.pixels[0, 4:, :4] = np.nan
    after = degrade(image, "downsample:4").pixels
    assert after[:, 0, 0].tolist() == [0.25, 0.75]
    assert np.isnan(after[0, 1, 0])
    assert after[1, 1, 0] == pytest.approx(image.pixels[1, 4:, :4].mean())
    assert after[0, 0, 1] == pytest.approx(image.pixels[0, :4, 4:].mean())


@pytest.mark.parametrize("kernel", ["lanczos", "lanczos3", "bicubic"])
def test_kernels_that_overshoot_leave_unknown_pixels_out(kernel):
    image = flat(0.4, 1, 32, 32)
    image.pixels[:, 8:24, 8:24] = np.nan
    after = degrade(image, f"downsample:4,kernel={kernel}")
    assert after.unknown[0, 3:5, 3:5].all()
    assert not after.unknown[0, :2].any()
    assert after.pixels[~after.unknown] == pytest.approx(0.4, abs=1e-6)


def test_alpha_is_downsampled_like_a_channel():
    alpha = np.random.default_rng(0).uniform(0.2, 1, (8, 8)).astype(np.float32)
    image = varied(3, 8, 8, alpha=alpha)
    image.pixels[:, :3, :4] = np.nan
    image.pixels[:, 4:, :4] = np.nan
    after = degrade(image, "downsample:4").alpha
    assert after.shape == (2, 2)
    assert after[0, 0] == pytest.approx(alpha[3, :4].mean())
    assert after[0, 1] == pytest.approx(alpha[:4, 4:].mean())
    assert after[1, 0] == 0  # all pixels there are unknown
    lanczos = degrade(image, "downsample:4,kernel=lanczos").alpha
    assert (lanczos >= 0).all()
    assert (lanczos <= 1).all()
    assert degrade(varied(3, 8, 8), "downsample:4").alpha is None


def test_factor_1_changes_nothing():
    image = varied(3)
    assert degrade(image, "downsample:1,kernel=lanczos").pixels is image.pixels
