"""Blur, JPEG, and compressive sensing."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import PIL.Image
import pytest
from degraded import degrade, flat, varied
from scipy import ndimage

from dipcli.degrade import parse
from dipcli.degrade.fourier import Fourier, _lines
from dipcli.errors import DipError
from dipcli.images import Scale


@pytest.mark.parametrize("size", [(40, 30), (7, 13), (3, 1), (1, 1)])
@pytest.mark.parametrize("sigma", [0.3, 1, 2.5, 10])
def test_gaussian_blur_equals_scipy(size, sigma):
    image = varied(1, *size)
    expected = ndimage.gaussian_filter(image.pixels[0].astype(float), sigma, mode="reflect")
    assert degrade(image, f"blur:{sigma}").pixels[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("length", [3, 7])
def test_box_blur_equals_scipy(length):
    image = varied(1, 20, 30)
    expected = ndimage.uniform_filter(image.pixels[0].astype(float), length, mode="reflect")
    assert degrade(image, f"blur:{length},kernel=box").pixels[0] == pytest.approx(
        expected, abs=1e-6
    )


@pytest.mark.parametrize("spec", ["blur:9.5,kernel=motion,angle=20", "blur:4.5,kernel=box"])
@pytest.mark.parametrize("size", [(20, 30), (3, 4)])
def test_every_kernel_mirrors_the_image_at_the_border(spec, size):
    image = varied(2, *size)
    weights = parse(spec).weights()
    for before, after in zip(image.pixels, degrade(image, spec).pixels, strict=True):
        expected = ndimage.convolve(before.astype(float), weights, mode="reflect")
        assert after == pytest.approx(expected, abs=1e-6)


def test_kernels_have_sum_1_odd_sides_and_the_right_direction():
    assert parse("blur:3,kernel=motion").weights() == pytest.approx(np.full((1, 3), 1 / 3))
    upright = parse("blur:3,kernel=motion,angle=90").weights()
    assert upright == pytest.approx(np.full((3, 1), 1 / 3))
    line = parse("blur:2.5,kernel=motion").weights()
    assert line == pytest.approx(np.array([[0.3, 0.4, 0.3]]))  # the ends are half covered
    diagonal = parse("blur:9,kernel=motion,angle=45").weights()
    side = len(diagonal)  # counterclockwise: from the lower left to the upper right
    assert diagonal[: side // 2, : side // 2].sum() == 0
    assert diagonal[: side // 2, side // 2 :].sum() > 0.4
    assert diagonal == pytest.approx(diagonal.T[::-1, ::-1])
    for spec in ("blur:2", "blur:6.2,kernel=box", "blur:8,kernel=motion,angle=-33"):
        weights = parse(spec).weights()
        assert weights.sum() == pytest.approx(1)
        assert np.array_equal(weights, weights[::-1, ::-1])
        assert weights.shape[0] % 2 == weights.shape[1] % 2 == 1


@pytest.mark.parametrize("spec", ["blur:1,kernel=box", "blur:0.7,kernel=motion,angle=45"])
def test_kernel_of_one_pixel_changes_nothing(spec):
    image = varied(3)
    assert degrade(image, spec).pixels is image.pixels


def test_blur_leaves_unknown_pixels_out():
    image = varied(2, 20, 20)
    image.pixels[:, 5:15, 5:15] = np.nan
    image.pixels[0, 10, 10] = 0.25  # far from the other known pixels
    after = degrade(image, "blur:1")
    assert np.array_equal(after.unknown, image.unknown)
    assert after.pixels[0, 10, 10] == pytest.approx(0.25, abs=1e-3)
    known = ~image.unknown[1]
    total = ndimage.gaussian_filter(np.where(known, image.pixels[1], 0).astype(float), 1)[known]
    weight = ndimage.gaussian_filter(known.astype(float), 1)[known]
    assert after.pixels[1][known] == pytest.approx(total / weight, abs=1e-6)
    flat_one = replace(flat(0.4, 2, 20, 20), pixels=np.where(image.unknown, np.nan, 0.4))
    assert degrade(flat_one, "blur:3").pixels[~image.unknown] == pytest.approx(0.4, abs=1e-6)


def through_pillow(levels, quality):
    buffer = BytesIO()
    PIL.Image.fromarray(levels).save(buffer, "JPEG", quality=quality)
    return np.asarray(PIL.Image.open(buffer))


def test_jpeg_equals_pillow():
    levels = np.random.default_rng(0).integers(0, 256, (21, 34, 3), dtype=np.uint8)
    colour = replace(flat(0.0), pixels=(levels.transpose(2, 0, 1) / np.float32(255)))
    after = degrade(colour, "jpeg:30").pixels * 255
    assert np.array_equal(np.rint(after), through_pillow(levels, 30).transpose(2, 0, 1))
    assert np.abs(after - np.rint(after)).max() < 1e-4
    for count in (1, 2, 5):  # channel by channel
        pixels = np.repeat(colour.pixels[:1], count, axis=0)
        after = degrade(replace(colour, pixels=pixels), "jpeg:30").pixels * 255
        assert np.array_equal(np.rint(after), [through_pillow(levels[..., 0], 30)] * count)


def test_jpeg_keeps_unknown_pixels_unknown():
    image = flat(0.25, 3, 16, 16)
    image.pixels[:, 4:9, 4:9] = np.nan
    after = degrade(image, "jpeg:90")
    assert np.array_equal(after.unknown, image.unknown)
    assert after.pixels[~after.unknown] == pytest.approx(0.25, abs=0.01)
    nothing = flat(np.nan, 1, 4, 4)
    assert degrade(nothing, "jpeg:90").unknown.all()


def test_jpeg_refuses_only_sizes_that_it_cannot_hold(monkeypatch):
    with pytest.raises(DipError, match="65501x1"):
        degrade(flat(0.5, 1, 1, 65501), "jpeg:90")
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 10)
    assert degrade(flat(0.5, 1, 16, 16), "jpeg:90").size == (16, 16)


SIZES = [(32, 32), (7, 13), (16, 9), (9, 1), (1, 1)]


def mask_of(size, fraction, mode="random", seed=0):
    return Fourier(fraction, mode).kept(size, np.random.default_rng(seed))


@pytest.mark.parametrize("mode", ["random", "radial"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fraction", [0.001, 0.1, 0.37, 0.9, 1])
def test_fourier_mask_is_symmetric_and_meets_the_fraction(mode, size, fraction):
    keep = mask_of(size, fraction, mode)
    assert keep.shape == size
    assert keep[0, 0]
    assert np.array_equal(keep, np.roll(keep[::-1, ::-1], (1, 1), axis=(0, 1)))  # conjugates
    if mode == "random":
        target = max(round(fraction * keep.size), 1)
        assert abs(np.count_nonzero(keep) - target) <= 1
    if fraction == 1:
        assert keep.all()


def test_random_coefficients_cover_the_plane_equally():
    keep = np.mean([mask_of((16, 16), 0.5, seed=s) for s in range(300)], axis=0)
    keep[0, 0] = 0.5
    assert np.abs(keep - 0.5).max() < 0.15


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.3, 0.6])
def test_radial_lines_are_dense_in_the_centre(fraction):
    keep = np.fft.fftshift(mask_of((64, 64), fraction, "radial"))
    assert keep.mean() == pytest.approx(fraction, abs=1 / 64)
    assert keep[32].all()  # the first line is horizontal
    y, x = np.indices(keep.shape) - 32
    radius = np.hypot(y, x)
    assert keep[radius < 64 * fraction / 5].all()  # dense in the centre
    assert keep[radius < 16].mean() > keep[(radius > 16) & (radius < 32)].mean()


@pytest.mark.parametrize("count", [1, 2, 5, 12])
@pytest.mark.parametrize("size", [(64, 64), (33, 50)])
def test_lines_are_straight_and_reach_the_border(count, size):
    angles = np.pi * np.arange(count) / count
    y, x = np.nonzero(np.fft.fftshift(_lines(size, count)))
    y, x = y - size[0] // 2, x - size[1] // 2
    distances = np.abs(np.outer(y, np.cos(angles)) - np.outer(x, np.sin(angles)))
    # at Nyquist a coefficient may be the mirror image of one on a line
    inner = (np.abs(y) < size[0] // 2) & (np.abs(x) < size[1] // 2)
    assert distances.min(axis=1)[inner].max() <= 0.5 + 1e-9
    near = distances < 0.5 + 1e-9
    for angle, on_line in zip(angles, near.T, strict=True):
        reach = min(size[0] / 2 / max(abs(np.sin(angle)), 1e-9), size[1] / 2 / abs(np.cos(angle)))
        steps = 2 * reach * max(abs(np.sin(angle)), abs(np.cos(angle)))
        assert np.count_nonzero(on_line) >= steps - 3


@pytest.mark.parametrize("mode", ["random", "radial"])
@pytest.mark.parametrize("size", SIZES)
def test_fourier_keeps_coefficients_exactly_and_is_a_projection(mode, size):
    image = varied(3, *size)
    spec = f"fourier:0.4,mode={mode}"
    once = degrade(image, spec, seed=5)
    spectrum, before = np.fft.fft2(once.pixels), np.fft.fft2(image.pixels)
    kept = np.abs(spectrum) > 1e-4
    assert np.abs(np.where(kept, spectrum - before, 0)).max() < 1e-3
    assert (kept == kept[0]).all()
    again = degrade(once, spec, seed=5)
    assert again.pixels == pytest.approx(once.pixels, abs=1e-6)  # a projection
    assert once.pixels.mean() == pytest.approx(image.pixels.mean(), abs=1e-6)
    assert once.dtype == np.float32
    assert once.scale == Scale(255)


@pytest.mark.parametrize("mode", ["random", "radial"])
def test_fourier_with_all_coefficients_is_the_image(mode):
    image = varied(3)
    after = degrade(image, f"fourier:1,mode={mode}")
    assert after.pixels == pytest.approx(image.pixels, abs=1e-6)


def test_fourier_refuses_unknown_pixels():
    with pytest.raises(DipError, match="fill them in first"):
        degrade(varied(), "mask:0.1", "fourier:0.5")
