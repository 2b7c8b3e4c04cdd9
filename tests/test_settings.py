"""Settings: presets, bounds, saved iterations, files, and what a store records of them."""

import math
from dataclasses import fields, replace

import numpy as np
import pytest

from dipcli import machine
from dipcli.cli import options
from dipcli.errors import DipError, UsageError
from dipcli.fitting import hardware, tasks
from dipcli.fitting.settings import Settings, default_values
from dipcli.fitting.toml import read_settings, write_settings
from dipcli.images import Image
from dipcli.registry import ARCHITECTURES, PRESETS


def test_options_win_over_presets_and_presets_over_defaults():
    assert Settings() == Settings("fast")
    assert Settings().width == (16, 32, 64, 64)
    assert Settings(arch="dip") == Settings("ulyanov")
    assert Settings(arch="dip").width == (128,)
    assert Settings().stop == Settings(arch="decoder", stop="auto").stop == "auto"
    chakrabarty = Settings("chakrabarty")
    assert (chakrabarty.width, chakrabarty.pad, chakrabarty.lr) == ((256,), "zero", 1e-3)
    assert (chakrabarty.iterations, chakrabarty.save_every) == (1000, 10)
    assert chakrabarty.input_noise == chakrabarty.average == 0
    assert Settings("chakrabarty", width=(64,)).width == (64,)
    relunet = Settings(arch="relunet")
    assert (relunet.iterations, relunet.batch, relunet.save_every) == (30000, 2048, 100)
    assert Settings(arch="linear").lr == 1e-3
    assert Settings(arch="generator").depth == 1
    with pytest.raises(UsageError, match="did you mean 'ulyanov'"):
        Settings("ulianov")


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
def test_each_preset_has_its_own_architecture(preset, arch, values):
    settings = Settings(preset)
    assert settings.arch == arch
    assert {name: getattr(settings, name) for name in values} == values
    assert settings == Settings(preset, arch=arch)
    if preset != "chakrabarty":
        assert settings == Settings(arch=arch)


def test_a_preset_goes_with_any_architecture():
    for preset in PRESETS:
        for arch in ARCHITECTURES:
            assert Settings(preset, arch=arch).arch == arch
    nearest = Settings(arch="conv-decoder")
    assert (nearest.upsample, nearest.pad, nearest.average) == (("nearest",), "zero", 0.99)


def test_per_level_words_may_hold_numbers_with_commas():
    def parsed(name, word):
        empty = dict.fromkeys((f.name for f in fields(Settings)), None)
        return options.parse_settings({**empty, name: word})[name]

    assert parsed("upsample", "kaiser:3,0.1") == ("kaiser:3,0.1",)
    mixed = parsed("upsample", "lpf:2,kaiser:5,.5,bilinear,kaiser:3,2,gaussian:0.5")
    assert mixed == ("lpf:2", "kaiser:5,.5", "bilinear", "kaiser:3,2", "gaussian:0.5")
    assert parsed("width", "1,2,3") == (1, 2, 3)
    settings = Settings("ulyanov", upsample=mixed)
    assert Settings(like=settings.config()) == settings


def test_settings_are_restored_from_what_a_store_records():
    settings = Settings("chakrabarty", width=(16, 32), depth=2, save_at="log:5")
    assert Settings(like=settings.config()) == settings
    assert Settings(like={**settings.config(), "of_a_later_version": 1}) == settings


@pytest.mark.parametrize(
    ("iterations", "every"),
    [(0, 1), (1, 1), (100, 1), (101, 2), (200, 2), (201, 5), (1000, 10), (3000, 50), (30000, 500)],
)
def test_frames_are_saved_every_hundredth_rounded_up(iterations, every):
    assert Settings("ulyanov", iterations=iterations).auto_every == every


@pytest.mark.parametrize(
    ("given", "saves"),
    [
        ({"iterations": 25, "save_every": 10}, [0, 10, 20, 25]),
        ({"iterations": 20, "save_every": 10}, [0, 10, 20]),
        ({"iterations": 0}, [0]),
        ({"iterations": 9, "save_at": "3,5,99"}, [3, 5, 9]),
        ({"iterations": 9, "save_at": "3", "save_every": 4}, [0, 3, 4, 8, 9]),
        ({"iterations": 60, "save_at": "0,20", "preset": "chakrabarty"}, [0, 20, 60]),
        (
            {"iterations": 6, "save_at": "3", "save_every": 2, "preset": "chakrabarty"},
            [0, 2, 3, 4, 6],
        ),
        ({"iterations": 1000, "save_at": "log:4"}, [0, 1, 10, 100, 1000]),
    ],
)
def test_save_every_and_save_at_choose_the_frames(given, saves):
    assert Settings(**{"preset": "ulyanov", **given}).saves() == saves


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"arch": "dop"}, "did you mean 'dip'"),
        ({"iterations": -1}, "--iterations must be from 0"),
        ({"lr": math.nan}, "--lr must be a finite number"),
        ({"average": 1.0}, "--average must be from 0"),
        ({"pad": "mirror"}, "--pad must be one of zero, reflect"),
        ({"upsample": ("cubic",)}, "no upsampling method is called 'cubic'"),
        (
            {"activation": "tanh"},
            "no activation is called 'tanh'; choose one of leaky-relu",
        ),
        ({"activation": "relu:2"}, "it takes no value, not ':2'; usage: relu"),
        ({"activation": "leaky-relu:x"}, "slope must be a number"),
        ({"activation": "leaky-relu:-1"}, "slope must be at least 0"),
        ({"norm": "instance"}, "--norm must be one of batch, mean-only, none"),
        ({"width": (1, 2, 3)}, "--width has 3 values for 5 levels"),
        ({"kernel": (4,)}, "--kernel must be odd"),
        ({"dropout": (1.0,)}, "--dropout must be from 0 to 0.99"),
        ({"dropout": (0.1, 0.2)}, "--dropout has 2 values for 5 levels"),
        ({"dropout": (0.1,), "arch": "generator"}, "generator has none"),
        ({"threads": "0"}, "--threads must be auto or a whole number"),
        ({"device": "tpu"}, "--device must be auto"),
        ({"time": "3 weeks"}, "--time must be a number with"),
        ({"save_at": "log"}, "--save-at must be I,J"),
        ({"save_at": "1;2"}, "--save-at must be I,J"),
    ],
)
def test_invalid_settings_are_refused_with_their_name(given, message):
    with pytest.raises(UsageError, match=message):
        Settings("ulyanov", **given)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", math.inf), ("90", 90), ("90s", 90), ("20m", 1200), ("7h", 25200), ("0.5h", 1800)],
)
def test_time_limits_have_units(text, seconds):
    assert Settings(time=text).seconds == seconds


def test_every_option_has_a_help_sentence():
    for f in fields(Settings):
        assert f.metadata["help"].endswith("."), f.name


def test_a_depth_that_an_image_is_too_small_for_gives_way_or_is_refused():
    settings = Settings("ulyanov", depth=5, width=(1, 2, 3, 4, 5))
    assert settings.shallower((32, 7), fixed=True) is settings
    assert settings.shallower((8, 9), fixed=False).width == (1, 2, 3)
    assert settings.shallower((1, 1), fixed=False).depth == 1
    with pytest.raises(UsageError, match="the largest depth is 3"):
        settings.shallower((8, 9), fixed=True)
    for arch in ("decoder", "deep-decoder", "conv-decoder", "generator"):
        assert Settings("ulyanov", arch=arch).shallower((8, 9), fixed=False).depth == 3
    assert Settings("ulyanov", arch="relunet", depth=10).shallower((8, 9), fixed=True).depth == 10
    mixed = Settings("ulyanov", depth=3, stride=(4, 2, 32))
    assert mixed.shallower((8, 9), fixed=False).stride == (4, 2)


def test_the_image_decides_the_task_auto():
    image = Image(np.zeros((1, 64, 64), np.float32))
    holed = image.with_pixels(np.where(np.eye(64), np.nan, image.pixels))
    assert str(tasks.resolve("auto", image, "a.png")) == "denoise"
    assert str(tasks.resolve("auto", holed, "a.png")) == "inpaint"
    assert str(tasks.resolve("denoise", holed, "a.png")) == "denoise"
    with pytest.raises(DipError, match="every pixel is unknown"):
        tasks.resolve("auto", image.with_pixels(image.pixels * np.nan), "a.png")
    task = tasks.parse("inpaint")
    assert Settings().settle(task, (64, 64), image.pixels, fixed_depth=False).stop == "none"


def test_a_rule_decides_the_number_of_threads(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(16)), raising=False)
    for name in ("SLURM_CPUS_PER_TASK", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    settings = Settings(device="cpu")
    assert machine.cores() == 16
    assert hardware.Hardware.choose(settings, 1e12, 1).threads == 16
    assert hardware.Hardware.choose(settings, 1e12, 4).threads == 4
    assert hardware.Hardware.choose(settings, 1e12, 40).threads == 1
    assert hardware.Hardware.choose(settings, 1e6, 1).threads == 1
    assert hardware.Hardware.choose(replace(settings, threads="3"), 1e6, 1).threads == 3
    assert hardware.parallel_fits(settings, 5) == 5
    assert hardware.parallel_fits(settings, 50) == 16
    assert hardware.parallel_fits(replace(settings, threads="8"), 50) == 2
    assert hardware.parallel_fits(replace(settings, jobs="3"), 50) == 3
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "4")
    assert machine.cores() == 4
    monkeypatch.setenv("OMP_NUM_THREADS", "2,1")
    assert machine.cores() == 2


def test_settings_without_arguments_are_the_defaults_that_help_shows():
    settings = Settings()
    assert default_values() == {f.name: getattr(settings, f.name) for f in fields(Settings)}


def test_settings_take_plain_numbers_and_lists_for_levels():
    assert Settings("ulyanov", width=8, depth=2, skip=[1, 2]).levels("width") == (8, 8)
    with pytest.raises(UsageError, match="no setting is called 'widht'; did you mean 'width'"):
        Settings(widht=8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"iterations": "5"}, "iterations must be a whole number, not '5'"),
        ({"lr": None}, "lr must be a number, not None"),
        ({"width": [8, 4.5]}, "width must be a whole number, or a list of them, not"),
        ({"full": 1}, "full must be true or false, not 1"),
    ],
)
def test_settings_refuse_values_of_another_type(options, message):
    with pytest.raises(UsageError, match=message):
        Settings(**options)


def test_settings_hold_the_types_of_their_fields():
    """Numbers of numpy are recorded as those of Python, and a whole number as a float."""
    settings = Settings(iterations=np.int64(5), lr=1, width=[np.int32(8)], depth=1)
    assert [type(settings.iterations), type(settings.lr)] == [int, float]
    assert [type(n) for n in settings.width] == [int]


def test_a_file_of_settings_gives_them_back(tmp_path):
    settings = Settings("shi", width=(8, 4), depth=2, lr=0.25, full=True, time="90s")
    path = tmp_path / "fit.toml"
    path.write_text(write_settings(settings, {"memory_bytes": 3}))
    assert Settings(**read_settings(str(path))) == settings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("widht = 8", "no setting is called 'widht'; did you mean 'width'"),
        ("lr = 'fast'", "lr must be a number, not 'fast'"),
        ("width = [1.5]", "width must be a whole number, or a list of them"),
        ("full = 1", "full must be true or false"),
        ("iterations = true", "iterations must be a whole number"),
        ("lr =", "is not a TOML file"),
    ],
)
def test_a_wrong_file_of_settings_is_refused_with_the_nearest_name(tmp_path, text, message):
    path = tmp_path / "fit.toml"
    path.write_text(text)
    with pytest.raises(DipError, match=message):
        read_settings(str(path))


def test_a_machine_without_the_means_of_linux_has_fallbacks(monkeypatch):
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("pathlib.Path.read_text", _refuse)
    monkeypatch.setattr("ctypes.CDLL", _refuse)
    for name in ("SLURM_CPUS_PER_TASK", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert machine.cores() >= 1
    assert machine.available_memory() > 0
    assert machine.has_bfloat16() is False
    assert machine.cuda_devices() == 0
    machine.keep_memory()


def _refuse(*_args, **_named):
    raise OSError


def test_limits_of_openmp_do_not_change_the_estimated_rate(monkeypatch):
    """The rate is that of one core, whatever the number of threads that multiply."""
    monkeypatch.setattr("time.perf_counter", iter(range(1000)).__next__)
    monkeypatch.setattr(machine, "affinity", lambda: 8)
    rates = []
    for limit in ("8", "2"):
        monkeypatch.setenv("OMP_NUM_THREADS", limit)
        monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
        machine.flops_per_second.cache_clear()
        rates.append(machine.flops_per_second() * int(limit))
    machine.flops_per_second.cache_clear()
    assert rates[0] == rates[1]


def test_each_of_several_gpus_has_a_worker(monkeypatch):
    monkeypatch.setattr(machine, "cuda_devices", lambda: 3)
    settings = Settings(device="cuda")
    assert hardware.parallel_fits(settings, 8) == 3
    assert hardware.parallel_fits(settings, 2) == 2
    assert hardware.parallel_fits(replace(settings, device="cuda:1"), 8) == 1
    assert hardware.parallel_fits(replace(settings, jobs="6"), 8) == 6
    here = hardware.Hardware("cuda:0", "float32", 1)
    names = [hardware.placed(here, settings, slot).device for slot in range(6)]
    assert names == ["cuda:0", "cuda:1", "cuda:2"] * 2
    named = replace(settings, device="cuda:0")
    assert {hardware.placed(here, named, slot).device for slot in range(6)} == {"cuda:0"}
    on_cpu = hardware.Hardware("cpu", "float32", 1)
    assert hardware.placed(on_cpu, Settings(), 2) == on_cpu


def test_the_limit_of_open_files_is_raised_as_far_as_it_may_be():
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        assert machine.open_files() == min(before[1], 8192)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(before[1], 8192)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
