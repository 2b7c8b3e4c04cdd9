"""Inputs of networks."""

import math

import numpy as np
import pytest
import torch

from dipcli.errors import UsageError
from dipcli.fitting.loop import Fit
from dipcli.fitting.settings import Settings
from dipcli.nets import inputs
from dipcli.nets.architecture import NetworkSettings


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def test_noise_has_the_distribution_of_the_settings():
    uniform = inputs.make(NetworkSettings(), 3, (64, 64), draw())
    assert uniform.shape == (1, 32, 64, 64)
    assert 0 <= uniform.min() < 0.001
    assert 0.099 < uniform.max() <= 0.1
    normal = inputs.make(
        NetworkSettings(input_distribution="normal", input_channels=0), 2, (64, 64), draw()
    )
    assert normal.shape == (1, 2, 64, 64)
    assert abs(normal.mean()) < 0.05
    assert abs(normal.std() - 1) < 0.05
    assert torch.equal(uniform, inputs.make(NetworkSettings(), 3, (64, 64), draw()))


def test_a_meshgrid_goes_from_0_to_1():
    grid = inputs.make(NetworkSettings(input="meshgrid"), 3, (3, 5), draw())
    assert grid.shape == (1, 2, 3, 5)
    assert grid[0, 0, :, 2].tolist() == [0, 0.5, 1]
    assert grid[0, 1, 1].tolist() == [0, 0.25, 0.5, 0.75, 1]


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({"arch": "dip"}, (1, 32, 64, 96)),
        ({"arch": "decoder"}, (1, 32, 2, 3)),
        ({"arch": "decoder", "input": "meshgrid"}, (1, 2, 2, 3)),
        ({"arch": "deep-decoder"}, (1, 128, 2, 3)),
        ({"arch": "deep-decoder", "input_channels": 7}, (1, 7, 2, 3)),
        ({"arch": "conv-decoder", "width": (8, 9), "depth": 2}, (1, 9, 16, 24)),
        ({"arch": "generator"}, (1, 0, 16, 24)),
        ({"arch": "relunet", "input": "fourier"}, (1, 2, 64, 96)),
        ({"arch": "linear", "input": "fourier"}, (1, 3, 64, 96)),
    ],
)
def test_inputs_have_the_size_and_channels_of_the_architecture(options, shape):
    assert inputs.make(Settings(**options), 3, (64, 96), draw()).shape == shape


def test_fourier_inputs_are_sines_and_cosines_of_uniform_phases():
    z = inputs.make(NetworkSettings(input="fourier"), 3, (40, 50), draw())
    sine, cosine = z.chunk(2, 1)
    torch.testing.assert_close(sine**2 + cosine**2, torch.ones_like(sine))
    turns = torch.atan2(sine, cosine).flatten() / (2 * math.pi) % 1  # from U(0, 1)
    expected = torch.arange(len(turns)) / len(turns)
    assert (turns.sort().values - expected).abs().max() < 0.02
    odd = inputs.make(NetworkSettings(input="fourier", input_channels=5), 3, (4, 5), draw())
    assert odd.shape == (1, 5, 4, 5)


@pytest.mark.parametrize("sigma", [0.5, 3.0])
def test_input_sigma_blurs_noise_with_a_reflected_border(sigma):
    sharp = inputs.make(NetworkSettings(), 3, (20, 9), draw())
    z = inputs.make(NetworkSettings(input_sigma=sigma), 3, (20, 9), draw())
    assert z.dtype == torch.float32
    index = torch.arange(-40, 41)
    kernel = torch.exp(-(index**2) / (2 * sigma**2)).double()
    kernel = torch.where(index.abs() <= int(4 * sigma + 0.5), kernel, 0)
    matrices = []
    for n in (20, 9):  # as a matrix, with pixels beyond the border reflected
        of = (torch.arange(n)[:, None] + index) % (2 * n - 2)
        of = torch.minimum(of, 2 * n - 2 - of)
        matrix = torch.zeros(n, n, dtype=torch.float64)
        matrices.append(matrix.scatter_add_(1, of, (kernel / kernel.sum()).expand(n, -1)))
    expected = matrices[0] @ sharp.double() @ matrices[1].T
    torch.testing.assert_close(z.double(), expected, rtol=0, atol=1e-6)


def test_the_variance_of_blurred_noise_is_not_restored():
    arch = NetworkSettings(input_sigma=2.0, input_distribution="normal")
    inner = inputs.make(arch, 3, (80, 80), draw())[..., 8:-8, 8:-8]
    assert inner.var().item() == pytest.approx(1 / (16 * math.pi), rel=0.1)  # 1 / (4 pi sigma^2)


def target():
    image = np.random.default_rng(0).random((3, 5, 7), dtype=np.float32)
    image[0, 1, 2] = image[1, :2] = np.nan
    image[2] = np.nan
    return image


def test_an_image_input_has_channel_means_at_unknown_pixels():
    image = target()
    arch = NetworkSettings(input="image", depth=2, width=(8,), input_noise=0.0)
    assert arch.entering(3) == 3
    z = inputs.make(arch, 3, (8, 8), draw(), image)[0].numpy()
    known = ~np.isnan(image)
    np.testing.assert_array_equal(z[:, :5, :7][known], image[known])
    assert z[0, 1, 2] == pytest.approx(np.nanmean(image[0]))
    assert z[1, 0, 3] == pytest.approx(np.nanmean(image[1]))
    np.testing.assert_allclose(z[2], np.nanmean(image), rtol=1e-6)
    np.testing.assert_array_equal(z[:, 5:], z[:, 3:0:-1])  # reflected
    np.testing.assert_array_equal(z[:, :, 7], z[:, :, 5])
    with pytest.raises(UsageError, match="--input image needs an image"):
        inputs.make(arch, 3, (8, 8), draw())


def test_decoders_average_an_image_input():
    image = np.random.default_rng(0).random((2, 16, 24), dtype=np.float32)
    arch = NetworkSettings(arch="decoder", input="image", depth=3)
    z = inputs.make(arch, 2, (16, 24), draw(), image)[0].numpy()
    np.testing.assert_allclose(z, image.reshape(2, 2, 8, 3, 8).mean((2, 4)), rtol=1e-5)


@pytest.mark.parametrize("arch", ["dip", "linear", "decoder", "deep-decoder", "conv-decoder"])
@pytest.mark.parametrize("kind", ["image", "fourier", "meshgrid", "noise"])
def test_every_network_fits_with_every_input(arch, kind):
    words = {"arch": arch, "width": (8,), "depth": 2, "input": kind, "iterations": 1}
    fit = Fit(target(), Settings(**words), 0)
    assert all(np.isfinite(frame.image).all() for frame in fit.frames())


def test_input_sigma_is_refused_without_noise():
    for kind in ("fourier", "meshgrid", "image"):
        with pytest.raises(UsageError, match=f"use it with --input noise, not {kind}"):
            Settings("ulyanov", input=kind, input_sigma=1.0)
