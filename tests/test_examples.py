"""The examples in their smallest size, as a user runs them: from a folder of his own."""

import csv
import io
import os
import subprocess
from functools import cache
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "examples"
PARTS = {"demo.sh", "sizes.sh"}  # what `make demo` runs; what the others share
EXAMPLES = sorted(path.name for path in FOLDER.glob("*.sh") if path.name not in PARTS)
COLUMNS = {  # of the table that each prints
    "batch.sh": "store status iterations rule chosen seconds error",
    "control.sh": "store best_psnr best_iteration final_psnr seconds",
    "decoder.sh": "store best_psnr best_iteration final_psnr iterations seconds",
    "denoising.sh": "image network published here difference iteration seconds",
    "gp.sh": "a b iteration sse mse psnr",
    "lowfreq.sh": "a b iteration band low high sse",
    "sgld.sh": "store config.optimizer rule chosen psnr best_psnr best_iteration final_psnr "
    "seconds",
    "slurm.sh": "store status iterations chosen host seconds error",
    "stopping.sh": "store rule chosen psnr best_psnr best_iteration iterations seconds",
    "trajectories.sh": "a b first_convergence first_sse peak peak_sse second_convergence "
    "second_sse peak_ratio",
    "upsampling.sh": "a b iteration band low high sse",
}


@pytest.fixture(scope="module")
def run(warm):
    """Run an example in a folder; its `dip` is one that has imported what it needs."""

    def run(name, folder, *words, **environment):
        path = f"{warm.folder}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            [FOLDER / name, *words],
            check=False,
            cwd=folder,
            env={**os.environ, "PATH": path, "QUICK": "1", **environment},
            capture_output=True,
            text=True,
            timeout=600,
        )

    return run


def table(text, header):
    lines = text.splitlines()
    start = lines.index("\t".join(header.split()))
    return list(csv.DictReader(io.StringIO("\n".join(lines[start:])), delimiter="\t"))


@pytest.fixture(scope="module")
def example(run, tmp_path_factory):
    """What an example did, and the folder it was called from; each is run once."""

    @cache
    def once(name):
        folder = tmp_path_factory.mktemp("example")
        return run(name, folder), folder

    return once


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_and_is_listed(name, example):
    done, folder = example(name)
    assert done.returncode == 0, done.stderr
    if name in COLUMNS:
        assert table(done.stdout, COLUMNS[name])
    made = folder / "made" / "quick" / name.removesuffix(".sh")
    drawn = [word for word in done.stderr.split() if word.endswith((".svg", ".html"))]
    assert all((made / picture).stat().st_size > 1000 for picture in drawn)
    assert f"]({name})" in (FOLDER / "README.md").read_text()


def test_the_denoising_table_compares_with_the_poster(tmp_path, dip, run):
    """A folder of images, of which the poster knows one by its name, at its own factor."""
    (tmp_path / "set9").mkdir()
    for name in ("House", "other"):
        image = tmp_path / "set9" / f"{name}.png"
        dip("corrupt", "builtin:astronaut", "downsample:8", "-o", image)
    done = run("denoising.sh", tmp_path, "set9", FACTOR="4")
    assert done.returncode == 0, done.stderr
    rows = {(r["image"], r["network"]): r for r in table(done.stdout, COLUMNS["denoising.sh"])}
    assert len(rows) == 8
    house = rows["House", "linear-2048"]
    assert house["published"] == "18.89"
    assert float(house["difference"]) == pytest.approx(float(house["here"]) - 18.89, abs=0.006)
    assert rows["other", "dip"]["published"] == rows["other", "dip"]["difference"] == ""


def test_an_example_goes_on_where_it_was_and_refuses_two_sizes(example, run):
    first, folder = example("trajectories.sh")
    again = run("trajectories.sh", folder)
    assert again.returncode == 0
    assert again.stdout == first.stdout
    assert again.stderr.count("is finished already") == 2
    assert run("trajectories.sh", folder, FULL="1").returncode == 2
