"""Analytic kernels, compared with integrals, sums and layers of torch."""

import itertools

import numpy as np
import pytest
import torch
from scipy.integrate import dblquad
from torch.nn import functional as F

from dipcli.errors import UsageError
from dipcli.gp import analytic
from dipcli.gp.upsampling import Upsampling

UPSAMPLINGS = ("nearest", "bilinear", "gaussian", "gaussian:0.1", "gaussian:1")
FIRST = {
    "nearest": 0,
    "bilinear": -1,
    "gaussian": -2,
}  # where the taps of x[k] begin in y, from 2k on


@pytest.mark.parametrize("rho", [-0.9, -0.3, 0.0, 0.5, 0.95])
def test_rectified_is_the_integral_over_two_gaussians(rho):
    """Integrate relu(u) relu(v) over the quadrant in which neither is 0."""

    def integrand(v, u):
        weight = np.exp(-(u * u - 2 * rho * u * v + v * v) / (2 * (1 - rho**2)))
        return u * v * weight / (2 * np.pi * np.sqrt(1 - rho**2))

    product, _ = dblquad(integrand, 0, 9, 0, 9, epsabs=1e-9)
    # the mean square of relu(u) is 1/2
    assert analytic.rectified(np.array(rho)) / 2 == pytest.approx(product, abs=1e-7)


def test_rectified_has_the_known_values():
    got = analytic.rectified(np.array([-1.0, 0.0, 1.0, 1.0 + 1e-15]))
    np.testing.assert_allclose(got, [0, 1 / np.pi, 1, 1], atol=1e-12)


@pytest.mark.parametrize("sigma", [2.0, 5.0])
def test_smoothed_noise_has_the_autocorrelation_of_its_window(sigma):
    """White noise convolved with a window has the autocorrelation of the window."""
    window = np.exp(-(np.arange(-40, 41) ** 2) / (2 * sigma**2))
    whole = np.correlate(window, window, "full")[80:]
    lags = np.arange(30.0)
    np.testing.assert_allclose(analytic.smoothed(lags, sigma), whole[:30] / whole[0], atol=1e-9)


def test_white_noise_is_uncorrelated_before_the_first_relu():
    assert analytic.covariance(4, 0, 0.0).tolist() == [1, 0, 0, 0]
    # 1/2 and 1/(2 pi): one ReLU; these are the two moments of independent and of equal Gaussians
    np.testing.assert_allclose(analytic.covariance(3, 1, 0.0), [0.5, *[0.5 / np.pi] * 2])


def test_every_layer_halves_the_variance_and_raises_the_floor():
    kernels = [analytic.covariance(100, depth, 3.0) for depth in range(6)]
    assert [k[0] for k in kernels] == [0.5**depth for depth in range(6)]
    floors = [k[-1] / k[0] for k in kernels]
    assert floors == sorted(floors)
    np.testing.assert_allclose(floors[:3], [0, 1 / np.pi, 0.4937], atol=1e-4)


def test_kernels_of_images_and_signals_agree_at_equal_distances():
    far = np.array([[0.0, 5.0], [3.0, np.hypot(3, 4)]])
    image = analytic.correlation(far, 2, 4.0)
    signal = analytic.covariance(6, 2, 4.0) * 4
    np.testing.assert_allclose(image[[0, 0, 1, 1], [0, 1, 0, 1]], signal[[0, 5, 3, 5]])


# -- upsampling ------------------------------------------------------------------------------


def upsampled(name, x):
    """Upsample a signal by torch, with its padding."""
    t = torch.from_numpy(x)[None, None]
    if name in ("nearest", "bilinear"):
        mode = {"nearest": "nearest", "bilinear": "linear"}[name]
        corners = None if name == "nearest" else False
        return F.interpolate(t, scale_factor=2, mode=mode, align_corners=corners)[0, 0].numpy()
    sigma = float(name.partition(":")[2] or 0.5)
    # five taps, stride 2, and padding as published
    taps = torch.tensor([np.exp(-(((i - 3) / 2) ** 2) / (2 * sigma**2)) for i in range(1, 6)])
    taps = (taps / taps.sum())[None, None].double()
    return F.conv_transpose1d(t, taps, stride=2, padding=2, output_padding=1)[0, 0].numpy()


@pytest.mark.parametrize("name", UPSAMPLINGS)
@pytest.mark.parametrize("size", [5, 8])
def test_upsampling_equals_that_of_torch(name, size):
    x = np.random.default_rng(0).standard_normal(size)
    up = Upsampling.parse(name)
    got, whole = up.matrix(size) @ x, upsampled(name, x)
    last = FIRST[name.partition(":")[0]] + len(up.taps) - 1
    np.testing.assert_allclose(got, whole[last : last + len(got)], atol=1e-12)
    assert up.needs(len(got)) >= size
    assert len(up.matrix(up.needs(20))) >= 20


@pytest.mark.parametrize("name", UPSAMPLINGS)
@pytest.mark.parametrize("sigma", [0.0, 1.5])
def test_one_upsampled_layer_equals_explicit_sums(name, sigma):
    """Element by element: upsample, convolve with three independent taps, ReLU, mean over phase."""
    up = Upsampling.parse(name)
    first = FIRST[name.partition(":")[0]]
    taps = {first + i: tap for i, tap in enumerate(up.taps)}

    def after_upsampling(s, t):
        total = 0.0
        for (i, a), (j, b) in itertools.product(taps.items(), taps.items()):
            if (s - i) % 2 == 0 and (t - j) % 2 == 0:
                step = np.array(abs((s - i) // 2 - (t - j) // 2), float)
                total += a * b * float(analytic.smoothed(step, sigma))
        return total

    def after_convolution(s, t):
        return sum(after_upsampling(s + u, t + u) for u in (-1, 0, 1)) / 3

    def after_relu(s, t):
        v, w = after_convolution(s, s), after_convolution(t, t)
        angle = np.arccos(min(1, after_convolution(s, t) / np.sqrt(v * w)))
        return np.sqrt(v * w) / (2 * np.pi) * (np.sin(angle) + (np.pi - angle) * np.cos(angle))

    expected = [np.mean([after_relu(p, p + d) for p in (0, 1)]) for d in range(6)]
    np.testing.assert_allclose(analytic.covariance(6, 1, sigma, up), expected, rtol=1e-9)


def test_more_lags_do_not_change_the_first():
    up = Upsampling.parse("bilinear")
    few, many = (analytic.covariance(n, 3, 1.0, up) for n in (3, 60))
    np.testing.assert_allclose(few, many[:3], rtol=1e-12)


def test_upsampling_widens_a_kernel():
    for name in ("nearest", "bilinear"):
        wide = analytic.covariance(9, 2, 0.0, Upsampling.parse(name))
        assert wide[1] / wide[0] > 0.7 > 0.6 > wide[8] / wide[0]


@pytest.mark.parametrize(
    "text", ["", "near", "nearest:1", "gaussian:", "gaussian:0", "gaussian:nan", "gaussian:x"]
)
def test_invalid_upsampling_is_refused(text):
    with pytest.raises(UsageError, match="--upsample"):
        Upsampling.parse(text)
