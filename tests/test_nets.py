"""Whole networks: their size and cost, against plain ones, and their repeatability."""

import pytest
import torch

from dipcli import machine
from dipcli.errors import UsageError
from dipcli.nets import cost, inputs, seeded
from dipcli.nets.activations import ACTIVATIONS
from dipcli.nets.architecture import NetworkSettings
from tests.plainnets import as_plain, in_plain_order, joined, scramble


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def parameters(net):
    return sum(p.numel() for p in net.parameters())


# size and cost


@pytest.mark.parametrize(
    ("width", "into", "count"), [(256, 3, 8_661_107), (128, 32, 2_217_831)], ids=str
)
def test_dip_has_the_published_number_of_parameters(width, into, count):
    arch = NetworkSettings(width=(width,), input_channels=into)
    assert parameters(seeded.build(arch, 3, (32, 32), 0)) == count


@pytest.mark.parametrize(
    "arch",
    [
        NetworkSettings(
            width=(8, 4, 6), depth=3, skip=(0, 3, 20), kernel=(5, 3, 1), stride=(2, 4, 1)
        ),
        NetworkSettings(width=(8,), depth=2, norm="none", input="meshgrid"),
        NetworkSettings(arch="linear", width=(8, 4), depth=2, input_channels=0),
        NetworkSettings(arch="relunet", width=(8,), depth=10),
    ],
    ids=lambda arch: arch.arch,
)
def test_cost_counts_the_parameters_of_the_network(arch):
    count = parameters(seeded.build(arch, 3, (16, 24), 0))
    assert cost.cost(arch, 3, (16, 24)).parameters == count


def test_linear_has_four_layers_per_level_and_one_more():
    net = seeded.build(NetworkSettings(arch="linear", width=(7,)), 3, (8, 8), 0)
    sizes = [(layer.in_features, layer.out_features) for layer in net.layers]
    assert sizes == [(32 * 64, 7)] + [(7, 7)] * 19 + [(7, 3 * 64)]


def test_relunet_has_ten_layers():
    net = seeded.build(NetworkSettings(arch="relunet", width=(256,), depth=10), 3, (8, 8), 0)
    sizes = [(layer.in_features, layer.out_features) for layer in net.layers]
    assert sizes == [(2, 256)] + [(256, 256)] * 8 + [(256, 3)]


@pytest.mark.parametrize("arch", ["dip", "linear", "relunet"])
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_networks_without_growth_return_an_image_in_0_to_1(arch, channels):
    words = NetworkSettings(arch=arch, width=(8,), depth=2, input_channels=0)
    z = inputs.make(words, channels, (8, 12), draw())
    image = seeded.build(words, channels, (8, 12), 0)(z)
    assert image.shape == (1, channels, 8, 12)
    assert image.dtype == torch.float32
    assert 0 <= image.min() < image.max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1)])
def test_relunet_fits_images_one_pixel_wide(size):
    words = NetworkSettings(arch="relunet", width=(8,), depth=3)
    z = inputs.make(words, 3, size, draw())
    assert torch.isfinite(seeded.build(words, 3, size, 0)(z)).all()


def test_pixels_of_relunet_equal_its_image():
    words = NetworkSettings(arch="relunet", width=(8,), depth=3)
    net = seeded.build(words, 3, (4, 6), 0)
    z = inputs.make(words, 3, (4, 6), draw())
    index = torch.tensor([0, 5, 6, 23, 6])
    torch.testing.assert_close(net.pixels(z, index), net(z)[0].flatten(1).T[index])


def test_per_level_settings_need_one_value_or_one_per_level():
    with pytest.raises(UsageError, match="use 1 or 3"):
        seeded.build(NetworkSettings(width=(8, 8), depth=3), 3, (8, 8), 0)


# against the plain ones

CASES = {
    "published": {"width": (8,), "pad": "zero"},
    "ulyanov": {"width": (12,), "depth": 4},
    "nearest": {"width": (8,), "depth": 3, "upsample": ("nearest",)},
    "nearest, zero": {"width": (8,), "depth": 3, "upsample": ("nearest",), "pad": "zero"},
    "mixed": {
        "width": (6, 8, 4),
        "depth": 3,
        "skip": (3, 0, 20),
        "kernel": (3, 5, 1),
        "stride": (2, 4, 1),
        "upsample": ("bilinear", "nearest", "bilinear"),
    },
    "stride 32": {"width": (8,), "depth": 1, "stride": (32,)},
    "stride 4": {"width": (8,), "depth": 2, "stride": (4,), "pad": "zero"},
    "wide": {"width": (20,), "depth": 2, "skip": (20,)},
    "unnormalised": {"width": (8,), "depth": 3, "norm": "none"},
    "meshgrid": {"width": (8,), "depth": 2, "input": "meshgrid", "skip": (0,)},
    **{name: {"width": (8,), "depth": 2, "activation": name} for name in ACTIVATIONS},
}


def pair(words, size, channels=3, dtype=torch.float64):
    """Our network and the plain one, an input and a target."""
    arch = NetworkSettings(**words)
    net = seeded.build(arch, channels, size, 0)
    scramble(net)
    z = inputs.make(arch, channels, size, draw()).to(dtype)
    target = torch.rand((1, channels, *size), generator=draw(1)).to(dtype)
    return net.to(dtype), as_plain(net, arch, channels).to(dtype), z, target


def descend(net, z, target):
    image = net(z)
    (image - target).square().mean().backward()
    return image.detach()


def slope(p):
    """The gradient of a parameter, 0 if the loss does not depend on it."""
    return torch.zeros_like(p) if p.grad is None else p.grad


def apart(ours, theirs):
    """The distance of the gradients, relative to their length."""
    mine = torch.cat([joined([slope(p) for p in ps]).flatten() for ps in in_plain_order(ours)])
    plain = torch.cat([p.grad.flatten() for p in theirs.parameters()])
    return float((mine - plain).norm() / plain.norm())


@pytest.mark.parametrize("words", CASES.values(), ids=CASES)
def test_dip_equals_the_plain_network(words):
    ours, theirs, z, target = pair(words, (64, 96))
    torch.testing.assert_close(
        descend(ours, z, target), descend(theirs, z, target), rtol=0, atol=1e-11
    )
    assert apart(ours, theirs) < 1e-7  # the rest is of scales with hardly a gradient


@pytest.mark.parametrize("pad", ["zero", "reflect"])
def test_dip_equals_the_plain_network_in_float32(pad):
    # swish is smooth: at a kink of the others, a rounding error can change a gradient a lot
    words = {"width": (16,), "depth": 3, "pad": pad, "activation": "swish"}
    ours, theirs, z, target = pair(words, (64, 64), dtype=torch.float32)
    torch.testing.assert_close(
        descend(ours, z, target), descend(theirs, z, target), rtol=0, atol=1e-5
    )
    assert apart(ours, theirs) < 1e-4


def test_biases_before_a_normalisation_do_not_change_the_image():
    ours, _, z, target = pair(CASES["ulyanov"], (16, 16))
    before = descend(ours, z, target)
    unused = [name for name, p in ours.named_parameters() if p.grad is None]
    assert unused
    assert all(name.endswith("conv.bias") for name in unused)
    assert ours.last.bias.grad is not None
    with torch.no_grad():
        ours.body.down.conv.bias.fill_(1000)
    assert torch.equal(ours(z), before)


@pytest.mark.parametrize("pad", ["zero", "reflect"])
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("size", [(4, 4), (8, 4)])
def test_levels_can_shrink_to_a_single_pixel(pad, mode, size):
    words = NetworkSettings(width=(8,), depth=2, pad=pad, upsample=(mode,))
    net = seeded.build(words, 3, size, 0)
    image = net(inputs.make(words, 3, size, draw()))
    image.sum().backward()
    assert torch.isfinite(image).all()
    assert all(torch.isfinite(slope(p)).all() for p in net.parameters())


def test_normalisation_of_a_single_pixel_returns_the_shift():
    words = NetworkSettings(width=(8,), depth=1, stride=(1,), skip=(0,), activation="relu")
    net = seeded.build(words, 3, (1, 1), 0)
    with torch.no_grad():
        net.body.mix.norm.bias.fill_(0.5)
    image = net(inputs.make(words, 3, (1, 1), draw()))
    weight = net.last.weight.flatten(1)
    expected = torch.sigmoid(weight.sum(1) * 0.5 + net.last.bias)
    torch.testing.assert_close(image.flatten(), expected)


def test_bfloat16_is_nearer_to_float32_than_the_plain_network_is():
    ours, theirs, z, target = pair({"width": (16,), "depth": 3}, (64, 64), dtype=torch.float32)
    exact = descend(ours, z, target)
    with torch.autocast("cpu", torch.bfloat16):
        low, plain = ours(z), theirs(z).detach().float()
    assert low.dtype == torch.float32
    error, usual = (float((x - exact).square().mean().sqrt()) for x in (low.detach(), plain))
    assert error < 0.02
    assert error < usual
    gradient = torch.cat([slope(p).flatten() for p in ours.parameters()])
    ours.zero_grad()
    (low - target).square().mean().backward()
    rounded = torch.cat([slope(p).flatten() for p in ours.parameters()])
    assert rounded.dtype == torch.float32
    assert torch.cosine_similarity(gradient, rounded, 0) > 0.9


# repeatability


def test_weights_depend_on_the_seed_alone():
    words = NetworkSettings(width=(8,), depth=2)
    state = torch.get_rng_state()
    first = seeded.build(words, 3, (8, 8), 5).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(3)
    again = seeded.build(words, 3, (8, 8), 5).state_dict()
    other = seeded.build(words, 3, (8, 8), 6).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("low", [False, True], ids=["float32", "bfloat16"])
def test_the_same_steps_return_the_same_bits(low):
    def fit():
        words = NetworkSettings(width=(16,), depth=3)
        net = seeded.build(words, 3, (64, 64), 0)
        z = inputs.make(words, 3, (64, 64), draw())
        adam = torch.optim.Adam(net.parameters(), lr=0.01, fused=True)
        for _ in range(3):
            adam.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=low):
                image = net(z)
            image.square().mean().backward()
            adam.step()
        return [p.detach() for p in net.parameters()]

    assert all(torch.equal(a, b) for a, b in zip(fit(), fit(), strict=True))


def test_keep_memory_leaves_results_alone():
    machine.keep_memory()
    assert torch.ones(1 << 22).sum() == 1 << 22
