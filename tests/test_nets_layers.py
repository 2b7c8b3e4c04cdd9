"""Hand-written layers, each against the layers of torch that it replaces."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import dipcli
from benchmarks import micrographs
from dipcli import Image, Settings, corrupt
from dipcli.images import Scale
from dipcli.nets import layers, norms, padding
from dipcli.nets.activations import ACTIVATIONS
from dipcli.nets.dropout import Dropout, draw_from
from dipcli.nets.imaging import steep_sigmoid
from dipcli.nets.padding import pad, windows
from dipcli.nets.upconv import upconv

SIZES = [(1, 1), (1, 3), (2, 2), (4, 5)]


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def numbers(*shape):
    """Random numbers in double precision that require a gradient; images are channels_last."""
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    if len(shape) == 4:
        x = x.contiguous(memory_format=torch.channels_last)
    return x.requires_grad_()


def padded(x, border, how):
    """Padding by an index: reflected back and forth about the last pixels, or these repeated."""
    if how == "zero":
        return F.pad(x, [border] * 4)
    for axis in (2, 3):
        n = x.shape[axis]
        i = torch.arange(-border, n + border)
        if how == "repeat":
            i = i.clamp(0, n - 1)
        else:
            i = i % max(2 * n - 2, 1)
            i = torch.minimum(i, max(2 * n - 2, 1) - i)
        x = x.index_select(axis, i)
    return x


def check(function, plain, *tensors):
    """The same values as the plain function, and the gradient of finite differences."""
    torch.testing.assert_close(function(*tensors), plain(*tensors), rtol=0, atol=1e-12)
    assert torch.autograd.gradcheck(function, tensors)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("how", ["zero", "reflect", "repeat"])
@pytest.mark.parametrize("border", [1, 3])
def test_pad_equals_indexing(size, how, border):
    check(lambda x: pad(x, border, how), lambda x: padded(x, border, how), numbers(1, 2, *size))


@pytest.mark.parametrize("size", [(1, 3), (4, 5)])
@pytest.mark.parametrize("border", [1, 4])
def test_spaced_padding_reflects_an_image_with_zeros_between_its_pixels(size, border):
    def plain(x):
        spaced = torch.zeros(1, 2, 2 * size[0], 2 * size[1], dtype=x.dtype)
        spaced[:, :, ::2, ::2] = x
        around = padded(spaced, 2 * border, "reflect")
        assert not around[:, :, 1::2].any()
        return around[:, :, ::2, ::2]

    check(lambda x: pad(x, border, "spaced"), plain, numbers(1, 2, *size))


@pytest.mark.parametrize(("n", "border"), [(4, 1), (4, 3)])
def test_reflection_equals_torch(n, border):
    x = numbers(1, 2, n, n + 1)
    torch.testing.assert_close(pad(x, border, "reflect"), F.pad(x, [border] * 4, "reflect"))


@pytest.mark.parametrize("how", ["reflect", "repeat", "spaced"])
@pytest.mark.parametrize("border", [1, 2, 5])
@pytest.mark.parametrize("size", [(7, 6), (2, 3), (1, 4)])
def test_the_gradient_of_padding_on_a_gpu_equals_that_on_the_cpu(size, border, how):
    """A GPU goes along rows first; the CPU can do so as well."""
    x = torch.rand(1, 3, *size).contiguous(memory_format=torch.channels_last).requires_grad_()
    padded = pad(x, border, how)
    g = torch.rand_like(padded)
    (expected,) = torch.autograd.grad(padded, x, g)
    given = g.clone()
    torch.testing.assert_close(padding._folded(g, border, how, (2, 3)), expected)
    assert torch.equal(g, given)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("size", "larger"), [((8, 8), (16, 16)), ((5, 7), (13, 15)), ((3, 1), (48, 2))]
)
def test_products_that_interpolate_equal_interpolation(size, larger, dtype):
    x = torch.rand(1, 6, *size, dtype=dtype).contiguous(memory_format=torch.channels_last)
    x.requires_grad_()
    ours = layers.interpolated(x, larger)
    torchs = F.interpolate(x, larger, mode="bilinear", align_corners=False)
    assert ours.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(ours, torchs, atol=1e-6, rtol=1e-5)
    g = torch.rand_like(torchs)
    for one, other in zip(
        torch.autograd.grad(ours, x, g), torch.autograd.grad(torchs, x, g), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("side", "stride"), [(3, 1), (3, 2), (5, 4), (1, 2)])
def test_windows_equal_unfold(side, stride):
    def plain(x):
        views = x.unfold(2, side, stride).unfold(3, side, stride)  # (1, c, y, x, side, side)
        return views.permute(0, 2, 3, 4, 5, 1).flatten(3)

    check(lambda x: windows(x, side, stride), plain, numbers(1, 2, 8, 9))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("how", ["zero", "reflect"])
@pytest.mark.parametrize("many", [1, 128])
def test_upconv_equals_upsampling_and_convolution(size, mode, how, many, monkeypatch):
    """Both for many channels (nine products) and for few (one convolution)."""
    monkeypatch.setattr("dipcli.nets.upconv.MANY", many)

    def plain(x, weight):
        x = F.interpolate(x, scale_factor=2, mode=mode)
        return F.conv2d(padded(x, 1, how), weight.permute(0, 3, 1, 2))

    weight = numbers(2, 3, 3, 3).detach().contiguous().requires_grad_()
    check(lambda x, w: upconv(x, w, mode, how), plain, numbers(1, 3, *size), weight)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_mean_only_equals_its_definition_before_and_after_upsampling(size, mode):
    norm = norms.MeanOnly(2).double()
    shift = torch.tensor([0.5, -2], dtype=torch.float64, requires_grad=True)

    def function(x, shift):
        return torch.func.functional_call(norm, {"bias": shift}, (x,))

    def plain(x, shift):  # as published
        return x - x.view(1, 2, -1).mean(2).view(1, 2, 1, 1) + shift.view(1, 2, 1, 1)

    x = numbers(1, 2, *size)
    check(function, plain, x, shift)
    before = F.interpolate(norm.before_bilinear(x), scale_factor=2, mode=mode)
    after = norm(F.interpolate(x, scale_factor=2, mode=mode))
    torch.testing.assert_close(before, after, rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_before_bilinear_equals_normalising_after_upsampling(size):
    norm = norms.BatchNorm(3).double()
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([0.5, -2, 1]))
        norm.bias.copy_(torch.tensor([1.0, 0, -3]))
    x = numbers(1, 3, *size)
    before = F.interpolate(norm.before_bilinear(x), scale_factor=2, mode="bilinear")
    after = norm(F.interpolate(x, scale_factor=2, mode="bilinear"))
    torch.testing.assert_close(before, after, rtol=0, atol=1e-9)

    def function(x, scale, shift):
        return torch.func.functional_call(Before(norm), {"n.weight": scale, "n.bias": shift}, (x,))

    assert torch.autograd.gradcheck(function, (x, norm.weight, norm.bias))


class Before(torch.nn.Module):
    def __init__(self, n):
        super().__init__()
        self.n = n

    def forward(self, x):
        return self.n.before_bilinear(x)


@pytest.mark.parametrize("how", ["zero", "reflect"])
@pytest.mark.parametrize("channels", [3, layers.FEW + 1])
@pytest.mark.parametrize("size", [(3, 4), (20, 18)])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (3, 2), (5, 1), (1, 2)])
def test_a_convolution_is_the_same_whichever_way_it_is_done(how, channels, size, kernel, stride):
    x = numbers(1, channels, *size)
    weight = numbers(2, kernel, kernel, channels).detach()
    expected = F.conv2d(padded(x, kernel // 2, how), weight.permute(0, 3, 1, 2), None, stride)
    torch.testing.assert_close(layers.convolve(x, weight, stride, how), expected)


@pytest.mark.parametrize(
    ("word", "slope"), [("leaky-relu", 0.2), ("leaky-relu:0.01", 0.01), ("relu", 0)]
)
def test_activations_have_the_slope_of_the_settings(word, slope):
    x = torch.tensor([-3.0, 0, 2])
    assert torch.equal(ACTIVATIONS.parse(word)(x.clone()), F.leaky_relu(x, slope))


@pytest.mark.parametrize("chance", [0.0, 0.01, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_drops_the_fraction_independently_and_keeps_the_mean(chance, dtype):
    x = torch.ones(1, 7, 61, 53, dtype=dtype).contiguous(memory_format=torch.channels_last)
    net = Dropout(chance)
    assert net(x) is x  # without a generator nothing is dropped
    draw_from(nn.Sequential(net), torch.Generator().manual_seed(0))
    y, z = net(x), net(x)
    assert y.dtype == dtype
    assert y.stride() == x.stride()
    dropped = (y == 0).double()
    deviation = (chance * (1 - chance) / x.numel()) ** 0.5
    assert abs(dropped.mean() - chance) <= 4 * deviation
    torch.testing.assert_close(
        y[y != 0].float(),
        torch.tensor(1 / (1 - chance)).expand(int((1 - dropped).sum())),
        rtol=4e-3,
        atol=0,
    )
    if chance:
        assert not torch.equal(y, z)
        # neighbours along each axis are uncorrelated
        for axis in (1, 2, 3):
            n = x.shape[axis] - 1
            a, b = (dropped.narrow(axis, start, n) - chance for start in (0, 1))
            assert abs((a * b).mean()) < 5 * chance * (1 - chance) / x.numel() ** 0.5


def test_dropped_values_have_no_gradient():
    x = numbers(1, 3, 4, 5)
    net = Dropout(0.4)
    draw_from(net, torch.Generator().manual_seed(0))
    y = net(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(slope * x, y)


def test_a_saturated_pixel_learns_again_with_a_least_slope():
    x = torch.tensor([-40.0, 0.0, 3.0, 40.0], requires_grad=True)
    y = steep_sigmoid(x, 0.01)
    y.sum().backward()
    torch.testing.assert_close(y, torch.sigmoid(x))
    slope = torch.sigmoid(torch.tensor(3.0)) * torch.sigmoid(torch.tensor(-3.0))
    torch.testing.assert_close(x.grad, torch.tensor([0.01, 0.25, slope, 0.01]))


def test_the_default_fit_frees_pixels_that_overshot():
    """A dim blob on a dark background: with the true slope some pixels stay at 1."""
    plane = micrographs.stack("cells", (13, 32, 32), 2)[6]
    clean = Image(0.05 + 0.5 * plane[None], scale=Scale(4095.0))
    noisy = corrupt(clean, "poisson-gaussian:20,read=20")
    largest = {}
    for slope in (0.0, Settings("fast").slope):
        *_, last = dipcli.frames(noisy, iterations=120, slope=slope, noise="gaussian", threads="1")
        largest[slope > 0] = last.image.max()
    assert largest[False] > 0.99
    assert largest[True] < 0.9
