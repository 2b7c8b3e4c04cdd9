"""Upsampling methods, against a plain convolution of zeros between the pixels, and torch."""

import math

import numpy as np
import pytest
import torch
from scipy.signal import freqz
from scipy.signal.windows import kaiser
from torch import nn
from torch.nn import functional as F

from dipcli.errors import UsageError
from dipcli.nets.architecture import NetworkSettings
from dipcli.nets.layers import Upsampling
from dipcli.nets.upsamplers import UPSAMPLERS, Gaussian, Kaiser, Lpf, Nearest

LPF = [f"lpf:{k}" for k in range(1, 7)]
FIXED = ["gaussian:0.5", "gaussian:0.1", "kaiser:3,0.1", "kaiser:4,2", "kaiser:1,0", *LPF]


def image(*size, channels=2, seed=0):
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn((1, channels, *size), generator=draw, dtype=torch.float64)
    return x.contiguous(memory_format=torch.channels_last)


def layer(kind, channels=2, stride=2, level=0, depth=1):
    words = NetworkSettings(upsample=(kind,), stride=(stride,), depth=depth)
    torch.manual_seed(0)
    return Upsampling(words, channels, level).double()


def spaced(x):
    z = torch.zeros(1, x.shape[1], 2 * x.shape[2], 2 * x.shape[3], dtype=x.dtype)
    z[:, :, ::2, ::2] = x
    return z


def reflected(x, before, after):
    """Reflection as in torch, but for any border: back and forth."""
    for axis in (2, 3):
        n = x.shape[axis]
        i = torch.arange(-before, n + after) % (2 * n - 2)
        x = x.index_select(axis, torch.minimum(i, 2 * n - 2 - i))
    return x


@pytest.mark.parametrize("size", [(1, 1), (1, 4), (5, 3), (16, 9)])
@pytest.mark.parametrize("kind", [*LPF, "kaiser:3,0.1", "kaiser:8,2.5"])
def test_filters_equal_a_convolution_of_zeros_between_the_pixels(kind, size):
    kernel = torch.tensor(UPSAMPLERS.parse(kind).taps(), dtype=torch.float64)
    count, middle = len(kernel), (len(kernel) - 1) // 2
    x = image(*size)
    around = reflected(spaced(x), count - 1 - middle, middle)
    both = kernel.flip(0)[:, None] * kernel.flip(0)
    expected = F.conv2d(around, both.expand(2, 1, count, count), groups=2)
    torch.testing.assert_close(layer(kind)(x), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.1, 0.5, 2.0])
def test_gaussian_equals_the_published_layer(sigma):
    kernel = torch.zeros(5, 5, dtype=torch.float64)
    for i in range(1, 6):
        for j in range(1, 6):
            y, x = (i - 3) / 2, (j - 3) / 2
            kernel[i - 1, j - 1] = math.exp(-(y * y + x * x) / (2 * sigma * sigma))
    published = nn.ConvTranspose2d(2, 2, 5, 2, 2, output_padding=1, groups=2, bias=False)
    with torch.no_grad():
        published.weight[:] = kernel / kernel.sum()
        x = image(6, 5)
        expected = published.double()(x)
    torch.testing.assert_close(layer(f"gaussian:{sigma}")(x), expected, rtol=0, atol=1e-6)


def test_filters_keep_the_mean_and_gaussian_a_quarter_of_it():
    x = torch.ones(1, 1, 20, 20, dtype=torch.float64)
    for kind in FIXED:
        inner = layer(kind, 1)(x)[..., 8:-8, 8:-8]
        wanted = 1 / 4 if kind.startswith("gaussian") else 1
        assert inner.mean().item() == pytest.approx(wanted, abs=5e-4), kind
    for kind in ("lpf:1", "lpf:2", "lpf:6"):  # without ripples, up to the border
        torch.testing.assert_close(layer(kind, 1)(x), x.repeat(1, 1, 2, 2), rtol=0, atol=1e-4)


def test_lpf_1_copies_and_lpf_2_interpolates():
    x = image(4, 6)
    torch.testing.assert_close(layer("lpf:1")(x), F.interpolate(x, scale_factor=2))
    larger = layer("lpf:2")(x)
    torch.testing.assert_close(larger[..., ::2, ::2], x)
    torch.testing.assert_close(larger[..., 1:-1:2, ::2], (x[:, :, 1:] + x[:, :, :-1]) / 2)


@pytest.mark.parametrize(("k", "decibels"), [(3, -20), (4, -39), (5, -50), (6, -90)])
def test_lpf_attenuates_the_side_lobes_as_published(k, decibels):
    """Published for 3, 5 and 6 are about 20, 60 and 100 dB."""
    _, response = freqz(Lpf(k).taps(), worN=2048)
    response = abs(response) / 2  # of the gain
    assert response[0] == pytest.approx(1, abs=3e-4)
    down = response[np.argmax(response < 0.1) :]
    lobes = down[np.argmax(np.diff(down) > 0) :]
    assert decibels - 5 < 20 * np.log10(lobes.max()) < decibels


def test_kaiser_windows_equal_scipy():
    grid = layer("kaiser:3,0.1", 1)(torch.ones(1, 1, 4, 4, dtype=torch.float64))
    assert grid[0, 0, 1:3, 1:3].flatten().tolist() == pytest.approx(
        [16 / 9, 8 / 9, 8 / 9, 4 / 9], abs=0.01
    )
    for count, beta in ((3, 0.1), (7, 4.0), (1, 1.0)):
        window = kaiser(count, beta)
        assert Kaiser(count, beta).taps() == pytest.approx(2 * window / window.sum())


@pytest.mark.parametrize("stride", [2, 3, 4, 5])
def test_deconv_equals_a_transposed_convolution(stride):
    ours = layer("deconv", 3, stride)
    side = 2 * stride - stride % 2
    plain = nn.ConvTranspose2d(3, 3, side, stride, padding=stride // 2).double()
    with torch.no_grad():
        plain.weight.copy_(ours.deconv.weight.permute(0, 3, 1, 2))
        plain.bias.copy_(ours.deconv.bias)
    x = image(4, 5, channels=3)
    assert ours(x).shape == (1, 3, 4 * stride, 5 * stride)
    torch.testing.assert_close(ours(x), plain(x))
    assert plain.weight.abs().max() < 1 / math.sqrt(3 * side**2)  # it is drawn as torch draws it


@pytest.mark.parametrize("kind", ["nearest", "bilinear"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_interpolations_equal_torch_at_any_size(kind, stride):
    x = image(3, 4)
    up = layer(kind, stride=stride)
    expected = F.interpolate(x, scale_factor=stride, mode=kind)
    torch.testing.assert_close(up(x), expected)
    torch.testing.assert_close(up(x, (7, 5)), F.interpolate(x, (7, 5), mode=kind))


@pytest.mark.parametrize("kind", ["deconv", "gaussian", "lpf:6", "kaiser:3,0.1"])
def test_stride_1_does_not_upsample(kind):
    x = image(3, 4)
    up = layer(kind, stride=1)
    assert torch.equal(up(x), x)
    assert not list(up.parameters())


@pytest.mark.parametrize("kind", FIXED)
def test_filters_are_exact_in_bfloat16_and_have_no_parameters(kind):
    up = layer(kind).float()
    assert not list(up.parameters())
    assert not up.state_dict()
    x = image(5, 6).to(torch.bfloat16)
    low = up(x)
    assert low.dtype == torch.bfloat16
    torch.testing.assert_close(low, up(x.float()).to(torch.bfloat16), rtol=0, atol=0)


# settings


def test_gaussian_without_sigma_has_the_published_ones():
    words = NetworkSettings(upsample=("gaussian",))
    sigmas = [words.upsampling(level).sigma for level in range(5)]
    assert sigmas[::-1] == [0.1, 0.1, 0.1, 0.5, 0.5]  # coarse to fine
    mixed = NetworkSettings(upsample=("gaussian:2", "nearest", "kaiser:3,0.1"), depth=3)
    assert [mixed.upsampling(level) for level in range(3)] == [
        Gaussian(2.0),
        Nearest(),
        Kaiser(3, 0.1),
    ]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("cubic", "--upsample no upsampling method is called 'cubic'"),
        ("lpf", "--upsample 'lpf': it needs a value; usage: lpf:K"),
        ("lpf:7", "k must be at least 1 and at most 6, not 7"),
        ("lpf:1.5", "k must be a whole number, not '1.5'"),
        ("lpf:x", "k must be a whole number, not 'x'"),
        ("nearest:1", "it takes no value, not ':1'"),
        ("gaussian:0", "sigma must be at least 0.001"),
        ("gaussian:inf", "sigma must be at least 0.001"),
        ("gaussian:1,2", "it needs a value"),
        ("kaiser:3", "it needs 2 values"),
        ("kaiser:0,1", "at least 1 and at most 64"),
        ("kaiser:3,-1", "beta must be at least 0"),
    ],
)
def test_invalid_methods_are_refused(kind, message):
    with pytest.raises(UsageError, match=message):
        NetworkSettings(upsample=(kind,))


@pytest.mark.parametrize("kind", ["gaussian", "lpf:2", "kaiser:3,0.1"])
def test_filters_need_stride_2(kind):
    with pytest.raises(UsageError, match="needs --stride 2, not 4"):
        NetworkSettings(upsample=(kind,), stride=(4,))
    NetworkSettings(upsample=(kind, "nearest"), stride=(2, 4), depth=2)
    NetworkSettings(arch="relunet", upsample=(kind,), stride=(4,))
