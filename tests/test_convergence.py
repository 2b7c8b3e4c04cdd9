"""Where trajectories converge, part and converge again: curves with known points."""

import numpy as np
import pytest

from dipcli.measure.convergence import convergence, running_median

AT = np.arange(0, 1000, 10)


def hump(first=200, peak=450, height=20.0):
    """From 100 down to 1 at `first`, up to `height` at `peak`, down towards 0.01."""
    corners = [0, first, peak, 1000]
    return np.exp(np.interp(AT, corners, np.log([100, 1, height, 0.01])))


def near(result, *points):
    """A running median may move a sharp tip by one point."""
    return (
        np.abs(
            np.subtract(points, (result.first_convergence, result.peak, result.second_convergence))
        ).max()
        <= 10
    )


def test_points_of_a_smooth_curve():
    result = convergence(AT, hump())
    assert near(result, 200, 450, 990)
    # a running median cuts the very tips off
    assert result.first_sse == pytest.approx(1, rel=0.3)
    assert result.peak_sse == pytest.approx(20, rel=0.3)
    assert result.peak_ratio == result.peak_sse / result.first_sse


@pytest.mark.parametrize("seed", range(20))
def test_noise_moves_the_points_little(seed):
    noise = np.exp(np.random.default_rng(seed).normal(0, 0.1, len(AT)))
    result = convergence(AT, hump() * noise)
    assert abs(result.first_convergence - 200) <= 30
    assert abs(result.peak - 450) <= 30
    assert result.peak_ratio == pytest.approx(15, rel=0.4)


def test_spike_is_not_a_peak():
    curve = hump()
    curve[5] = 1e6
    curve[30] = 1e6
    result = convergence(AT, curve)
    assert abs(result.peak - 450) <= 10


@pytest.mark.parametrize("seed", range(20))
def test_falling_curve_has_no_convergence(seed):
    falling = np.exp(np.linspace(5, -5, len(AT)))
    assert convergence(AT, falling) is None
    noise = np.exp(np.random.default_rng(seed).normal(0, 0.1, len(AT)))
    assert convergence(AT, falling * noise) is None


def test_curves_without_a_second_convergence_have_none():
    rising = np.linspace(1, 2, 50)
    assert convergence(AT[:50], rising) is None
    assert convergence(AT[:50], np.full(50, 3.0)) is None
    valley = np.abs(np.linspace(-1, 1, 50)) + 0.1  # the runs part for good
    assert convergence(AT[:50], valley) is None
    flat = np.append(valley, np.full(20, valley[-1]))  # the runs part and stay apart
    assert convergence(np.arange(70), flat) is None
    for few in range(4):
        assert convergence(AT[:few], np.array([3.0, 1.0, 2.0])[:few]) is None


def test_similar_untrained_networks_are_not_a_convergence():
    curve = np.exp(np.interp(AT, [0, 100, 300, 600, 1000], np.log([0.1, 50, 1, 30, 0.2])))
    result = convergence(AT, curve)
    assert near(result, 300, 600, 990)


def test_equal_frames_have_distance_0():
    curve = hump()
    curve[80:] = 0
    assert convergence(AT, curve).second_sse == 0
    assert convergence(AT, np.zeros(len(AT))) is None


def test_missing_points_are_ignored():
    curve = hump()
    curve[::7] = np.nan
    assert abs(convergence(AT, curve).peak - 450) <= 20


def test_median_of_a_line_is_the_line():
    line = np.linspace(3, 1, 11)
    np.testing.assert_array_equal(running_median(line), line)
    line[5] = 99
    assert running_median(line).max() == 3
    assert len(running_median(np.zeros(0))) == 0


@pytest.mark.parametrize("seed", range(5))
def test_rough_falling_curves_have_no_convergence(seed):
    """Noise that is alike from point to point, as that of a fit, is not taken for a peak."""
    rng = np.random.default_rng(seed)
    at = np.arange(80)
    rough = np.convolve(rng.normal(0, 0.15, 82), np.ones(3) / np.sqrt(3), "valid")
    assert convergence(5 * at, 100 * np.exp(-at / 15 + rough) + 3 * np.exp(rough)) is None
