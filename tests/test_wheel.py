"""The built wheel, in an environment that holds what users get and nothing else."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest

from dipcli.store import open_store

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The bin directory of a fresh environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    run(*pip, "wheel", "--no-deps", "-w", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "env", with_pip=False)
    constraints = ROOT / "constraints.txt"
    python = folder / "env/bin/python"
    run(*pip, "--python", python, "install", "--no-compile", "-c", constraints, wheel)
    return folder / "env"


def run(*words, **options):
    done = subprocess.run([*map(str, words)], capture_output=True, check=False, **options)
    assert done.returncode == 0, done.stderr.decode()
    return done


def test_it_works_without_what_developers_have(installed, tmp_path):
    dip = installed / "bin/dip"
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    run(dip, "--help", env=env, cwd=tmp_path)
    run(
        dip,
        "corrupt",
        "builtin:triangle:0.5:32",
        "gaussian:25",
        "-o",
        "n.tif",
        env=env,
        cwd=tmp_path,
    )
    options = ("--width", "4", "--depth", "2", "--iterations", "2", "--image", "r.tif")
    done = run(dip, "fit", "n.tif", *options, "-o", "t.zarr", env=env, cwd=tmp_path)
    assert done.stdout == b"t.zarr\n"
    run(dip, "corrupt", "t.zarr/run-0@1", "-o", "frame.png", env=env, cwd=tmp_path)


def test_completions_are_installed(installed):
    for path in (
        "bash-completion/completions/dip",
        "zsh/site-functions/_dip",
        "fish/vendor_completions.d/dip.fish",
    ):
        assert (installed / "share" / path).stat().st_size > 1000


def test_man_pages_are_installed(installed):
    there = {path.name for path in (installed / "share/man/man1").iterdir()}
    assert there >= {path.name for path in (ROOT / "man").iterdir()}


VIEW = """
import json, sys
from napari.components import ViewerModel
from npe2 import PluginManager

PluginManager.instance().discover()
viewer = ViewerModel()  # without a window
viewer.open("t.zarr", plugin="dipcli")
frames = viewer.layers["run-0 frames"]
values = []
for place in range(viewer.dims.nsteps[0]):
    viewer.dims.set_current_step(0, place)
    at = viewer.dims.point[0]
    values.append([at, float(frames.get_value((at, 3, 5), world=True))])
names = [layer.name for layer in viewer.layers]
json.dump([names, list(viewer.dims.axis_labels), values], sys.stdout)
"""


def test_napari_opens_a_store(installed, tmp_path):
    """The real viewer, which finds the reader by itself."""
    python, pip = installed / "bin/python", [sys.executable, "-m", "pip", "--quiet"]
    pins = ("-c", ROOT / "constraints.txt", "-c", ROOT / "tests/napari.txt")
    run(*pip, "--python", python, "install", "--no-compile", *pins, "napari")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NAPARI_CONFIG": "settings.yaml"}
    options = ("--width", "4", "--depth", "2", "--iterations", "25", "--save-every", "10")
    image = ("builtin:triangle:0.5:16", "--stop", "none", "-o", "t.zarr")
    run(installed / "bin/dip", "fit", *image, *options, env=env, cwd=tmp_path)
    shown = run(python, "-c", VIEW, env=env, cwd=tmp_path).stdout
    names, axes, values = json.loads(shown)
    assert names == ["target", "run-0 average", "run-0 estimate", "run-0 frames"]
    assert axes == ["iteration", "y", "x"]
    with open_store(tmp_path / "t.zarr") as store:
        pixels = [float(frame[0, 3, 5]) for _, frame in store.run(0).frames()]
    assert values == [[at, pixel] for at, pixel in zip((0, 10, 20, 30), pixels, strict=True)]


PLUGIN = {
    "pyproject.toml": """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "dip-plugin"
version = "1.0"
[project.entry-points."dipcli.architectures"]
three-layers = "dip_plugin:three_layers"
broken = "dip_plugin:absent"
[project.entry-points."dipcli.losses"]
charbonnier = "dip_plugin:charbonnier"
[project.entry-points."dipcli.rules"]
at-two = "dip_plugin:AtTwo"
[project.entry-points."dipcli.measures"]
contrast = "dip_plugin:contrast"
[project.entry-points."dipcli.degradations"]
fog = "dip_plugin:fog"
[project.entry-points."dipcli.tasks"]
brighten = "dip_plugin:Brighten"
""",
    "dip_plugin.py": """
from dataclasses import dataclass
from typing import ClassVar

from dipcli import Rule, Task


def three_layers(input_channels, channels):
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(input_channels, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, channels, 1),
        nn.Sigmoid(),
    )


def charbonnier(output, target):
    return ((output - target).square() + 1e-6).sqrt().mean()


class AtTwo(Rule):
    name: ClassVar[str] = "at-two"

    def see(self, observation):
        self.sure = observation.iteration == 2
        return self.sure and self.choose(observation.iteration)


def contrast(frame):
    return float(frame.max() - frame.min())


def fog(pixels, rng, strength=0.3):
    return (1 - strength) * pixels + strength


@dataclass(frozen=True)
class Brighten(Task):
    name: ClassVar[str] = "brighten"

    def estimate(self, output, target):
        return output * 0 + 1
""",
}


def test_a_package_with_entry_points_is_used_by_its_names(installed, tmp_path):
    """A new network, loss, rule, measure, degradation and task, with nothing changed in dip."""
    folder = tmp_path / "plugin"
    folder.mkdir()
    for name, text in PLUGIN.items():
        (folder / name).write_text(text)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    python, dip = installed / "bin/python", installed / "bin/dip"
    run(*pip, "--python", python, "install", "--no-deps", folder)
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    def call(*words):
        return run(dip, *words, env=env, cwd=tmp_path).stdout.decode()

    call("corrupt", "builtin:triangle:0.5:16", "fog,strength=0.5", "-o", "n.png")
    words = ("--arch", "three-layers", "--loss", "charbonnier", "--stop", "at-two")
    words += ("--record", "contrast", "--task", "brighten", "--iterations", "5", "--image", "r.npy")
    assert call("fit", "n.png", *words, "-o", "t.zarr") == "t.zarr\n"
    rows = call("report", "t.zarr", "--columns", "arch,task,rule,chosen", "--no-header")
    assert rows.split() == ["three-layers", "brighten", "at-two", "2"]
    measured = call("spectrum", "t.zarr", "--measure", "contrast").splitlines()
    assert measured[0].split("\t")[-1] == "contrast"
    assert len(measured) > 2
    assert (np.load(tmp_path / "r.npy") == 255).all()
    assert "three-layers" in call("fit", "--help")
    done = subprocess.run(
        [dip, "fit", "n.png", "--arch", "broken"], capture_output=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 1
    assert b"cannot load broken" in done.stderr
