"""Products, samples, likelihoods and posteriors, compared with dense matrices."""

import re

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from dipcli.degrade import corrupt
from dipcli.errors import DipError
from dipcli.fitting.settings import Settings
from dipcli.gp import analytic, inference, likelihood, posterior, process
from dipcli.gp.circulant import Circulant, quadrant
from dipcli.gp.process import GaussianProcess
from dipcli.images import read

SIZE = (9, 12)
FAMILIES = {
    "analytic": (process.analytic(2), 1.5),
    "deep": (process.analytic(8), 2.5),
    "rbf": (process.rbf(), 1.2),
}


def dense(family, length, size=SIZE):
    """Compute the correlation of every pair of pixels from the formula."""
    y, x = (axis.ravel() for axis in np.indices(size))
    distance = np.hypot(y[:, None] - y, x[:, None] - x)
    depth = re.search(r"depth (\d+)", family.label)
    if depth is None:  # rbf
        return np.exp(-(distance**2) / (2 * length**2))
    return analytic.correlation(distance, int(depth[1]), length)


def scattered(channels=1, size=SIZE, share=0.4, seed=0):
    """An image with unknown pixels, different ones in each channel."""
    rng = np.random.default_rng(seed)
    pixels = rng.random((channels, *size))
    return np.where(rng.random(pixels.shape) < share, np.nan, pixels)


@pytest.fixture(params=FAMILIES)
def chosen(request):
    family, length = FAMILIES[request.param]
    return GaussianProcess(family, length, variance=0.3, noise=0.1, means=(0.4, 0.6))


# -- the matrix ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [SIZE, (1, 7), (2, 2), (1, 1)])
def test_a_circulant_product_equals_the_dense_one(size):
    family, length = FAMILIES["analytic"]
    matrix = Circulant(family.correlation(quadrant(size), length), size)
    x = np.random.default_rng(0).standard_normal(size)
    expected = (dense(family, length, size) @ x.ravel()).reshape(size)
    np.testing.assert_allclose(matrix.product(x), expected, atol=1e-12)


def test_draws_of_images_have_the_covariance():
    family, length = FAMILIES["analytic"]
    size, count = (3, 4), 20000
    covariance = Circulant(family.correlation(quadrant(size), length), size)
    draws = covariance.draw(np.random.default_rng(0), count).reshape(count, -1)
    expected = dense(family, length, size)
    error = np.sqrt((1 + expected**2) / count)  # of the mean of products of two Gaussians
    assert (np.abs(draws.T @ draws / count - expected) < 5 * error).all()


def test_draws_of_signals_have_the_covariance():
    covariance, count = analytic.covariance(12, 2, 2.0), 20000
    draws = analytic.draw(covariance, count, np.random.default_rng(0))
    expected = covariance[np.abs(np.subtract.outer(range(12), range(12)))]
    error = np.sqrt((covariance[0] ** 2 + expected**2) / count)
    assert (np.abs(draws.T @ draws / count - expected) < 5 * error).all()


def test_a_singular_covariance_can_be_sampled():
    (draw,) = analytic.draw(np.ones(50), 1, np.random.default_rng(0))
    np.testing.assert_allclose(draw, draw[0])


# -- the posterior ---------------------------------------------------------------------------


def by_matrices(pixels, chosen):
    """Mean and standard deviation of all pixels of each channel."""
    whole = chosen.variance * dense(chosen.family, chosen.length)
    for channel, level in zip(pixels, chosen.means, strict=True):
        known = ~np.isnan(channel.ravel())
        cross = whole[:, known]
        inverse = np.linalg.inv(whole[np.ix_(known, known)] + chosen.noise**2 * np.eye(known.sum()))
        mean = level + cross @ inverse @ (channel.ravel()[known] - level)
        variance = np.diag(whole) - np.einsum("ij,jk,ik->i", cross, inverse, cross)
        yield mean.reshape(channel.shape), np.sqrt(variance).reshape(channel.shape)


def test_the_mean_equals_that_of_dense_matrices(chosen):
    pixels = scattered(2)
    expected = np.stack([mean for mean, _ in by_matrices(pixels, chosen)])
    np.testing.assert_allclose(posterior.mean(pixels, chosen, tolerance=1e-10), expected, atol=1e-8)
    # the default tolerance is finer than one of 65535 levels
    np.testing.assert_allclose(posterior.mean(pixels, chosen), expected, atol=1e-5)


def test_the_exact_deviation_equals_that_of_dense_matrices(chosen, monkeypatch):
    monkeypatch.setattr(posterior, "COLUMNS", 7)  # in several blocks
    pixels = scattered(2)
    for channel, (_, expected) in zip(pixels, by_matrices(pixels, chosen), strict=True):
        known = ~np.isnan(channel)
        at = np.arange(channel.size).reshape(SIZE) % 3 > 0
        got = posterior.exact_deviation(known, at, chosen)
        np.testing.assert_allclose(got[at], expected[at], atol=1e-9)
        assert not got[~at].any()


def test_the_sampled_deviation_agrees_with_the_exact_one(chosen):
    pixels = scattered(2)
    ((_, expected), _) = by_matrices(pixels, chosen)
    samples, known = 400, ~np.isnan(pixels[0])
    got = posterior.sampled_deviation(known, chosen, samples, np.random.default_rng(1))
    ratio = got / expected
    assert abs(ratio.mean() - 1) < 0.02
    assert np.abs(ratio - 1).max() < 5 / np.sqrt(2 * samples)


def test_without_noise_the_mean_equals_known_pixels():
    family, length = FAMILIES["analytic"]
    pixels = scattered()
    mean = posterior.mean(pixels, GaussianProcess(family, length, 0.3, 1e-6, (0.5,)))
    known = ~np.isnan(pixels)
    np.testing.assert_allclose(mean[known], pixels[known], atol=1e-4)


def test_a_solver_that_does_not_converge_suggests_more_noise(monkeypatch):
    monkeypatch.setattr(posterior, "MOST_STEPS", 3)
    family, length = FAMILIES["rbf"]
    with pytest.raises(DipError, match="--noise"):
        posterior.mean(scattered(), GaussianProcess(family, length, 0.3, 1e-8, (0.5,)))


# -- the likelihood --------------------------------------------------------------------------


def test_the_likelihood_equals_that_of_scipy(chosen):
    pixels = scattered()
    near = likelihood.Neighbourhoods.from_pixels(pixels)
    assert near.values.shape == (1, np.isfinite(pixels).sum())  # all of so small an image
    fit = near.process(chosen.family, chosen.length, 0.2, None)
    known = np.isfinite(pixels.ravel())
    whole = dense(chosen.family, chosen.length)[np.ix_(known, known)]
    values = pixels.ravel()[known]

    def logpdf(mean, variance):
        covariance = variance * (whole + 0.2 * np.eye(len(values)))
        return multivariate_normal(np.full(len(values), mean), covariance).logpdf(values)

    best = logpdf(fit.means[0], fit.variance)
    assert fit.likelihood == pytest.approx(best / len(values))
    assert fit.noise == pytest.approx(np.sqrt(0.2 * fit.variance))
    # mean and variance are the likeliest
    for mean, variance in ((1.02, 1), (0.98, 1), (1, 1.05), (1, 0.95)):
        assert logpdf(fit.means[0] * mean, fit.variance * variance) < best


def test_a_fixed_noise_is_not_fitted(chosen):
    pixels = scattered()
    fit = likelihood.fit(pixels, chosen.family, 0.07)
    assert fit.noise == pytest.approx(0.07)
    known = np.isfinite(pixels.ravel())
    whole = dense(chosen.family, fit.length)[np.ix_(known, known)]
    covariance = fit.variance * whole + 0.07**2 * np.eye(known.sum())
    normal = multivariate_normal(np.full(known.sum(), fit.means[0]), covariance)
    assert fit.likelihood == pytest.approx(normal.logpdf(pixels.ravel()[known]) / known.sum())


@pytest.mark.parametrize("noise", [None, 0.01])
def test_the_likelihood_recovers_the_kernel_of_a_sample(noise):
    family, size = process.analytic(2), (48, 48)
    true = GaussianProcess(family, 3.0, variance=0.04, noise=0.01, means=(0.5,))
    rng = np.random.default_rng(4)
    pixels = 0.5 + true.covariance(size).draw(rng) + 0.01 * rng.standard_normal((1, *size))
    fit = likelihood.fit(pixels, family, noise)
    assert fit.length == pytest.approx(3, rel=0.1)
    assert fit.noise == pytest.approx(0.01, rel=0.1)
    wrong = [
        likelihood.fit(pixels, other, noise) for other in (process.rbf(), process.analytic(16))
    ]
    assert likelihood.best([*wrong, fit]) is fit


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7, 20])
def test_neighbourhoods_cover_every_channel(channels):
    pixels = scattered(channels, (40, 40)) + np.arange(channels)[:, None, None]
    near = likelihood.Neighbourhoods.from_pixels(pixels)
    assert set(near.channel) == set(range(channels))
    fit = near.process(process.analytic(1), 1e-3, 1.0, None)  # white: the mean is the plain one
    np.testing.assert_allclose(fit.means, np.arange(channels) + 0.5, atol=0.15)


def test_a_channel_without_known_pixels_is_refused():
    pixels = scattered(2)
    pixels[1] = np.nan
    with pytest.raises(DipError, match="too few to infer"):
        likelihood.fit(pixels, process.rbf())


def test_a_flat_image_stays_flat():
    pixels = np.full((1, 6, 6), 0.25)
    pixels[0, 2, 2] = np.nan
    fit = likelihood.fit(pixels, process.analytic(2))
    np.testing.assert_allclose(posterior.mean(pixels, fit), 0.25, atol=1e-5)


# -- empirical kernels -----------------------------------------------------------------------


def test_an_empirical_kernel_that_is_a_covariance_is_kept():
    exact = analytic.correlation(process.steps(quadrant(SIZE)), 1, 2.0)
    got = process.empirical(7 * exact, SIZE).correlation(quadrant(SIZE), 0.0)
    np.testing.assert_allclose(got, exact, atol=2e-3)


def test_an_empirical_kernel_becomes_a_covariance():
    noisy = np.random.default_rng(0).random((5, 6))
    noisy[0, 0] = 1
    family = process.empirical(noisy, SIZE)
    assert Circulant(family.correlation(quadrant(SIZE), 0.0), SIZE).spectrum.min() > -1e-9


# -- quality of restoration ------------------------------------------------------------------


def psnr(a, b):
    return -10 * np.log10(np.mean((a - b) ** 2))


def restored(degradation, *families, noise=None):
    """PSNR of a photograph at 64x64, degraded, and restored with each kernel's best model."""
    shrunk = corrupt(read("builtin:camera"), "downsample:8")
    clean = shrunk.pixels.astype(float)
    pixels = corrupt(shrunk, degradation).pixels.astype(float)
    models = [likelihood.fit(pixels, family, noise) for family in families]
    mean = posterior.mean(pixels, likelihood.best(models)).clip(0, 1)
    if noise is None:
        mean = np.where(np.isnan(pixels), mean, pixels)
    return psnr(mean, clean)


def test_inpainting_beats_an_rbf_kernel():
    ours = restored("mask:0.5", *(process.analytic(depth) for depth in (2, 16)))
    assert ours > restored("mask:0.5", process.rbf()) + 0.3


def test_denoising_gains_four_decibels():
    ours = restored("gaussian:25", process.analytic(2), noise=25 / 255)
    assert ours > 24  # the noisy image has 20.2 dB


def test_an_empirical_kernel_without_a_network_is_that_of_the_paper():
    words = {"stores": [], "preset": None, "size": (8, 8)}
    network = inference.choose_network("empirical", None, **words, architecture={})
    assert network.settings == Settings(arch="dip", depth=2)
    assert network.settings.width == (128,)
    wide = inference.choose_network("empirical", None, **words, architecture={"width": (64,)})
    assert wide.settings == Settings(arch="dip", depth=2, width=(64,))
    fast = inference.choose_network(
        "empirical", None, **{**words, "preset": "fast"}, architecture={}
    )
    assert fast.settings == Settings("fast").shallower((8, 8), fixed=False)
