"""The loop: what a frame shows, the same bits again, and the same bits from any state."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dipcli.errors import DipError
from dipcli.fitting.settings import Settings
from dipcli.images import read
from dipcli.registry import ARCHITECTURES as NAMES

torch.set_num_threads(1)
SMALL = {"width": (8,), "depth": 2, "iterations": 12}


def image(size=16, channels=1, seed=0):
    return np.random.default_rng(seed).random((channels, size, size), dtype=np.float32)


def fit_of(target, seed=0, preset="ulyanov", **options):
    from dipcli.fitting.loop import Fit

    return Fit(target, Settings(preset, **{**SMALL, **options}), seed)


def trajectory(fit):
    return [(f.iteration, f.loss, f.image, f.average) for f in fit.frames()]


def assert_equal(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert a[:2] == b[:2]
        np.testing.assert_array_equal(a[2], b[2])
        assert (a[3] is None) == (b[3] is None)
        if a[3] is not None:
            np.testing.assert_array_equal(a[3], b[3])


ARCHITECTURES = [
    {"arch": "dip"},
    {"arch": "dip", "average": 0.0, "input_noise": 0.0},
    {"arch": "dip", "dropout": (0.0, 0.3)},
    {"arch": "linear", "average": 0.9},
    {"arch": "relunet", "average": 0.0, "batch": 50},
    {"arch": "decoder", "preset": "shi", "norm": "mean-only", "upsample": ("gaussian",)},
    {"arch": "deep-decoder", "preset": "heckel"},
    {"arch": "conv-decoder", "preset": "heckel", "upsample": ("deconv",), "lipschitz": "0.5"},
    {"arch": "generator", "preset": "heckel", "stride": (2,)},
]


@pytest.mark.parametrize("options", ARCHITECTURES)
def test_the_same_seed_gives_the_same_bits(options):
    one, again = (trajectory(fit_of(image(), 3, **options)) for _ in range(2))
    assert [f[0] for f in one] == list(range(13))
    assert_equal(one, again)
    other = trajectory(fit_of(image(), 4, **options))
    assert one[0][1] != other[0][1]


@pytest.mark.parametrize("options", ARCHITECTURES)
@pytest.mark.parametrize("at", [0, 1, 7, 12])
def test_a_restored_state_continues_with_the_same_bits(options, at):
    whole = trajectory(fit_of(image(), **options))
    first = fit_of(image(), **options)
    for frame in first.frames():
        if frame.iteration == at:
            state = first.state()
            break
    second = fit_of(image(), **options)
    second.restore(*state)
    assert_equal(trajectory(second), whole[at:])


def test_the_global_generator_of_torch_is_left_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    trajectory(fit_of(image()))
    assert torch.equal(before, torch.get_rng_state())


def test_a_frame_is_the_forward_pass_that_the_next_step_descends():
    """Against Adam written out, with the network's own gradients."""
    target = image()
    options = {"average": 0.9, "input_noise": 0.0, "precision": "float32"}
    fit = fit_of(target, **options)
    frames = trajectory(fit)
    mirror = fit_of(target, **options)
    parameters = list(mirror.net.parameters())
    m, v = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
    wanted, mean = torch.from_numpy(target)[None], None
    for i, (iteration, loss, output, average) in enumerate(frames):
        assert iteration == i
        out = mirror.net(mirror._z)[..., :16, :16]
        np.testing.assert_allclose(output, out.detach()[0], atol=2e-4)
        mse = (out - wanted).square().mean()
        np.testing.assert_allclose(loss, mse.item(), rtol=2e-3)
        mean = out.detach() if mean is None else 0.9 * mean + 0.1 * out.detach()
        np.testing.assert_allclose(average, mean[0], atol=2e-4)
        gradients = torch.autograd.grad(mse, parameters, materialize_grads=True)
        with torch.no_grad():
            for k, (p, g) in enumerate(zip(parameters, gradients, strict=True)):
                m[k] = 0.9 * m[k] + 0.1 * g
                v[k] = 0.999 * v[k] + 0.001 * g * g
                step = m[k] / (1 - 0.9 ** (i + 1))
                p -= 0.01 * step / ((v[k] / (1 - 0.999 ** (i + 1))).sqrt() + 1e-8)


def test_a_running_mean_with_warmup_forgets_the_first_frames():
    frames = trajectory(fit_of(image(), average=0.9, average_warmup=4))
    mean = frames[0][2]
    for t, _, output, average in frames[1:]:
        mean = mean + (output - mean) * max(0.1, 4 / (t + 4))  # t / (t + 4) at most stays
        np.testing.assert_allclose(average, mean, atol=1e-6)
    plain = trajectory(fit_of(image(), average=0.9))
    assert not np.allclose(plain[-1][3], average, atol=1e-3)


def test_input_noise_differs_at_each_step():
    still = trajectory(fit_of(image(), lr=0.0, input_noise=0.0))
    assert len({loss for _, loss, *_ in still}) == 1
    moving = trajectory(fit_of(image(), lr=0.0, input_noise=0.1))
    assert len({loss for _, loss, *_ in moving}) == 13


def test_dropout_drops_other_values_at_each_step():
    options = {"lr": 0.0, "input_noise": 0.0, "precision": "float32"}
    frames = trajectory(fit_of(image(), dropout=(0.0, 0.3), **options))
    assert len({loss for _, loss, *_ in frames}) == 13
    _, loss, output, _ = trajectory(fit_of(image(), **options))[0]
    assert all(not np.array_equal(output, dropping) for _, _, dropping, _ in frames)
    assert abs(loss - np.mean([f[1] for f in frames])) < 0.1 * loss


def test_all_passes_of_a_step_drop_the_same_values():
    fit = fit_of(image(), dropout=(0.2,), precision="float32")
    assert torch.equal(fit._image(fit._z), fit._image(fit._z))


def test_unknown_pixels_are_left_out_of_the_loss():
    target = image()
    holed = np.where(np.eye(16) > 0, np.nan, target).astype(np.float32)
    frame = trajectory(fit_of(holed, iterations=0))[0]
    known = ~np.isnan(holed)
    expected = np.mean((frame[2] - target)[known] ** 2)
    np.testing.assert_allclose(frame[1], expected, rtol=1e-5)
    other = np.where(np.isnan(holed), 1e6, holed)  # whatever lies there
    masked = np.where(np.isnan(holed), np.nan, other).astype(np.float32)
    assert_equal(trajectory(fit_of(masked)), trajectory(fit_of(holed)))
    with pytest.raises(DipError, match="nothing to fit"):
        fit_of(np.full((1, 4, 4), np.nan, np.float32))


@pytest.mark.parametrize("arch", [*NAMES])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 7, 41), (5, 10, 6), (2, 17, 16)])
def test_images_of_any_size_and_number_of_channels_are_fitted(arch, shape):
    target = np.random.default_rng(0).random(shape, dtype=np.float32)
    mean = 0.0 if arch == "relunet" else 0.9
    frames = trajectory(fit_of(target, arch=arch, iterations=2, average=mean))
    assert frames[-1][2].shape == shape
    assert np.isfinite(frames[-1][2]).all()


def test_bfloat16_stays_near_float32():
    whole = trajectory(fit_of(image(), input_noise=0.0))
    half = trajectory(fit_of(image(), input_noise=0.0, precision="bfloat16"))
    assert half[-1][2].dtype == np.float32
    assert abs(half[0][1] - whole[0][1]) < 0.02
    assert_equal(half, trajectory(fit_of(image(), input_noise=0.0, precision="bfloat16")))


def test_the_loss_falls():
    target = read("builtin:triangle:0:32").pixels
    fit = fit_of(target, width=(32,), depth=3, iterations=150, input_noise=0.0)
    losses = [frame.loss for frame in fit.frames()]
    assert losses[-1] < losses[0] / 20


def test_the_cost_agrees_with_the_network_and_with_torch():
    """Parameters against the network itself; FLOPs against torch's own counter."""
    from torch.utils.flop_counter import FlopCounterMode

    from dipcli.nets.cost import cost

    for options in (
        {"arch": "dip", "width": (8, 6, 4), "depth": 3, "skip": (4, 0, 2), "pad": "zero"},
        {"arch": "dip", "width": (8,), "depth": 2, "norm": "none", "input_channels": 3},
        {"arch": "linear", "width": (8,), "depth": 2, "average": 0.0},
        {"arch": "relunet", "width": (8,), "depth": 4, "average": 0.0, "batch": 256},
    ):
        fit = fit_of(image(16, 3), **options)
        expected = cost(fit.settings, 3, (16, 16), 256)
        assert expected.parameters == sum(p.numel() for p in fit.net.parameters())
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            fit.net(fit._z)
        assert expected.flops == pytest.approx(3 * counter.get_total_flops(), rel=0.01)


def test_settings_are_frozen_and_a_fit_keeps_its_own():
    fit = fit_of(image())
    with pytest.raises(AttributeError):
        fit.settings.lr = 1.0
    assert replace(fit.settings, lr=1.0).lr == 1.0


def test_frames_stay_as_they_are_after_later_steps():
    frames = list(fit_of(image(), average=0.9).frames())
    again = trajectory(fit_of(image(), average=0.9))
    assert_equal([(f.iteration, f.loss, f.image, f.average) for f in frames], again)


def test_the_image_of_a_pixelwise_network_is_refused_after_the_next_step():
    frames = list(fit_of(image(), arch="relunet", average=0.0, batch=9).frames())
    with pytest.raises(DipError, match="before the next step"):
        _ = frames[0].image


class Counting(torch.nn.Module):
    """A network of the user's with batch statistics, dropout and a buffer."""

    def __init__(self, input_channels, channels):
        super().__init__()
        self.conv = torch.nn.Conv2d(input_channels, channels, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(channels)
        self.drop = torch.nn.Dropout(0.3)
        self.register_buffer("passes", torch.zeros(()))

    def forward(self, z):
        self.passes += 1
        return torch.sigmoid(self.drop(self.norm(self.conv(z))) + 0.01 * self.passes)


@pytest.mark.parametrize("at", [0, 5])
def test_a_network_of_the_users_is_reproducible_and_resumes(at):
    name = NAMES.add(Counting, "counting")
    whole = trajectory(fit_of(image(), arch=name))
    assert_equal(trajectory(fit_of(image(), arch=name)), whole)
    first = fit_of(image(), arch=name)
    for frame in first.frames():
        if frame.iteration == at:
            state = first.state()
            break
    second = fit_of(image(), arch=name)
    second.restore(*state)
    assert_equal(trajectory(second), whole[at:])
