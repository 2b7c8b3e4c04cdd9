"""Settings: presets, bounds, the plan of frames, and what a store records of them."""

import math
from dataclasses import fields, replace

import numpy as np
import pytest

from dipcli.cli import options
from dipcli.errors import DipError, UsageError
from dipcli.fitting import hardware, plan, tasks
from dipcli.fitting.settings import Asked, Settings, resolve, shallower
from dipcli.images import Image
from dipcli.registry import ARCHITECTURES, PRESETS


def test_presets_and_what_wins():
    assert resolve({}) == resolve({}, "fast")
    assert resolve({}).width == (16, 32, 64, 64)
    assert resolve({"arch": "dip"}) == resolve({}, "ulyanov")
    assert resolve({"arch": "dip"}).width == (128,)
    assert resolve({}).stop == resolve({"arch": "decoder", "stop": "auto"}).stop == "auto"
    chakrabarty = resolve({}, "chakrabarty")
    assert (chakrabarty.width, chakrabarty.pad, chakrabarty.lr) == ((256,), "zero", 1e-3)
    assert (chakrabarty.iterations, chakrabarty.save_every) == (1000, 10)
    assert chakrabarty.input_noise == chakrabarty.average == 0
    assert resolve({"width": (64,)}, "chakrabarty").width == (64,)
    relunet = resolve({"arch": "relunet"})
    assert (relunet.iterations, relunet.batch, relunet.save_every) == (30000, 2048, 100)
    assert resolve({"arch": "linear"}).lr == 1e-3
    assert resolve({"arch": "generator"}).depth == 1
    with pytest.raises(UsageError, match="did you mean 'ulyanov'"):
        resolve({}, "ulianov")


@pytest.mark.parametrize(
    ("preset", "arch", "values"),
    [
        (
            "shi",
            "decoder",
            {"lr": 1e-3, "iterations": 10000, "lipschitz": "1.4", "norm": "mean-only"},
        ),
        ("shi", "decoder", {"activation": "leaky-relu:0.01", "input": "fourier", "average": 0.0}),
        ("heckel", "deep-decoder", {"width": (128,), "lr": 0.01, "iterations": 1900}),
        ("heckel", "deep-decoder", {"activation": "relu", "norm": "batch", "input_noise": 0.0}),
        ("ulyanov", "dip", {"iterations": 3000, "input_noise": 1 / 30}),
        ("chakrabarty", "dip", {"width": (256,)}),
    ],
)
def test_a_preset_has_an_architecture_of_its_own(preset, arch, values):
    settings = resolve({}, preset)
    assert settings.arch == arch
    assert {name: getattr(settings, name) for name in values} == values
    assert settings == resolve({"arch": arch}, preset)
    if preset != "chakrabarty":
        assert settings == resolve({"arch": arch})


def test_a_preset_goes_with_any_architecture():
    for preset in PRESETS:
        for arch in ARCHITECTURES:
            assert resolve({"arch": arch}, preset).arch == arch
    nearest = resolve({"arch": "conv-decoder"})
    assert (nearest.upsample, nearest.pad, nearest.average) == (("nearest",), "zero", 0.99)


def test_words_with_numbers_go_into_lists():
    def parsed(name, word):
        empty = dict.fromkeys((f.name for f in fields(Settings)), None)
        return options.given({**empty, name: word})[name]

    assert parsed("upsample", "kaiser:3,0.1") == ("kaiser:3,0.1",)
    mixed = parsed("upsample", "lpf:2,kaiser:5,.5,bilinear,kaiser:3,2,gaussian:0.5")
    assert mixed == ("lpf:2", "kaiser:5,.5", "bilinear", "kaiser:3,2", "gaussian:0.5")
    assert parsed("width", "1,2,3") == (1, 2, 3)
    settings = Settings(upsample=mixed)
    assert Settings.from_config(settings.config()) == settings


def test_the_record_gives_the_settings_back():
    settings = resolve({"width": (16, 32), "depth": 2, "save_at": "log:5"}, "chakrabarty")
    assert Settings.from_config(settings.config()) == settings
    assert Settings.from_config({**settings.config(), "of_a_later_version": 1}) == settings


@pytest.mark.parametrize(
    ("iterations", "every"),
    [(0, 1), (1, 1), (100, 1), (101, 2), (200, 2), (201, 5), (1000, 10), (3000, 50), (30000, 500)],
)
def test_a_hundredth_rounded_up(iterations, every):
    assert Settings(iterations=iterations).auto_every == every


@pytest.mark.parametrize(
    ("given", "saves"),
    [
        ({"iterations": 25, "save_every": 10}, [0, 10, 20, 25]),
        ({"iterations": 20, "save_every": 10}, [0, 10, 20]),
        ({"iterations": 0}, [0]),
        ({"iterations": 9, "save_at": "3,5,99"}, [3, 5, 9]),
        ({"iterations": 9, "save_at": "3", "save_every": 4}, [0, 3, 4, 8, 9]),
        ({"iterations": 1000, "save_at": "log:4"}, [0, 1, 10, 100, 1000]),
    ],
)
def test_the_frames_that_are_kept(given, saves):
    assert Settings(**given).saves() == saves


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"arch": "dop"}, "did you mean 'dip'"),
        ({"iterations": -1}, "--iterations is from 0"),
        ({"lr": math.nan}, "--lr is a finite number"),
        ({"average": 1.0}, "--average is from 0"),
        ({"pad": "mirror"}, "--pad is one of zero, reflect"),
        ({"upsample": ("cubic",)}, "--upsample is one of"),
        ({"activation": "tanh"}, "--activation is one of leaky-relu, relu, elu, swish"),
        ({"activation": "relu:2"}, "--activation relu has 0 numbers"),
        ({"activation": "leaky-relu:x"}, "--activation is one of"),
        ({"activation": "leaky-relu:-1"}, "has a SLOPE from 0"),
        ({"norm": "instance"}, "--norm is one of batch, mean-only, none"),
        ({"width": (1, 2, 3)}, "--width has 3 values for 5 levels"),
        ({"kernel": (4,)}, "--kernel is odd"),
        ({"dropout": (1.0,)}, "--dropout is from 0 to 0.99"),
        ({"dropout": (0.1, 0.2)}, "--dropout has 2 values for 5 levels"),
        ({"dropout": (0.1,), "arch": "generator"}, "generator has none"),
        ({"threads": "0"}, "--threads is auto or a whole number"),
        ({"device": "tpu"}, "--device is auto"),
        ({"time": "3 weeks"}, "--time is a number with"),
        ({"save_at": "log"}, "--save-at is I,J"),
        ({"save_at": "1;2"}, "--save-at is I,J"),
    ],
)
def test_what_cannot_be_meant(given, message):
    with pytest.raises(UsageError, match=message):
        Settings(**given)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", math.inf), ("90", 90), ("90s", 90), ("20m", 1200), ("7h", 25200), ("0.5h", 1800)],
)
def test_time(text, seconds):
    assert Settings(time=text).seconds == seconds


def test_every_option_says_what_it_is():
    for f in fields(Settings):
        assert f.metadata["help"].endswith("."), f.name


def test_a_depth_that_is_too_deep():
    settings = Settings(depth=5, width=(1, 2, 3, 4, 5))
    assert shallower(settings, (32, 7), asked=True) is settings
    assert shallower(settings, (8, 9), asked=False).width == (1, 2, 3)
    assert shallower(settings, (1, 1), asked=False).depth == 1
    with pytest.raises(UsageError, match="the largest depth is 3"):
        shallower(settings, (8, 9), asked=True)
    for arch in ("decoder", "deep-decoder", "conv-decoder", "generator"):
        assert shallower(Settings(arch=arch), (8, 9), asked=False).depth == 3
    assert shallower(Settings(arch="relunet", depth=10), (8, 9), asked=True).depth == 10
    mixed = Settings(depth=3, stride=(4, 2, 32))
    assert shallower(mixed, (8, 9), asked=False).stride == (4, 2)


def test_the_task_follows_from_the_image():
    image = Image(np.zeros((1, 64, 64), np.float32))
    holed = image.with_pixels(np.where(np.eye(64), np.nan, image.pixels))
    assert str(tasks.settle("auto", image, "a.png")) == "denoise"
    assert str(tasks.settle("auto", holed, "a.png")) == "inpaint"
    assert str(tasks.settle("denoise", holed, "a.png")) == "denoise"
    with pytest.raises(DipError, match="every pixel is unknown"):
        tasks.settle("auto", image.with_pixels(image.pixels * np.nan), "a.png")
    task = tasks.parse("inpaint")
    assert plan.settle(Asked({}), task, (64, 64), image.pixels).task == "inpaint"


def test_threads_come_from_a_rule(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(16)))
    for name in ("SLURM_CPUS_PER_TASK", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    settings = Settings(device="cpu")
    assert hardware.cores() == 16
    assert hardware.Hardware.choose(settings, 1e12, 1).threads == 16
    assert hardware.Hardware.choose(settings, 1e12, 4).threads == 4
    assert hardware.Hardware.choose(settings, 1e12, 40).threads == 1
    assert hardware.Hardware.choose(settings, 1e6, 1).threads == 1
    assert hardware.Hardware.choose(replace(settings, threads="3"), 1e6, 1).threads == 3
    assert hardware.side_by_side(settings, 5) == 5
    assert hardware.side_by_side(settings, 50) == 16
    assert hardware.side_by_side(replace(settings, threads="8"), 50) == 2
    assert hardware.side_by_side(replace(settings, jobs="3"), 50) == 3
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "4")
    assert hardware.cores() == 4
    monkeypatch.setenv("OMP_NUM_THREADS", "2,1")
    assert hardware.cores() == 2
