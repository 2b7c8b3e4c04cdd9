"""Sampled networks: statistics compared with brute force, kernels with the formulas."""

import numpy as np
import pytest
import torch

from dipcli.fitting.loop import Fit
from dipcli.fitting.settings import Settings
from dipcli.gp import analytic, sampling, statistics
from dipcli.gp.kernels import OUTPUTS, Network
from dipcli.gp.rows import Ensemble, sampled_rows, stationarity_rows
from dipcli.gp.rows import verdicts as verdict_texts
from dipcli.gp.upsampling import Upsampling
from dipcli.registry import ARCHITECTURES


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# -- statistics ------------------------------------------------------------------------------


def field(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("axis", [-1, -2])
def test_autocovariance_equals_brute_force(axis):
    x = field(3, 5, 7)
    along = np.moveaxis(x, axis, -1)
    size = along.shape[-1]
    expected = [(along[..., : size - d] * along[..., d:]).mean() for d in range(size)]
    np.testing.assert_allclose(statistics.autocovariance(x, size, axis), expected, atol=1e-6)


def test_products_by_step_equal_brute_force():
    images = [field(2, 6, 9), field(2, 6, 9) ** 2]
    got = statistics.by_step(images)
    assert got.shape == (4, 5)
    for y, x in np.ndindex(got.shape):
        down = [i[:, : 6 - y, : 9 - x] * i[:, y:, x:] for i in images]
        up = [i[:, y:, : 9 - x] * i[:, : 6 - y, x:] for i in images]
        assert got[y, x] == pytest.approx(np.mean([down, up]), abs=1e-6)


def test_products_by_position_equal_brute_force():
    x = field(3, 5, 8)
    expected = [(x[:, p] * x[:, p + 2]).mean() for p in range(3)]
    np.testing.assert_allclose(statistics.products(x, 2, -2), expected, rtol=1e-5)
    folded = [
        np.mean([(x[..., p + k] * x[..., p + k + 1]).mean() for k in (0, 3)]) for p in range(3)
    ]
    np.testing.assert_allclose(statistics.products(x, 1, -1, 3), folded, rtol=1e-5)


def test_the_error_of_a_ratio_equals_the_jackknife():
    rng = np.random.default_rng(0)
    under = 2 + 0.2 * rng.standard_normal(200)
    over = 0.7 * under + 0.1 * rng.standard_normal((3, 200))
    got = statistics.ratio(over, under)
    leaving_out = [
        np.delete(over, i, axis=1).mean(axis=1) / np.delete(under, i).mean() for i in range(200)
    ]
    jackknife = np.sqrt(199 * np.var(leaving_out, axis=0))
    np.testing.assert_allclose(got.error, jackknife, rtol=0.02)
    np.testing.assert_allclose(got.value, 0.7, atol=0.02)


def test_one_network_has_no_standard_error():
    assert np.isnan(statistics.mean(np.ones((4, 1))).error).all()


# -- networks of signals ---------------------------------------------------------------------

QUICK = {"size": 512, "samples": 24, "width": 256}


def agrees(rows, depth, sigma, upsampling=None):
    """Check rows within three standard errors or 2 %, whichever is larger."""
    lags = len(rows)
    covariance = analytic.covariance(lags, depth, sigma, upsampling)
    for name, expected in (("covariance", covariance), ("cosine", covariance / covariance[0])):
        value, error = (
            np.array([getattr(row, key) for row in rows]) for key in (name, f"{name}_se")
        )
        assert (np.abs(value - expected) <= np.maximum(3 * error, 0.02 * expected)).all()
        assert (error < 0.06 * expected).all()  # so that the comparison can fail


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_the_empirical_kernel_agrees_with_the_analytic_one(depth):
    ensemble = Ensemble("empirical", depth, 2.0, sampling.signals(depth, 2.0, **QUICK))
    rows = list(sampled_rows(ensemble, 24))
    assert [row.lag for row in rows] == list(range(24))
    agrees(rows, depth, 2.0)


@pytest.mark.parametrize(
    ("name", "depth", "sigma"),
    [("nearest", 2, 0.0), ("bilinear", 2, 0.0), ("gaussian", 1, 0.5), ("gaussian:0.1", 2, 1.0)],
)
def test_the_empirical_kernel_agrees_with_upsampling(name, depth, sigma):
    up = Upsampling.parse(name)
    drawn = sampling.signals(depth, sigma, **QUICK, upsampling=up)
    agrees(list(sampled_rows(Ensemble("empirical", depth, sigma, drawn), 12)), depth, sigma, up)


def test_signals_have_their_size_and_are_reproducible():
    up = Upsampling.parse("bilinear")
    for upsampling in (None, up):
        one, two = (
            next(
                sampling.signals(3, 1.0, samples=1, width=8, size=50, seed=s, upsampling=upsampling)
            )
            for s in (4, 4)
        )
        assert one.shape == (sampling.OUTPUTS, 50)
        np.testing.assert_array_equal(one, two)
    _, later = sampling.signals(3, 1.0, samples=2, width=8, size=50, seed=3, upsampling=up)
    np.testing.assert_array_equal(later, two)  # sample k is that of seed + k


# -- networks of images ----------------------------------------------------------------------

TINY = Settings("ulyanov", width=(8,), depth=2, iterations=0, threads="1")


@pytest.mark.parametrize(
    ("arch", "given"),
    [
        *((name, {}) for name in ARCHITECTURES),
        ("dip", {"input": "image"}),
        ("dip", {"input": "fourier"}),
        ("dip", {"dropout": (0.3, 0.1)}),
    ],
)
def test_a_sample_is_frame_0_of_a_fit(arch, given):
    plain = {"width": (8,), "iterations": 0, "threads": "1", "precision": "float32"}
    given = {"arch": arch, **plain, **given}
    settings = Settings(**(given if arch == "generator" else {**given, "depth": 2}))
    target = field(3, 20, 13)
    drawn = sampling.images(settings, (20, 13), samples=2, channels=3, seed=5, target=target)
    mean = 0 if arch == "generator" else 0.5
    for seed, sample in zip((5, 6), drawn, strict=True):
        frame = next(iter(Fit(target, settings, seed).frames()))
        np.testing.assert_allclose(sample + mean, frame.image, atol=1e-5)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_the_expected_pixel_is_zero(arch):
    """The means of single networks scatter around that of many."""
    settings = Settings(arch=arch, width=(8,))
    drawn = np.stack(list(sampling.images(settings, (16, 16), samples=60, channels=8)))
    means = drawn.mean(axis=(1, 2, 3))
    assert abs(means.mean()) < 4 * means.std() / np.sqrt(60) + 1e-6  # some are 0 but for rounding


def test_more_outputs_keep_the_input():
    settings = Settings("ulyanov", width=(8,), depth=1, input_channels=0)
    (many,) = Network("net", settings, (8, 8), channels=3).sample(1, seed=0).samples
    same = Settings("ulyanov", width=(8,), depth=1, input_channels=3)
    (expected,) = sampling.images(same, (8, 8), samples=1, channels=OUTPUTS)
    np.testing.assert_array_equal(many, expected)
    assert many.shape == (OUTPUTS, 8, 8)


def test_sampled_rows_measure_both_axes():
    drawn = list(sampling.images(TINY, (9, 12), samples=3, channels=2))
    rows = list(sampled_rows(Ensemble("net", 2, None, drawn), 100))
    assert [row.lag for row in rows if row.axis == "y"] == list(range(9))
    along_x = [row for row in rows if row.axis == "x"]
    expected = np.mean([(d[:, :, :-11] * d[:, :, 11:]).mean() for d in drawn])
    assert along_x[-1].lag == 11
    assert along_x[-1].covariance == pytest.approx(expected, abs=1e-6)
    assert {row.depth for row in rows} == {2}
    assert {row.sigma for row in rows} == {None}


# -- stationarity ----------------------------------------------------------------------------


def verdicts(ensemble, samples, length=16):
    rows = list(stationarity_rows(ensemble, length))
    return rows, list(verdict_texts(rows, samples))


def test_networks_without_padding_are_stationary():
    drawn = sampling.signals(2, 1.0, samples=30, width=32, size=512)
    rows, texts = verdicts(Ensemble("empirical", 2, 1.0, drawn), 30)
    assert len(texts) == 1
    assert "not rejected" in texts[0]
    scores = [abs(row.deviation) / row.deviation_se for row in rows]
    assert 0.5 < np.sqrt(np.mean(np.square(scores))) < 1.5  # the errors are neither small nor large


def test_upsampling_is_not_stationary():
    up = Upsampling.parse("nearest")
    drawn = sampling.signals(1, 0.0, samples=30, width=32, size=512, upsampling=up)
    rows, texts = verdicts(Ensemble("empirical", 1, 0.0, drawn, period=2), 30, length=7)
    assert "is rejected" in texts[0]
    assert max(row.position for row in rows) == 7  # 8 positions: whole periods
    # by the formula's layers: after (a + a + b)/3 and (a + b + b)/3, one step apart
    next_to = np.array([row.deviation for row in rows if row.lag == 1])
    error = np.array([row.deviation_se for row in rows if row.lag == 1])
    assert (np.abs(next_to[0::2].mean() - next_to[1::2].mean()) > 5 * error).all()


def test_zero_padding_is_not_stationary_at_borders():
    settings = Settings(width=(8,), depth=1, pad="zero", input_distribution="normal")
    drawn = sampling.images(settings, (16, 16), samples=30, channels=16)
    rows, texts = verdicts(Ensemble("net", 1, None, drawn), 30)
    assert len(texts) == 2
    assert all("is rejected" in text for text in texts)
    border = [r for r in rows if r.lag == 0 and r.position in (0, 15)]
    assert all(row.deviation < -3 * row.deviation_se for row in border)


def test_false_alarms_are_as_rare_as_their_p_value():
    """White noise is rejected at p < 0.01 in at most one of a hundred cases."""
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(200):
        drawn = [rng.standard_normal((4, 64)).astype(np.float32) for _ in range(20)]
        _, (texts,) = verdicts(Ensemble("noise", 0, 0.0, drawn), 20)
        alarms += "not rejected" not in texts
    assert alarms <= 8
