"""Fits on the device that DIP_TEST_DEVICE names (the CPU unless it is set): right and resumable."""

import os

import numpy as np
import pytest
import torch

import dipcli as dip
from dipcli.fitting.hardware import Hardware
from dipcli.fitting.loop import Fit
from dipcli.fitting.settings import Settings

torch.set_num_threads(1)
DEVICE = os.environ.get("DIP_TEST_DEVICE", "cpu")
SMALL = {"width": (8,), "depth": 2, "iterations": 12, "precision": "float32", "stop": "none"}
CASES = [
    {"arch": "dip"},
    {"arch": "dip", "dropout": (0.0, 0.3)},
    {"arch": "dip", "upsample": ("deconv",), "norm": "none"},
    {"arch": "dip", "upsample": ("kaiser:3,0.1",), "lipschitz": "1.2", "norm": "mean-only"},
    {"arch": "linear"},
    {"arch": "relunet", "average": 0.0, "batch": 50},
    {"arch": "decoder", "preset": "shi"},
    {"arch": "deep-decoder", "preset": "heckel"},
    {"arch": "conv-decoder", "preset": "heckel"},
    {"arch": "generator", "preset": "heckel", "stride": (2,)},
    {"optimizer": "sgd", "lr": 0.1},
    {"optimizer": "sgld"},
    {"optimizer": "lbfgs", "iterations": 110},
    {"loss": "l1"},
    {"loss": "spectral:radial"},
    {"loss": "dc:25"},
    {"loss": "sure:25", "input": "image"},
    {"task": "sr:2"},
    {"task": "deblur:1"},
    {"task": "sense:0.5"},
    {"preset": "fast", "width": (8, 8)},
]


def target(height=16, width=16):
    return np.random.default_rng(0).random((3, height, width), dtype=np.float32)


def fit_on(device, options, pixels=None, **more):
    options = SMALL | options | more
    preset = options.pop("preset", "ulyanov")
    hardware = Hardware(device, options["precision"], 1)
    return Fit(target() if pixels is None else pixels, Settings(preset, **options), 0, hardware)


def images(fit):
    return [frame.image for frame in fit.frames()]


@pytest.mark.parametrize("options", CASES, ids=lambda options: "-".join(map(str, options.values())))
def test_the_device_computes_what_the_cpu_computes(options):
    """Without what each device draws from a generator of its own."""
    still = {"input_noise": 0.0, "dropout": (0.0,)}
    here, there = (images(fit_on(device, options, **still)) for device in ("cpu", DEVICE))
    np.testing.assert_allclose(there[0], here[0], atol=1e-4)
    draws = options.get("optimizer") == "sgld" or options.get("loss", "").startswith("sure")
    if not draws:
        np.testing.assert_allclose(
            there[3], here[3], atol=0.05
        )  # steps enlarge what rounding began
    assert np.isfinite(there[-1]).all()


@pytest.mark.parametrize("options", CASES, ids=lambda options: "-".join(map(str, options.values())))
def test_a_state_taken_on_the_device_resumes_there(options):
    whole = images(fit_on(DEVICE, options))
    first = fit_on(DEVICE, options)
    for frame in first.frames():
        if frame.iteration == 6:
            state = first.state()
            break
    second = fit_on(DEVICE, options)
    second.restore(*state)
    resumed = images(second)
    assert len(resumed) == len(whole) - 6
    np.testing.assert_array_equal(resumed[-1], whole[-1])


@pytest.mark.parametrize("options", CASES, ids=lambda options: "-".join(map(str, options.values())))
def test_no_operation_of_a_fit_is_one_that_torch_calls_nondeterministic(options):
    torch.use_deterministic_algorithms(True)
    try:
        assert len(images(fit_on(DEVICE, options))) > 12
    finally:
        torch.use_deterministic_algorithms(False)


LARGER = [
    {"arch": "dip", "width": (16,)},
    {"arch": "dip", "width": (16,), "precision": "bfloat16"},
    {"preset": "fast"},
    {"preset": "fast", "precision": "bfloat16"},
    {"arch": "decoder", "preset": "shi", "width": (16,)},
    {"arch": "deep-decoder", "preset": "heckel", "width": (16,), "depth": 4},
    {"arch": "dip", "width": (16,), "upsample": ("lpf:4",)},
]


@pytest.mark.parametrize(
    "options", LARGER, ids=lambda options: "-".join(map(str, options.values()))
)
def test_the_same_seed_gives_the_same_bits_where_many_threads_add_up(options):
    pixels = target(80, 112)
    one, other = (images(fit_on(DEVICE, options, pixels, depth=4)) for _ in range(2))
    np.testing.assert_array_equal(one[-1], other[-1])
    assert np.isfinite(one[-1]).all()


def test_a_fit_leaves_the_settings_of_torch_as_they_were():
    before = torch.backends.cudnn.deterministic, torch.are_deterministic_algorithms_enabled()
    images(fit_on(DEVICE, {}, iterations=2))
    after = torch.backends.cudnn.deterministic, torch.are_deterministic_algorithms_enabled()
    assert after == before == (False, False)


def test_a_fit_on_the_device_denoises():
    clean = dip.corrupt(dip.read("builtin:astronaut"), "crop:64x64+190+90")
    noisy = dip.corrupt(clean, "gaussian:25", seed=1)
    options = {"iterations": 150, "stop": "none", "runs": 2, "threads": 1}
    there = dip.fit(noisy, clean=clean, device=DEVICE, **options)
    here = there if DEVICE == "cpu" else dip.fit(noisy, clean=clean, device="cpu", **options)
    assert there.psnr == pytest.approx(here.psnr, abs=0.5)
    assert there.psnr > dip.psnr(noisy, clean) + 3
    assert there.store is None
