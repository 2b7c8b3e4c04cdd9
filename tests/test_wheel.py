"""The built wheel, in an environment that holds what users get and nothing else."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

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
