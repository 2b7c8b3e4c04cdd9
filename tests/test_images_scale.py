"""The scale of a file: by its type where the data fill it, else by the data, never by outliers."""

import numpy as np
import pytest

from dipcli.errors import BadImage, UsageError
from dipcli.images import Scale
from dipcli.images.npy import from_array
from dipcli.images.scale import choose, clip_outliers, robust_range

RNG = np.random.default_rng(3)
SHAPE = (2, 1, 48, 56)
STEPS = np.linspace(0, 1, SHAPE[3], dtype=np.float64)  # a ramp along x
RAMP = np.broadcast_to(STEPS, SHAPE)


def spots(shape, count, peak, seed=0):
    """Small bright spots on a dark background, as beads in a microscope."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = np.zeros(shape)
    for _ in range(count):
        y0, x0 = rng.uniform(4, shape[0] - 5), rng.uniform(4, shape[1] - 5)
        image += peak * np.exp(-((y - y0) ** 2 + (x - x0) ** 2) / 3)
    return image


@pytest.mark.parametrize(
    ("numbers", "scale"),
    [
        ((RAMP * 255).astype(np.uint8), Scale(255)),
        ((RAMP * 40).astype(np.uint8), Scale(255)),  # 8 bits always
        ((RAMP * 1000).astype(np.uint16), Scale(1023)),
        ((RAMP * 3900).astype(np.uint16), Scale(4095)),
        ((RAMP * 60000).astype(np.uint16), Scale(65535)),
        (RAMP.astype(np.float32), Scale(1)),
        ((RAMP * 0.3 + 0.1).astype(np.float32), Scale(1)),
        (np.full(SHAPE, 0.5, np.float32), Scale(1)),
        (np.full(SHAPE, 3, np.uint16), Scale(1023)),
    ],
)
def test_the_range_of_the_type_where_the_data_fill_a_quarter_of_it(numbers, scale):
    assert choose(numbers)[0] == scale


@pytest.mark.parametrize(
    ("numbers", "low", "high"),
    [
        ((RAMP * 180).astype(np.uint16), 0, 180),
        ((RAMP * 0.023).astype(np.float64), 0, 0.023),
        ((RAMP * 2000 - 1000).astype(np.int16), -1000, 1000),
        ((RAMP * 2.0**31).astype(np.uint32), 0, 2.0**31),
        ((RAMP * 500 + 10_000).astype(np.uint16), 10_000, 10_500),
        ((RAMP * 7 - 3).astype(np.float64), -3, 4),
    ],
)
def test_the_range_of_the_data_elsewhere_is_said(numbers, low, high):
    scale, remark = choose(numbers)
    assert (scale.offset, scale.offset + scale.scale) == (low, high)
    assert remark == f"values {low:g} to {high:g} are mapped to 0 and 1"


def test_a_fit_scales_dark_images_of_8_bits_by_their_range():
    dark = (RAMP * 40).astype(np.uint8)
    assert choose(dark, stretch=True)[0] == Scale(40)
    assert choose((RAMP * 100).astype(np.uint8), stretch=True)[0] == Scale(255)


def test_data_that_fill_little_of_a_range_that_is_kept_are_said():
    scale, remark = choose((RAMP * 40).astype(np.uint8))
    assert scale == Scale(255)
    assert remark == (
        "values 0 to 40 are 16 % of the range 0 to 255; --normalize 0:40 maps them to 0 and 1"
    )
    assert choose((RAMP * 40).astype(np.uint16), "dtype")[1]
    assert not choose((RAMP * 70).astype(np.uint8))[1]


@pytest.mark.parametrize("value", [65535, 5000])
@pytest.mark.parametrize("many", [1, 20])
def test_hot_pixels_do_not_set_the_scale(value, many):
    numbers = (RAMP * 900 + RNG.normal(0, 20, SHAPE).clip(-60, 60) + 60).astype(np.uint16)
    high = int(numbers.max())
    places = RNG.choice(numbers.size, many, replace=False)
    numbers.reshape(-1)[places] = value
    numbers[0, 0, 20, 20] = numbers[0, 0, 20, 21] = value  # two beside each other
    assert choose(numbers)[0] == Scale(1023)
    assert robust_range(numbers, np.ones(SHAPE, bool))[1] <= high


def test_dead_pixels_do_not_set_the_scale():
    numbers = (RAMP * 20 + 500).astype(np.float32)
    numbers[0, 0, 5, 5] = -1e6
    assert choose(numbers)[0] == Scale(20, 500)


@pytest.mark.parametrize("count", [1, 5, 60])
def test_bright_spots_are_no_outliers(count):
    image = spots((64, 64), count, 900)[None, None] + 100
    _low, high = robust_range(image, np.ones(image.shape, bool))
    assert high == image.max()


def test_masked_and_unknown_pixels_do_not_set_the_scale():
    numbers = (RAMP * 900).astype(np.uint16)
    numbers[:, :, 10:20, 10:20] = 65535
    unknown = np.zeros((2, 48, 56), bool)
    unknown[:, 10:20, 10:20] = True
    assert choose(numbers, "auto", None, unknown)[0] == Scale(1023)
    assert choose(numbers, "minmax", None, unknown)[0] == Scale(900)
    floats = numbers.astype(np.float64)
    floats[numbers == 65535] = np.nan
    assert choose(floats, "minmax")[0] == Scale(900)


def test_far_outliers_are_clipped_and_noise_is_not():
    pixels = RNG.normal(0.5, 0.3, (1, 200, 200)).astype(np.float32)
    assert clip_outliers(pixels)[1] == 0
    pixels[0, 7, 9] = 16
    pixels[0, 80, 9] = np.nan
    clipped, count = clip_outliers(pixels)
    assert count == 1
    assert 1.5 < clipped[0, 7, 9] < 5
    same = np.arange(200) != 7
    np.testing.assert_array_equal(clipped[:, same], pixels[:, same])


def test_values_from_0_to_1_are_never_clipped():
    pixels = np.full((1, 64, 64), 0.01, np.float32)
    pixels[0, 3, 3] = 1
    assert clip_outliers(pixels)[1] == 0


def test_a_range_beyond_the_largest_float_is_refused():
    numbers = (RAMP * 2 - 1) * 1.7e308
    for normalize in ("auto", "minmax"):
        with pytest.raises(BadImage, match="is too large: use --normalize LOW:HIGH"):
            choose(numbers, normalize)
    with pytest.raises(UsageError, match="--normalize must be"):
        choose(numbers, "-1.7e308:1.7e308")


def test_values_beyond_the_range_of_their_scale_are_no_unknown_pixels():
    stack = from_array(np.array([[1.0, 1e30]]))
    with pytest.raises(BadImage, match="1 values are too large for their scale"):
        _ = stack.pages(normalize="0:1e-30")[0]
