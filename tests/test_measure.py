"""Measures against the published formulas, written out with a Fourier transform by hand."""

import math

import numpy as np
import pytest
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from dipcli.errors import DipError, UsageError
from dipcli.images import Image
from dipcli.measure.base import Measure
from dipcli.measure.blur import BlurSharp, blur, sharpness
from dipcli.measure.distance import Comparison
from dipcli.measure.fbc import Fbc, FbcEnergy, onset
from dipcli.measure.fourier import band_labels, frequency, total, transform
from dipcli.measure.quality import psnr, ssim
from dipcli.measure.radial import Amplitude, Error, Power, power2d
from dipcli.measure.runs import spectrum
from dipcli.registry import MEASURES

SIZES = [(24, 24), (16, 22), (23, 15), (9, 9), (7, 12)]


def picture(channels, size, seed=0):
    y, x = np.mgrid[: size[0], : size[1]] / max(size)
    smooth = 0.5 + 0.3 * np.sin(5 * x + 3 * y)
    noise = np.random.default_rng(seed).normal(0, 0.15, (channels, *size))
    return (smooth + noise).astype(np.float32)


def dft(image):
    """The two-dimensional transform written as sums, frequency 0 first."""
    height, width = image.shape
    one, other = (np.exp(-2j * np.pi * np.outer(range(n), range(n)) / n) for n in (height, width))
    return one @ image.astype(np.float64) @ other


def published_gray(image):
    image = np.nan_to_num(image.astype(np.float64))
    if len(image) == 3:
        return np.clip(0.2989 * image[0] + 0.5870 * image[1] + 0.1140 * image[2], 0, 1)
    return image.mean(axis=0)


def published_fbc(out, target, bands=5):
    a, b = (np.abs(np.fft.fftshift(dft(published_gray(x)))) for x in (out, target))
    h = np.clip(a / (b + 1e-8), 0, 1)
    height, width = h.shape
    y, x = np.ogrid[:height, :width]
    distance = np.sqrt((x - int(width / 2)) ** 2 + (y - int(height / 2)) ** 2)
    radii = [int(width / 2) * (j + 1) / bands for j in range(bands)]
    inner = [-1, *radii[:-1]]
    rings = [(lo < distance) & (distance <= hi) for lo, hi in zip(inner, radii, strict=True)]
    return [h[ring].mean() if ring.any() else np.nan for ring in rings]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_fbc_equals_the_published_formula(size, channels):
    target, out = picture(channels, size, 1), 0.7 * picture(channels, size, 2)
    measured = Fbc(target, 5)(out)["fbc"]
    np.testing.assert_allclose(measured, published_fbc(out, target), atol=1e-9)
    assert np.nanmin(measured) < 0.95  # not all bands are clipped to 1


def test_fbc_clips_colours_but_not_gray():
    target = picture(3, (24, 24), 1)
    bright = target * 3
    assert published_gray(bright).max() == 1
    np.testing.assert_allclose(Fbc(target, 5)(bright)["fbc"], published_fbc(bright, target))
    gray = target[:1]
    np.testing.assert_allclose(Fbc(gray, 5)(gray * 3)["fbc"], 1, atol=1e-6)


def test_fbc_takes_unknown_pixels_as_0():
    target, out = picture(1, (24, 24), 1), picture(1, (24, 24), 2)
    mask = np.random.default_rng(0).random((1, 24, 24)) < 0.5
    holes = np.where(mask, np.nan, target).astype(np.float32)
    expected = published_fbc(out, target * ~mask)
    np.testing.assert_allclose(Fbc(holes, 5)(out)["fbc"], expected, atol=1e-9)


def test_fbc_bands_end_at_half_the_width():
    axis = Fbc(picture(1, (24, 24)), 4).axis
    assert axis["band"].tolist() == [1, 2, 3, 4]
    assert axis["low"].tolist() == [0, 0.25, 0.5, 0.75]
    assert axis["high"].tolist() == [0.25, 0.5, 0.75, 1]
    # a band without bins is NaN, not 0
    narrow = Fbc(picture(1, (20, 2)), 5)(picture(1, (20, 2), 3))["fbc"]
    assert np.isnan(narrow[:4]).tolist() == [False, True, True, True]
    assert not np.isnan(narrow[4])


def bins(size):
    """Each bin of the transform, with its frequency in cycles per pixel."""
    for ky in range(size[0]):
        for kx in range(size[1]):
            fy, fx = (min(k, n - k) / n for k, n in zip((ky, kx), size, strict=True))
            yield (ky, kx), math.hypot(fy, fx)


@pytest.mark.parametrize("size", SIZES)
def test_fbc_energy_equals_its_formula(size):
    target, out = picture(3, size, 1), 0.7 * picture(3, size, 2)
    a, b = (np.abs(dft(published_gray(x))) for x in (out, target))
    above, below = np.zeros(5), np.zeros(5)
    for place, f in bins(size):
        if f > 0:
            band = min(math.ceil(f / 0.5 * 5 - 1e-9), 5) - 1
            above[band] += min(a[place], b[place]) * b[place]
            below[band] += b[place] ** 2
    with np.errstate(invalid="ignore"):  # at 9 x 9 the lowest band holds only the mean
        expected = above / below
    np.testing.assert_allclose(FbcEnergy(target, 5)(out)["fbc"], expected, rtol=1e-9)


def test_fbc_energy_is_invariant_to_turns_by_90_degrees_unlike_fbc():
    target, out = picture(1, (16, 40), 1), picture(1, (16, 40), 2)
    turned = [np.rot90(x, axes=(1, 2)) for x in (target, out)]
    np.testing.assert_allclose(
        FbcEnergy(target, 5)(out)["fbc"], FbcEnergy(turned[0], 5)(turned[1])["fbc"]
    )
    one, other = Fbc(target, 5)(out)["fbc"], Fbc(turned[0], 5)(turned[1])["fbc"]
    assert np.abs(one - other).max() > 0.01


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_radial_spectra_equal_sums_over_rings(size, channels):
    image, reference = picture(channels, size, 1), picture(channels, size, 2)
    longer = max(size)
    whole = [dft(channel) for channel in image.astype(np.float64)]
    missing = [dft(channel) for channel in image.astype(np.float64) - reference]
    own = [dft(channel) for channel in reference]
    rings = {}
    for place, f in bins(size):
        rings.setdefault(math.floor(f * longer + 0.5), []).append(place)
    expected = {name: [] for name in ("power", "amplitude", "error", "relative")}
    for ring in range(max(rings) + 1):
        places = rings[ring]

        def mean(spectra, places=places):
            return np.mean([[abs(f[p]) ** 2 for p in places] for f in spectra])

        expected["power"].append(mean(whole))
        expected["amplitude"].append(np.mean([sum(abs(f[p]) for p in places) for f in whole]))
        expected["error"].append(mean(missing))
        expected["relative"].append(mean(missing) / mean(own))
    values = {**Power(image)(image), **Amplitude(image)(image), **Error(reference)(image)}
    assert set(values) == set(expected)
    for name, wanted in expected.items():
        np.testing.assert_allclose(values[name], wanted, rtol=1e-6, err_msg=name)
    axis = Power(image).axis
    assert axis["radius"].tolist() == list(range(max(rings) + 1))
    np.testing.assert_allclose(axis["frequency"], np.arange(max(rings) + 1) / longer)


def test_error_is_0_at_unknown_pixels():
    reference, image = picture(3, (16, 16), 1), picture(3, (16, 16), 2)
    holes = reference.copy()
    holes[:, 4:9, 3:8] = np.nan
    filled = np.where(np.isnan(holes), image, reference)  # no difference at unknown pixels
    np.testing.assert_allclose(
        Error(holes)(image)["error"], Error(filled)(image)["error"], rtol=1e-6
    )


def test_power2d_has_frequency_0_in_the_centre():
    image = np.zeros((1, 8, 10), np.float32)
    y = np.arange(8)[:, None]
    image[0] = np.cos(2 * np.pi * 2 * y / 8)
    spectrum = power2d(image, np.zeros_like(image))
    assert sorted(map(tuple, np.argwhere(spectrum > 1))) == [(4 - 2, 5), (4 + 2, 5)]


def published_blur(gray):
    """The blur metric of Crete and others as in the published code, pixel by pixel."""

    def along_rows(image):
        blurred = np.array(
            [
                [
                    sum(image[y + k, x] for k in range(-4, 5) if 0 <= y + k < len(image)) / 9
                    for x in range(image.shape[1])
                ]
                for y in range(len(image))
            ]
        )
        crop = slice(5, len(image) - 4), slice(5, image.shape[1] - 4)
        f, b = image[crop], blurred[crop]
        before = lost = 0.0
        for y in range(1, f.shape[0] - 1):
            for x in range(1, f.shape[1] - 1):
                df, db = abs(f[y, x] - f[y - 1, x]), abs(b[y, x] - b[y - 1, x])
                before += df
                lost += max(0.0, df - db)
        return (before - lost) / before

    return max(along_rows(gray), along_rows(gray.T))


def published_sharpness(gray):
    g = gray[2:-1, 2:-1]
    height, width = g.shape
    steps = []
    for y in range(height):
        for x in range(width):
            around = [
                g[y + j, x + i] if 0 <= y + j < height and 0 <= x + i < width else 0.0
                for j in (-1, 0, 1)
                for i in (-1, 0, 1)
                if (j, i) != (0, 0)
            ]
            steps.append(max(around) - g[y, x])
    ranked = sorted(steps, reverse=True)
    weighted = [math.exp(-0.01 * rank) * ranked[rank] for rank in range(2, 1001)]
    assert len(weighted) == 999
    return math.sqrt(sum(w * w for w in weighted) / len(weighted))


@pytest.mark.parametrize("channels", [1, 3])
def test_blur_and_sharpness_equal_the_published_code(channels):
    image = picture(channels, (40, 46), 4)
    gray = published_gray(image)
    values = BlurSharp(image)(image)
    assert values["blur"] == pytest.approx(published_blur(gray), abs=1e-9)
    assert values["sharpness"] == pytest.approx(published_sharpness(gray), abs=1e-9)
    assert values["ratio"] == pytest.approx(values["blur"] / values["sharpness"])


def test_blur_and_sharpness_tell_blurred_from_sharp_and_are_nan_for_tiny_images():
    from scipy.ndimage import gaussian_filter

    sharp = published_gray(picture(1, (40, 40), 4))
    soft = gaussian_filter(sharp, 2)
    assert blur(soft) > blur(sharp)
    assert sharpness(soft) < sharpness(sharp)
    for size in [(1, 1), (3, 3), (11, 40)]:
        assert math.isnan(blur(np.ones(size)))
    assert math.isnan(blur(np.ones((40, 40))))  # a flat image has no steps
    assert math.isnan(sharpness(np.ones((3, 3))))


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (2, 2), (6, 3), (30, 31)])
def test_every_measure_accepts_every_size(name, size):
    image, other = picture(2, size, 0), picture(2, size, 1)
    measure = MEASURES[name](image, 5)
    values = measure(other)
    assert tuple(values) == measure.columns
    rows = list(measure.rows(values))
    assert len(rows) == measure.places
    assert set(rows[0]) == {*measure.axis, *measure.columns}
    for column in values.values():
        assert column.size == measure.places


def test_onset_is_interpolated_between_saved_iterations():
    at = np.array([0, 10, 30])
    curves = np.array([[0.0, 0.6, 0.1, np.nan], [0.25, 0.7, 0.2, 0.4], [0.75, 0.8, 0.3, 0.9]])
    first = onset(at, curves, 0.5)
    np.testing.assert_allclose(first, [20, 0, np.nan, 14])
    assert onset(at, curves, 0.25)[0] == 10


# -- distances ---------------------------------------------------------------------------------


def test_distances_equal_scikit_image():
    one, other = picture(3, (20, 24), 1).clip(0, 1), picture(3, (20, 24), 2).clip(0, 1)
    row = Comparison(ssim=True).between(one, other)
    double = [x.astype(np.float64) for x in (one, other)]
    assert row["mse"] == pytest.approx(mean_squared_error(*double))
    assert row["sse"] == pytest.approx(row["mse"] * one.size)
    assert row["psnr"] == pytest.approx(peak_signal_noise_ratio(*double, data_range=1))
    expected = structural_similarity(*double, data_range=1, channel_axis=0)
    assert row["ssim"] == pytest.approx(expected)
    assert Comparison().between(one, one)["psnr"] == math.inf


def test_luma_and_border_select_what_is_compared():
    from skimage.color import rgb2ycbcr

    one, other = picture(3, (20, 24), 1).clip(0, 1), picture(3, (20, 24), 2).clip(0, 1)
    a, b = (rgb2ycbcr(np.moveaxis(x, 0, -1).astype(np.float64))[..., 0] / 255 for x in (one, other))
    inner = slice(4, -4), slice(4, -4)
    row = Comparison(luma=True, border=4).between(one, other)
    assert row["mse"] == pytest.approx(mean_squared_error(a[inner], b[inner]), rel=1e-5)


def test_distances_leave_unknown_pixels_out():
    one, other = picture(1, (8, 8), 1), picture(1, (8, 8), 2)
    holes = other.copy()
    holes[0, :4] = np.nan
    row = Comparison().between(one, holes)
    difference = (one - other)[0, 4:].astype(np.float64)
    assert row["sse"] == pytest.approx(np.square(difference).sum(), rel=1e-6)
    assert row["mse"] == pytest.approx(np.square(difference).mean(), rel=1e-6)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bands", [1, 4, 5, 17])
def test_errors_of_all_bands_sum_to_the_sse(size, bands):
    one, other = picture(3, size, 1), picture(3, size, 2)
    comparison = Comparison()
    split = comparison.by_band(one, other, bands)
    assert split.sum() == pytest.approx(comparison.between(one, other)["sse"], rel=1e-12)
    difference = np.array([dft(x) for x in one.astype(np.float64) - other])
    energy = np.square(np.abs(difference)).sum(axis=0) / (size[0] * size[1])
    expected = np.zeros(bands)
    for place, f in bins(size):
        expected[max(0, min(math.ceil(f / 0.5 * bands - 1e-9), bands) - 1)] += energy[place]
    np.testing.assert_allclose(split, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_half_of_the_transform_counts_every_bin(size):
    image = picture(1, size)[0]
    labels = band_labels(size, 3)
    assert labels.shape == transform(image).shape == frequency(size).shape
    assert total(np.ones(labels.shape), labels, 3, size).sum() == image.size


def test_psnr_and_ssim_take_images_and_arrays():
    one, other = picture(3, (20, 24), 1), picture(3, (20, 24), 2)
    assert psnr(Image(one), Image(other)) == psnr(one, other)
    assert ssim(Image(one), other) == ssim(one, other)
    assert ssim(one[0], other[0]) == ssim(one[:1], other[:1])
    assert psnr(Image(one), one) == math.inf
    with pytest.raises(DipError, match="cannot be compared"):
        psnr(one, other[:1])


# -- measures of users -------------------------------------------------------------------------

USER = '''
from dipcli.measure.base import Measure

def contrast(frame):
    """The standard deviation of an image."""
    return frame.std()

def rms(frame, clean):
    return ((frame - clean) ** 2).mean() ** 0.5

def bias(frame, reference):
    return (frame - reference).mean()

def wrong(frame):
    return "much"

class Extremes(Measure):
    """The least and the largest pixel."""

    columns = ("least", "most")

    def take(self, frame):
        return [frame.min(), frame.max()]
'''


@pytest.fixture
def mymeasures(tmp_path, monkeypatch):
    (tmp_path / "mymeasures.py").write_text(USER)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    import sys

    sys.modules.pop("mymeasures", None)


def test_functions_and_classes_of_users_are_measures(mymeasures):
    names = ("contrast", "rms", "bias", "Extremes")
    kinds = {name: MEASURES.find(f"mymeasures:{name}") for name in names}
    assert all(issubclass(kind, Measure) for kind in kinds.values())
    assert [kind.needs for kind in kinds.values()] == ["", "clean", "target", ""]
    assert kinds["contrast"].columns == ("contrast",)
    one, other = picture(1, (8, 8), 1), picture(1, (8, 8), 2)
    assert kinds["bias"](other)(one)["bias"] == pytest.approx((one - other).mean())
    contrast = kinds["contrast"](one)
    assert contrast.kept_as("mymeasures:contrast") == {"contrast": "contrast"}
    assert kinds["Extremes"](one)(one)["most"] == one.max()
    with pytest.raises(DipError, match="mymeasures:wrong returned str"):
        MEASURES.find("mymeasures:wrong")(one)(one)
    with pytest.raises(UsageError, match="has no 'absent'"):
        MEASURES.find("mymeasures:absent")


def test_spectrum_takes_measures_of_users(mymeasures):
    image, other = Image(picture(1, (8, 8), 1)), picture(1, (8, 8), 2)
    (row,) = spectrum(image, "mymeasures:contrast")
    assert row._fields == ("source", "run", "iteration", "contrast")
    assert row.contrast == pytest.approx(image.pixels.std())
    (row,) = spectrum(image, "mymeasures:rms", reference=Image(other))
    assert row.rms == pytest.approx(np.sqrt(np.square(image.pixels - other).mean()), rel=1e-5)
    (row,) = spectrum(image, lambda frame: 3)
    assert row.value == 3
