"""Fourier ring correlation against sums written out by hand, and what is known of it."""

import numpy as np
import pytest

import dipcli
from dipcli.measure import frc
from dipcli.measure.frc import Frc, FrcHalves, Phase, Resolution, half_bit, resolution
from dipcli.measure.learned import Learned
from dipcli.registry import MEASURES
from tests.test_measure import dft, picture

SIZES = [(24, 24), (16, 22), (23, 15)]


def by_hand(one, other):
    """Ring by ring, with a transform of sums, over all bins of the whole plane."""
    size = one.shape[1:]
    window = np.outer(*(tukey(n) for n in size))
    a, b = (
        np.stack([dft((c - c.astype(np.float64).mean()) * window) for c in image])
        for image in (one, other)
    )
    fy, fx = (np.fft.fftfreq(n) for n in size)
    rings = np.floor(np.hypot(fy[:, None], fx) * max(size) + 0.5).astype(int)
    curve = []
    for ring in range(rings.max() + 1):
        f, g = a[:, rings == ring], b[:, rings == ring]
        common = (f * g.conj()).sum().real
        curve.append(common / np.sqrt((abs(f) ** 2).sum() * (abs(g) ** 2).sum()))
    return np.array(curve)


def tukey(n):
    """A quarter of the side is faded out, half of it at each end, by a cosine."""
    x = np.minimum(np.arange(n), np.arange(n)[::-1]) / (n - 1)
    return np.where(x < 1 / 8, 0.5 - 0.5 * np.cos(8 * np.pi * x), 1.0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_it_equals_the_formula(size, channels):
    one, other = picture(channels, size, 1), picture(channels, size, 2)
    values = Frc(other)(one)["frc"]
    np.testing.assert_allclose(values[1:], by_hand(one, other)[1:], rtol=1e-9, atol=1e-9)


def test_an_image_agrees_with_itself_and_with_its_multiples():
    image = picture(1, (32, 32))
    for other in (image, 0.3 * image + 0.2):
        np.testing.assert_allclose(Frc(image)(other)["frc"][1:], 1, atol=1e-5)
    np.testing.assert_allclose(Frc(image)(1 - image)["frc"][1:], -1, atol=1e-5)


def test_noise_agrees_with_no_other_noise():
    a, b = (np.random.default_rng(k).random((1, 128, 128)).astype(np.float32) for k in (0, 1))
    assert np.abs(Frc(a)(b)["frc"][8:64]).mean() < 0.1


def test_of_a_blurred_noisy_image_the_correlation_of_signal_to_noise():
    """With signal s and noise n of equal power per ring, frc is s / (s + n) = 1 / 2."""
    rng = np.random.default_rng(0)
    signal = rng.normal(0, 1, (1, 256, 256))
    one, other = ((signal + rng.normal(0, 1, signal.shape)).astype(np.float32) for _ in range(2))
    np.testing.assert_allclose(Frc(one)(other)["frc"][20:128].mean(), 0.5, atol=0.02)


def test_volumes_have_shells():
    rng = np.random.default_rng(0)
    a, b = (rng.random((4, 16, 16)).astype(np.float32) for _ in range(2))
    measure = Frc.of_frames(a, planes=4)
    np.testing.assert_allclose(measure(a)["frc"][1:], 1, atol=1e-6)
    window = frc._window((4, 16, 16))
    f, g = (np.fft.fftn((x - x.mean(dtype=np.float64)) * window) for x in (a, b))
    along = np.ix_(*(np.fft.fftfreq(n) for n in (4, 16, 16)))
    shells = np.floor(np.sqrt(sum(x**2 for x in along)) * 16 + 0.5).astype(int)
    at = shells == 3
    by_sums = (f * g.conj())[at].sum().real
    by_sums /= np.sqrt((abs(f[at]) ** 2).sum() * (abs(g[at]) ** 2).sum())
    np.testing.assert_allclose(measure(b)["frc"][3], by_sums, rtol=1e-6)


def test_unknown_pixels_are_left_out():
    image = picture(1, (32, 32))
    holed = image.copy()
    holed[0, 5:9, 5:9] = np.nan
    values = Frc(image)(holed)["frc"]
    assert np.isfinite(values).all()
    assert values[1] > 0.9


def test_halves_of_a_smooth_image_agree_and_those_of_noise_do_not():
    y, x = np.mgrid[:64, :64] / 64
    smooth = (0.5 + 0.4 * np.sin(9 * x) * np.cos(7 * y)).astype(np.float32)[None]
    noise = np.random.default_rng(0).random((1, 64, 64)).astype(np.float32)
    low = slice(1, 4)
    assert FrcHalves(smooth)(smooth)["frc"][low].min() > 0.9
    assert np.abs(FrcHalves(noise)(noise)["frc"][4:16]).mean() < 0.3
    assert FrcHalves(noise).axis["frequency"].max() < 0.36


def test_the_resolution_is_where_the_curve_crosses():
    at = np.arange(5) / 10
    assert resolution(at, np.array([1, 0.9, 0.5, 0.1, 0.0]), 0.3) == pytest.approx(1 / 0.25)
    assert resolution(at, np.array([1, 0.9, 0.9, 0.9, 0.9]), 0.3) == 2
    assert np.isnan(resolution(at, np.array([1, 0.1, 0.9, 0.9, 0.9]), 0.3))
    # van Heel and Schatz: a ring of many pixels needs 0.2071 / 1.2071, and one pixel more than 1
    many = half_bit((4096, 4096))
    assert many[-1000] == pytest.approx(0.1716, abs=0.02)
    assert many[0] == pytest.approx((0.2071 + 1.9102) / (1.2071 + 0.9102))
    blurred = picture(1, (64, 64))
    values = Resolution(blurred)(blurred)
    assert list(values) == ["half_bit", "seventh"]
    assert values["seventh"] == 2


def test_the_phase_of_a_shifted_wave_is_its_shift():
    x = np.arange(32) / 32
    wave, moved = (np.cos(2 * np.pi * 3 * x + p)[None, None] * np.ones((1, 32, 1)) for p in (0, 1))
    rng = np.random.default_rng(0)
    texture = rng.random((1, 32, 32)).astype(np.float32)
    assert Phase(texture)(texture)["phase"].max() < 1e-6
    other = rng.random((1, 32, 32)).astype(np.float32)
    np.testing.assert_allclose(Phase(texture, 1)(other)["phase"], np.pi / 2, atol=0.1)
    rolled = np.roll(texture, 1, axis=2)  # a shift of one pixel turns the phase by 2 pi f
    fy, fx = np.fft.fftfreq(32)[:, None], np.fft.fftfreq(32)
    turn = np.abs(2 * np.pi * fx) + 0 * fy
    turn = np.where(np.isclose(np.abs(fx), 0.5), np.pi, turn).ravel()[1:]
    np.testing.assert_allclose(Phase(texture, 1)(rolled)["phase"], turn.mean(), atol=0.02)
    assert np.abs(wave - moved).max() > 0.5


def test_two_runs_are_compared_by_frequency(here, dip):
    pixels = picture(1, (32, 32))
    dipcli.write("a.npy", dipcli.Image(pixels))
    line = ("fit", "a.npy", "--arch", "dip", "--width", "4", "--depth", "2", "--iterations", "6")
    dip(*line, "--runs", "2", "--save-every", "3", "-o", "t.zarr")
    store = dipcli.open_store("t.zarr")
    rows = dipcli.trajdist(store, frc=True)
    assert rows[0]._fields == ("a", "b", "iteration", "radius", "frequency", "frc")
    frames = [store.run(k).frame(6) for k in (0, 1)]
    last = [row.frc for row in rows if row.iteration == 6]
    np.testing.assert_allclose(last[1:], by_hand(*frames)[1:], atol=1e-6)
    done = dip("trajdist", "t.zarr", "--frc", "--at", "6", "--format", "tsv", "--plot", "f.svg")
    assert len(done.stdout.splitlines()) == 1 + len(last)
    assert (here / "f.svg").stat().st_size > 1000
    assert (
        b"--frc prints no distances" in dip("trajdist", "t.zarr", "--frc", "--ssim", code=2).stderr
    )
    shown = dip("spectrum", "t.zarr", "--measure", "resolution", "--format", "tsv").stdout
    assert shown.splitlines()[0] == b"source\trun\titeration\thalf_bit\tseventh"


@pytest.mark.parametrize("size", SIZES)
def test_the_share_that_is_learned_counts_bins(size):
    one, other = picture(3, size, 1), picture(3, size, 2)
    other[:, :, : size[1] // 2] = one[:, :, : size[1] // 2]  # something agrees
    blend = 0.9 * one + 0.1 * other
    f, g = (np.stack([dft(c) for c in image]) for image in (blend, one))
    share = (abs(f - g) < 0.1 * abs(g)).mean()
    assert 0 < share < 1
    assert Learned(one)(blend)["learned"] == pytest.approx(share, abs=2 / one[0].size)


def test_they_are_measures_like_others():
    assert {"frc", "frc-halves", "resolution", "phase", "learned"} <= set(MEASURES)
