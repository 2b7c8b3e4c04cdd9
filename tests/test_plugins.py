"""Code of the user's as architectures, losses and rules: from a module, a file, or an object."""

import sys
from pathlib import Path
from signal import SIGKILL

import numpy as np
import pytest
import torch
from torch import nn

from dipcli.errors import DipError, UsageError
from dipcli.fitting.loop import Fit
from dipcli.fitting.losses.base import Target
from dipcli.fitting.settings import Settings
from dipcli.fitting.stopping.base import Observation
from dipcli.fitting.stopping.watch import Watch
from dipcli.nets.cost import cost
from dipcli.nets.foreign import adapt
from dipcli.registry import ARCHITECTURES, LOSSES, RULES
from dipcli.store import open_store

NETS = '''
import torch
from torch import nn


class Siren(nn.Module):
    """Sine activations on coordinates (Sitzmann and others, 2020)."""

    defaults = {"input": "meshgrid", "input_noise": 0.0, "lr": 1e-3}

    def __init__(self, channels, input_channels, width=16, omega=30.0):
        super().__init__()
        self.omega = omega
        self.first = nn.Conv2d(input_channels, width, 1)
        self.hidden = nn.Conv2d(width, width, 1)
        self.last = nn.Conv2d(width, channels, 1)

    def forward(self, z):
        x = torch.sin(self.omega * self.first(z))
        return torch.sigmoid(self.last(torch.sin(self.omega * self.hidden(x))))


def unet(channels, input_channels, settings):
    width = settings.width[0]
    return nn.Sequential(
        nn.Conv2d(input_channels, width, 3, padding=1), nn.ReLU(), nn.Dropout(0.5),
        nn.Conv2d(width, channels, 3, padding=1),
    )


unet.multiple = 8


def small(channels):
    return nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Conv2d(32, channels, 1))


def needy(channels, blocks):
    return nn.Identity()
'''

CODE = {
    "mynets": NETS,
    "mylosses": '''
import torch


def charbonnier(output, target):
    """Smooth absolute differences."""
    return torch.sqrt((output - target) ** 2 + 1e-6).mean()


def image(output, target):
    return output - target
''',
    "myrules": '''
from dipcli.fitting.stopping.base import Rule


class AtTen(Rule):
    """Stops at iteration 10."""

    def see(self, observation):
        self.sure = observation.iteration == 10
        return self.sure and self.choose(observation.iteration)
''',
}
TARGET = np.random.default_rng(0).random((3, 12, 20), dtype=np.float32)


@pytest.fixture(autouse=True)
def code(here):
    """The modules above, in the working directory; forgotten again after the test."""
    for name, text in CODE.items():
        Path(f"{name}.py").write_text(text)
    yield
    for name in CODE:
        sys.modules.pop(name, None)
    sys.path[:] = [folder for folder in sys.path if folder != str(here)]


def frames(**options):
    return list(Fit(TARGET, Settings(**{"iterations": 12, "device": "cpu", **options}), 0).frames())


@pytest.mark.parametrize("name", ["mynets:Siren", "mynets.py:Siren", "mynets:Siren,omega=10"])
def test_a_module_class_is_fitted_with_its_defaults_and_keys(name):
    settings = Settings(arch=name, iterations=12)
    assert (settings.input, settings.input_noise, settings.lr) == ("meshgrid", 0.0, 1e-3)
    assert Settings(arch=name, lr=0.5).lr == 0.5
    net = settings.architecture.build(settings, 3, (12, 20))
    assert net.module.omega == (10.0 if "omega" in name else 30.0)
    fitted = frames(arch=name)
    assert fitted[-1].loss < fitted[0].loss
    assert fitted[-1].image.shape == TARGET.shape


def test_usage_lists_the_parameters_that_have_defaults():
    assert ARCHITECTURES.find("mynets:Siren").usage() == "mynets:Siren,width=16,omega=30"
    with pytest.raises(UsageError, match="no key 'depth'; usage: mynets:Siren"):
        Settings(arch="mynets:Siren,depth=3")
    with pytest.raises(UsageError, match="width must be a whole number"):
        Settings(arch="mynets:Siren,width=wide")


def test_a_function_gets_the_settings_and_its_images_are_padded():
    settings = Settings(arch="mynets:unet", width=4)
    assert settings.padded((12, 20)) == (16, 24)
    assert frames(arch="mynets:unet", width=4)[0].image.shape == TARGET.shape


def test_dropout_of_a_users_module_repeats():
    one, other = ([f.loss for f in frames(arch="mynets:unet")] for _ in range(2))
    assert one == other
    assert len(set(one)) == len(one)


def test_a_module_is_copied_for_each_run():
    module = nn.Conv2d(32, 3, 1)
    before = module.weight.detach().clone()
    name = ARCHITECTURES.add(module)
    options = {"arch": name, "input_channels": 32}
    assert frames(**options)[-1].loss == frames(**options)[-1].loss
    assert torch.equal(module.weight, before)


@pytest.mark.parametrize("name", ["mynets:Siren", "mynets:unet"])
def test_the_cost_counts_parameters_and_flops(name):
    settings = Settings(arch=name, width=4)
    net = settings.architecture.build(settings, 3, (16, 24))
    counted = cost(settings, 3, (16, 24))
    assert counted.parameters == sum(p.numel() for p in net.parameters())
    weights = sum(p.numel() for p in net.parameters() if p.dim() > 1)
    assert counted.flops == 3 * 2 * weights * 16 * 24
    assert counted.activations > 3 * 16 * 24


def test_a_wrong_shape_is_an_error_that_says_both_shapes():
    with pytest.raises(DipError, match=r"returned the shape \(1, 3, 4, 4\).*\(1, 3, 12, 20\)"):
        frames(arch="mynets:small", input_channels=32)


def test_code_that_cannot_be_used_is_refused():
    for name, message in (
        ("mynets:needy", "has a parameter 'blocks' without default"),
        ("mynets:Sirens", "has no 'Sirens'"),
        ("nonets:Siren", "no module 'nonets'"),
        ("mynets:Siren,lipschitz=1", "no key 'lipschitz'"),
    ):
        with pytest.raises(UsageError, match=message):
            Settings(arch=name)
    with pytest.raises(UsageError, match="of type int"):
        adapt("object:int", 3)
    with pytest.raises(UsageError, match="--lipschitz bounds k x k convolutions"):
        Settings(arch="mynets:unet", lipschitz="1")


def test_a_function_is_a_loss_that_ignores_unknown_pixels():
    loss = LOSSES.parse("mylosses:charbonnier")
    output = torch.rand(1, 3, 12, 20)
    known = torch.rand(1, 3, 12, 20) < 0.5
    values = torch.where(known, torch.from_numpy(TARGET)[None], 0)
    expected = torch.sqrt(torch.where(known, output - values, 0) ** 2 + 1e-6).mean()
    torch.testing.assert_close(loss(output, Target(values, known)), expected)
    fitted = frames(loss="mylosses:charbonnier")
    assert fitted[-1].loss < fitted[0].loss
    assert LOSSES.find("mylosses:charbonnier").__doc__ == "Smooth absolute differences."


def test_a_loss_must_return_one_number():
    with pytest.raises(DipError, match="one number"):
        frames(loss="mylosses:image")


def test_a_loss_of_the_users_needs_whole_images():
    with pytest.raises(UsageError, match="needs whole images"):
        Settings(arch="relunet", loss="mylosses:charbonnier")


def test_a_rule_of_the_users_ends_the_fit():
    watch = Watch("myrules:AtTen", TARGET)
    for frame in frames():
        watch.see(frame)
        if watch.sure:
            break
    assert (watch.active, watch.chosen, watch.sure) == ("myrules:AtTen", 10, True)
    assert watch.verdicts()[watch.active] == {"iteration": 10, "sure": True}
    arrays, attrs = watch.state()
    other = Watch("myrules:AtTen", TARGET)
    other.restore(arrays, attrs)
    assert other.chosen == 10


def test_code_of_the_users_records_its_file_and_digest():
    source = ARCHITECTURES.source("mynets:Siren")
    assert source["file"] == "mynets.py"
    assert len(source["sha256"]) == 64
    assert RULES.source("whiteness") is None
    assert LOSSES.source("mylosses:charbonnier")["file"] == "mylosses.py"


def test_a_rule_sees_observations():
    rule = RULES.parse("myrules:AtTen")
    rule.begin(0.1)
    image = np.zeros((1, 4, 4), np.float32)
    assert rule.see(Observation(10, image, 0.1, image.ravel(), image, np.nan))


# -- on the command line -----------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """A working directory with code of the user's beside an image."""
    for name, text in CODE.items():
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


def test_a_network_beside_the_image_is_fitted_killed_resumed_measured_and_reported(
    folder, dip, start_dip
):
    dip("corrupt", "builtin:triangle:0.5:16", "gaussian:25", "-o", "noisy.png")
    options = ("--arch", "mynets:Siren,omega=20", "--stop", "none", "--threads", "1")
    options += ("--iterations", "60", "--save-every", "20", "--checkpoint-every", "7")
    dip("fit", "noisy.png", *options, "-o", "whole.zarr")
    process = start_dip("fit", "noisy.png", *options, "-o", "t.zarr", signal_at=(SIGKILL, 250))
    process.communicate()
    assert process.returncode == -SIGKILL
    assert (folder / "t.zarr" / "run-0" / "checkpoint").exists()
    dip("fit", "noisy.png", *options, "-o", "t.zarr")
    whole, resumed = (open_store(str(folder / f"{name}.zarr")).run(0) for name in ("whole", "t"))
    np.testing.assert_array_equal(resumed.estimate, whole.estimate)
    assert resumed.attrs["plugins"]["arch"]["file"] == "mynets.py"
    assert b"fbc" in dip("spectrum", "t.zarr").stdout
    assert b"mynets:Siren" in dip("report", "t.zarr").stdout
    dip("report", "t.zarr", "-o", "page.html")
    (folder / "mynets.py").write_text(NETS + "# another version\n")
    done = dip("fit", "noisy.png", *options, "-o", "t.zarr", code=1)
    assert b"another version of mynets.py for --arch" in done.stderr


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("optimizer", "from dipcli.fitting.optimizers.first_order import Adam as Thing"),
        ("record", "def Thing(frame):\n    return float(frame.max())"),
    ],
)
def test_the_source_of_every_setting_that_names_code_is_recorded(tmp_path, monkeypatch, name, code):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / f"own_{name}.py").write_text(f"{code}\n")
    sources = Settings(**{name: f"own_{name}:Thing"}).sources()
    assert list(sources) == [name]
    assert len(sources[name]["sha256"]) == 64


def test_resume_loads_code_only_when_it_is_named(folder, dip):
    options = ("--width", "4", "--threads", "1", "--stop", "none")
    dip("fit", "builtin:triangle:0.5:16", "--arch", "mynets:Siren", *options, "--iterations", "2")
    name = "triangle-0.5-16.zarr"
    done = dip("fit", "--resume", name, "--iterations", "4", code=2)
    assert b"mynets:Siren" in done.stderr
    dip("fit", "--resume", name, "--iterations", "4", "--arch", "mynets:Siren")
    assert open_store(str(folder / name)).run(0).iterations[-1] == 4


def test_losses_rules_measures_and_degradations_are_named_on_the_command_line(folder, dip):
    (folder / "mine.py").write_text(
        "def fog(pixels, rng):\n    return 0.5 * pixels + 0.5\n\n\n"
        "def contrast(frame):\n    return float(frame.max() - frame.min())\n"
    )
    dip("corrupt", "builtin:triangle:0.5:16", "mine:fog", "-o", "n.png")
    words = (
        "--loss",
        "mylosses:charbonnier",
        "--stop",
        "myrules:AtTen",
        "--record",
        "mine:contrast",
    )
    dip("fit", "n.png", "--width", "4", "--depth", "2", "--threads", "1", *words, "-o", "t.zarr")
    run = open_store(str(folder / "t.zarr")).run(0)
    assert run.attrs["stop"]["iteration"] == 10
    assert run.attrs["stop"]["reason"] == "sure"
    rows = dip("spectrum", "t.zarr", "--measure", "mine:contrast").stdout.decode().splitlines()
    assert rows[0].split("\t") == ["source", "run", "iteration", "contrast"]
    assert len(rows) == 12


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--arch", "absent:Net"), 2, "there is no module 'absent' here or on the Python path"),
        (("--arch", "mynets:Absent"), 2, "has no 'Absent'"),
        (("--arch", "failing:Net"), 1, "cannot load failing:Net: ZeroDivisionError"),
        (("--arch", "mynets.py:Siren,omga=3"), 2, "there is no key 'omga'"),
        (("--loss", "mynets:Siren"), 1, "must be a subclass of dipcli.Loss or a function"),
    ],
)
def test_code_that_fails_explains_itself(folder, dip, words, code, message):
    (folder / "failing.py").write_text("1 / 0\n")
    done = dip("fit", "builtin:triangle:0.5:16", *words, code=code)
    text = " ".join(done.stderr.decode().replace("│", " ").split())
    assert message in text
    assert "Traceback" not in text


@pytest.mark.parametrize("thing", ["os:getpid", "math:pi", "os:system"])
def test_things_of_the_wrong_kind_are_refused_in_one_line(dip, thing):
    dip("corrupt", "builtin:triangle:0.5:16", "-o", "a.png")
    for words in (
        ("corrupt", "a.png", thing, "-o", "b.png"),
        *(("fit", "a.png", option, thing, "-o", "s.zarr") for option in ("--task", "--stop")),
        ("spectrum", "a.png", "--reference", "a.png", "--measure", thing),
    ):
        done = dip(*words, code=None)
        assert done.returncode in (1, 2)
        assert b"bug in dip" not in done.stderr
