"""Networks that grow an image: against their published codes, sizes, costs, and in a fit."""

import math
from itertools import product

import numpy as np
import pytest
import torch

from dipcli.fitting.loop import Fit
from dipcli.fitting.settings import Settings
from dipcli.nets import inputs, seeded
from dipcli.nets.architecture import NetworkSettings
from dipcli.nets.cost import cost
from tests import plaindecoders
from tests.plainnets import scramble

torch.set_num_threads(1)
DECODERS = ["decoder", "deep-decoder", "conv-decoder", "generator"]
LEARNING = ["dip", "decoder", "deep-decoder", "conv-decoder"]  # their upsampling may be learned


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def build(arch, channels, size, seed=0):
    """A network with scrambled norms, in double precision, and its input."""
    net = seeded.build(arch, channels, arch.padded(size), seed)
    scramble(net)
    z = inputs.make(arch, channels, arch.padded(size), draw())
    return net.double(), z.double()


def assert_same(ours, theirs, z, size):
    """The networks return the same image, and the same gradients of a loss."""
    target = torch.rand((1, 3, *size), generator=draw(1), dtype=torch.float64)
    for net in (ours, theirs):
        (net(z) - target).square().mean().backward()
    torch.testing.assert_close(ours(z), theirs(z), rtol=0, atol=1e-7)
    for mine, plain in zip(ours.parameters(), theirs.parameters(), strict=True):
        slope = torch.zeros_like(mine) if mine.grad is None else mine.grad
        grad = plaindecoders.as_plain(slope)
        torch.testing.assert_close(grad, plain.grad, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"arch": "decoder"}, 1_662_339),
        ({"arch": "deep-decoder"}, 100_224),
        ({"arch": "deep-decoder", "width": (64,)}, 25_536),
    ],
)
def test_decoders_have_the_published_number_of_parameters(options, count):
    settings = Settings(**options)
    net = seeded.build(settings, 3, (64, 64), 0)
    assert sum(p.numel() for p in net.parameters()) == count
    assert cost(settings, 3, (64, 64)).parameters == count


@pytest.mark.parametrize("size", [(16, 32), (64, 64)])
@pytest.mark.parametrize("limit", ["0.5", "50"])
def test_decoder_equals_the_published_network(size, limit):
    arch = Settings(arch="decoder", width=(6,), depth=3, lipschitz=limit)
    ours, z = build(arch, 3, size)
    theirs = plaindecoders.decoder(32, 3, 6, 3, float(limit)).double()
    assert_same(ours, plaindecoders.with_weights_of(ours, theirs), z, size)


def test_decoder_weights_have_the_published_distribution():
    ours = seeded.build(Settings(arch="decoder", lipschitz="0"), 3, (32, 32), 0)
    for stage in ours.body.stages:
        fan = stage.conv.weight[0].numel()  # kaiming_uniform_(a=0, mode="fan_in")
        assert stage.conv.weight.abs().max().item() == pytest.approx(math.sqrt(6 / fan), rel=1e-3)
        assert stage.conv.weight.std().item() == pytest.approx(math.sqrt(2 / fan), rel=0.02)
        assert stage.conv.bias.abs().max().item() <= math.sqrt(1 / fan)


@pytest.mark.parametrize("size", [(8, 16), (64, 32)])
def test_deep_decoder_equals_the_published_network(size):
    arch = Settings(arch="deep-decoder", width=(6,), depth=3)
    ours, z = build(arch, 3, size)
    assert z.shape == (1, 6, size[0] // 8, size[1] // 8)
    theirs = plaindecoders.deep_decoder([6] * 3, 3).double()
    assert_same(ours, plaindecoders.with_weights_of(ours, theirs), z, size)


@pytest.mark.parametrize("size", [(21, 50), (64, 64)])
def test_conv_decoder_equals_the_published_network(size):
    arch = Settings(arch="conv-decoder", width=(6,), depth=4)
    ours, z = build(arch, 3, size)
    ratios = [(n / -(-n // 16)) ** 0.25 for n in size]
    sizes = [
        tuple(math.ceil(round(s * r**i, 9)) for s, r in zip(z.shape[2:], ratios, strict=True))
        for i in range(1, 5)
    ]
    assert sizes[-1] == size
    theirs = plaindecoders.conv_decoder(sizes, 6, 3).double()
    assert_same(ours, plaindecoders.with_weights_of(ours, theirs), z, size)


def test_generator_equals_a_product_of_matrices():
    words = {"width": (9,), "depth": 2, "stride": (3, 2), "upsample": ("bilinear", "nearest")}
    arch = Settings(**{"arch": "generator", **words})
    net, z = build(arch, 3, (12, 7))
    c = net.coefficients
    assert c.shape == (1, 9, 2, 2)
    basis = torch.eye(4, dtype=torch.float64).view(4, 1, 2, 2)
    twice = torch.nn.functional.interpolate(basis, arch.sizes((12, 7))[1], mode="nearest")
    u = torch.nn.functional.interpolate(twice, (12, 7), mode="bilinear").flatten(1).T  # (84, 4)
    signs = net.signs
    assert sorted(map(tuple, signs.mul(3).round().abs().tolist())) == [(1.0,) * 9] * 3
    assert signs.sign().sum(1).tolist() == [1, 1, 1]  # five of one and four of the other
    assert len({tuple(row) for row in signs.tolist()}) == 3
    image = torch.relu(u @ c[0].flatten(1).T) @ signs.T  # (84, channel)
    torch.testing.assert_close(net(z)[0].flatten(1).T, image)
    assert [name for name, _ in net.named_parameters()] == ["coefficients"]


# sizes


@pytest.mark.parametrize(
    ("n", "depth", "sides"),
    [
        (64, 5, [64, 32, 16, 8, 4, 2]),
        (512, 5, [512, 256, 128, 64, 32, 16]),
        (100, 5, [100, 53, 28, 15, 8, 4]),  # 4, 7.6, 14.5, 27.6, 52.5
        (1, 5, [1, 1, 1, 1, 1, 1]),
        (33, 2, [33, 18, 9]),  # 9, 17.2
    ],
)
def test_sizes_grow_in_equal_ratios(n, depth, sides):
    arch = NetworkSettings(arch="deep-decoder", depth=depth)
    assert arch.sizes((n, 2**depth)) == [(s, 2 ** (depth - i)) for i, s in enumerate(sides)]


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_sizes_are_the_published_ones(depth):
    arch = NetworkSettings(arch="conv-decoder", depth=depth)
    for n in range(1, 200):
        smallest = math.ceil(n / 2**depth)
        exact = [smallest * (n / smallest) ** (i / depth) for i in range(depth + 1)]
        got = [h for h, _ in arch.sizes((n, 1))][::-1]
        assert got == [math.ceil(round(e, 9)) for e in exact]


def test_different_strides_keep_their_proportions():
    arch = NetworkSettings(arch="conv-decoder", depth=3, stride=(4, 1, 2))
    assert arch.sizes((64, 16)) == [(64, 16), (16, 4), (16, 4), (8, 2)]
    assert arch.sizes((65, 65)) == [(65, 65), (18, 18), (18, 18), (9, 9)]  # 9 (65 / 9)^(1/3)
    arch = NetworkSettings(arch="conv-decoder", depth=3, stride=(1, 2, 2))
    assert all(arch.sizes((n, n))[1] == (n, n) for n in range(1, 200))  # rounding or not


def test_sides_are_padded_unless_all_levels_interpolate():
    def padded(arch, kind):
        return NetworkSettings(arch=arch, depth=3, upsample=(kind,)).padded((9, 21))

    assert padded("decoder", "bilinear") == padded("dip", "nearest") == (16, 24)
    for arch in ("deep-decoder", "conv-decoder"):
        assert padded(arch, "nearest") == padded(arch, "bilinear") == (9, 21)
        assert padded(arch, "lpf:3") == padded(arch, "deconv") == (16, 24)
    mixed = NetworkSettings(arch="generator", depth=3, upsample=("nearest", "gaussian", "bilinear"))
    assert mixed.padded((9, 21)) == (16, 24)
    assert NetworkSettings(arch="linear").padded((9, 21)) == (9, 21)


@pytest.mark.parametrize(
    ("arch", "kind"),
    [
        (arch, kind)
        for arch in DECODERS
        for kind in ("nearest", "bilinear", "deconv", "gaussian", "lpf:5", "kaiser:4,1")
        if (arch, kind) != ("generator", "deconv")  # which is refused
    ],
)
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 9, 21)])
def test_every_upsampling_fits_any_size(arch, kind, shape):
    words = {"width": (6,), "depth": 2, "stride": (2,), "upsample": (kind,), "iterations": 1}
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    fit = Fit(image, Settings(**{"arch": arch, **words}), 0)
    frames = [(frame.loss, frame.image) for frame in fit.frames()]
    assert frames[-1][1].shape == shape
    assert frames[0][0] != frames[1][0]
    assert all(np.isfinite(output).all() for _, output in frames)


# cost


@pytest.mark.parametrize("norm", ["batch", "mean-only", "none"])
@pytest.mark.parametrize(
    ("arch", "kind"), [*product(["dip", *DECODERS], ["nearest"]), *product(LEARNING, ["deconv"])]
)
def test_cost_counts_parameters_and_flops(arch, kind, norm):
    """Parameters are those of the network, FLOPs those of torch's counter."""
    from torch.utils.flop_counter import FlopCounterMode

    words = {"width": (8, 6, 4), "kernel": (3, 1, 5), "stride": (2, 1, 2), "skip": (3, 0, 2)}
    settings = Settings("ulyanov", arch=arch, depth=3, norm=norm, upsample=(kind,), **words)
    net = seeded.build(settings, 3, (16, 24), 0)
    expected = cost(settings, 3, (16, 24))
    assert expected.parameters == sum(p.numel() for p in net.parameters())
    z = inputs.make(settings, 3, (16, 24), draw())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(z)
    assert expected.flops == pytest.approx(3 * counter.get_total_flops(), rel=0.01)
    assert expected.activations > 0


# in a fit


@pytest.mark.parametrize("arch", DECODERS)
def test_decoders_lower_the_loss(arch):
    rows = np.linspace(0, 3, 24, dtype=np.float32)
    image = (0.5 + 0.3 * np.sin(rows[:, None] + 2 * rows))[None]
    words = {"width": (16,), "depth": 2, "stride": (2,), "lr": 0.02, "iterations": 60}
    losses = [frame.loss for frame in Fit(image, Settings(**{"arch": arch, **words}), 0).frames()]
    assert losses[-1] < losses[0] / 10


@pytest.mark.parametrize("arch", DECODERS)
def test_bfloat16_stays_near_float32(arch):
    image = np.random.default_rng(0).random((3, 32, 32), dtype=np.float32)
    words = {"width": (16,), "depth": 2, "stride": (2,), "iterations": 1}
    exact, low = (
        next(
            iter(Fit(image, Settings(**{"arch": arch, "precision": p, **words}), 0).frames())
        ).image
        for p in ("float32", "bfloat16")
    )
    assert low.dtype == np.float32
    assert 0 < np.abs(exact - low).max() < 0.05
