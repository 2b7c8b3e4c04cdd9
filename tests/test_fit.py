"""`dip fit` as a script meets it: what it makes, what it prints, how it is resumed."""

import contextlib
import csv
import itertools
import json
import os
import random
import signal
import time
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from dipcli.errors import DipError
from dipcli.fitting.divergence import check_image
from dipcli.images import open_stack, read
from dipcli.store import open_store
from tests import pictures as p
from tests.warm import environment

TINY = ("--width", "4", "--depth", "2", "--threads", "1")
ENDLESS = ("--iterations", "1000000", "--stop", "none")
TRIANGLE = "builtin:triangle:0.5:32"


def runs_of(path):
    with open_store(str(path)) as store:
        return store.runs


def contents(path, run=0):
    """All of a run that is said to be reproducible."""
    found = runs_of(path)[run]
    frames = dict(found.frames())
    return found.iterations.tolist(), frames, found.step_loss, found.scalar("loss")


def assert_same(one, other):
    assert one[0] == other[0]
    for i in one[1]:
        np.testing.assert_array_equal(one[1][i], other[1][i])
    np.testing.assert_array_equal(one[2], other[2])
    np.testing.assert_array_equal(one[3], other[3])


def test_a_pipeline_gives_a_store_twice_the_same(dip, tmp_path):
    """The issue's own line, smaller; in workers or not, a run is the single fit of its seed."""
    options = (*TINY, "--preset", "chakrabarty", "--iterations", "20", "--save-every", "5")
    picture = dip("corrupt", TRIANGLE, "-o", "-").stdout
    line = ("fit", "-", *options, "--seed")
    for name in ("a", "b"):
        more = ("7", "--runs", "2", "--jobs", "2" if name == "a" else "1")
        done = dip(*line, *more, "-o", f"{name}.zarr", stdin=picture)
        assert done.stdout.decode() == f"{name}.zarr\n"
    for run in (0, 1):
        assert contents(tmp_path / "a.zarr", run)[0] == [0, 5, 10, 15, 20]
        assert_same(contents(tmp_path / "a.zarr", run), contents(tmp_path / "b.zarr", run))
    dip(*line, "8", "--runs", "1", "-o", "c.zarr", stdin=picture)
    assert_same(contents(tmp_path / "c.zarr"), contents(tmp_path / "a.zarr", 1))


def test_what_a_store_says(dip, tmp_path):
    dip("corrupt", TRIANGLE, "-o", "clean.png")
    dip("corrupt", "clean.png", "gaussian:25", "-o", "noisy.png")
    done = dip("fit", "noisy.png", *TINY, "--iterations", "30", "--clean", "clean.png")
    assert done.stdout == b"noisy.zarr\n"
    (run,) = runs_of(tmp_path / "noisy.zarr")
    attrs = run.attrs
    assert attrs["status"] == "complete"
    assert attrs["stop"] == {"rule": "whiteness", "iteration": 30, "reason": "iterations"}
    assert (attrs["threads"], attrs["device"], attrs["seed"]) == (1, "cpu", 0)
    assert attrs["config"]["width"] == [4]
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    clean = read(tmp_path / "clean.png").pixels[0]
    frame = np.clip(dict(run.frames())[30][0].astype(np.float64), 0, 1)
    expected = peak_signal_noise_ratio(clean.astype(np.float64), frame, data_range=1)
    np.testing.assert_allclose(run.scalar("psnr")[-1], expected, atol=0.01)
    expected = structural_similarity(clean.astype(np.float64), frame, data_range=1)
    np.testing.assert_allclose(run.scalar("ssim")[-1], expected, atol=1e-3)
    assert np.isfinite(run.scalar("average_psnr")).all()
    np.testing.assert_array_equal(run.estimate, run.average)
    expected = peak_signal_noise_ratio(clean.astype(np.float64), run.estimate[0], data_range=1)
    summary = done.stderr.decode().splitlines()[-2].split()
    assert summary[-3] == f"{expected:.5g}"  # of what is handed out, not of the last frame


KINDS = {
    "1x1": p.npy(np.uint8([[77]])),
    "7x501": p.opencv(np.random.default_rng(0).integers(0, 255, (7, 501)).astype(np.uint8)),
    "gray16": p.tiff(p.gray("uint16", top=4095)),
    "negative": p.tiff((np.random.default_rng(0).random((9, 13)) * 300 - 100).astype(np.float32)),
    "five": p.tiff(p.colour("uint16", 5), planarconfig="contig"),
    "alpha": p.every_format()["rgba.png"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_images_come_back_in_their_own_size_depth_and_scale(dip, tmp_path, kind):
    extension = {"1x1": "npy", "7x501": "png", "alpha": "png"}.get(kind, "tif")
    (tmp_path / f"in.{extension}").write_bytes(KINDS[kind])
    dip(
        "fit", f"in.{extension}", "--width", "4", "--iterations", "3", "--image", f"out.{extension}"
    )
    before = open_stack(tmp_path / f"in.{extension}")
    after = open_stack(tmp_path / f"out.{extension}")
    assert after.numbers.shape == before.numbers.shape
    assert after.numbers.dtype == before.numbers.dtype
    low, high = float(before.numbers.min()), float(before.numbers.max())
    assert after.numbers.min() >= low - (high - low + 1) * 0.01
    image, restored = before.pages()[0], after.pages()[0]
    assert restored.scale == image.scale
    known = ~image.unknown
    if kind == "alpha":  # what was transparent is filled and opaque; the rest is the input's own
        assert not restored.unknown.any()
        np.testing.assert_array_equal(restored.pixels[known], image.pixels[known])
        assert (after.alpha[0][image.unknown[0]] == 255).all()
    assert {path.name for path in tmp_path.iterdir()} == {f"in.{extension}", f"out.{extension}"}


def test_a_stack_gives_stores_and_one_restored_stack(dip, tmp_path):
    stack = p.gray("uint16", 2 * 9, top=4000).reshape(2, 9, 13)
    metadata = {"axes": "ZYX", "unit": "um"}
    data = p.tiff(stack, imagej=True, resolution=(3.0, 3.0), metadata=metadata)
    (tmp_path / "cells.tif").write_bytes(data)
    line = ("fit", "cells.tif", *TINY, "--iterations", "2")
    done = dip(*line, "--jobs", "2", "-o", "{stem}-{page}.zarr", "--image", "r.tif")
    assert done.stdout.decode().split() == ["cells-1.zarr", "cells-2.zarr"]
    announced = [line for line in done.stderr.decode().splitlines() if "parameters" in line]
    assert len(announced) == 1
    assert announced[0].startswith("dip: cells.tif, 2 pages: dip,")
    with tifffile.TiffFile(tmp_path / "r.tif") as restored:
        assert restored.asarray().shape == stack.shape
        assert restored.asarray().dtype == np.uint16
        assert restored.imagej_metadata["unit"] == "um"
    assert dip(*line).stdout.decode().split() == ["cells-p1.zarr", "cells-p2.zarr"]
    dip("fit", "cells.tif", *TINY, "-o", "one.zarr", code=2)


def test_a_restored_image_goes_through_a_pipe_and_leaves_nothing(dip, tmp_path):
    picture = dip("corrupt", TRIANGLE, "gaussian:25").stdout
    done = dip("fit", *TINY, "--iterations", "3", "--image", "-", stdin=picture)
    assert read(done.stdout).size == (32, 32)
    assert not list(tmp_path.iterdir())


def test_a_store_goes_through_a_pipe(dip, tmp_path):
    done = dip("fit", TRIANGLE, *TINY, "--iterations", "3", "-o", "-")
    with open_store(done.stdout) as store:
        assert store.runs[0].iterations.tolist() == [0, 1, 2, 3]
    assert not list(tmp_path.iterdir())
    frame = dip("corrupt", "-", "-o", "f.png", stdin=done.stdout)
    assert b"wrote f.png" in frame.stderr


def test_a_packed_store(dip, tmp_path):
    line = ("fit", TRIANGLE, *TINY, "--iterations", "3", "-o", "t.zarr.zip")
    assert dip(*line).stdout == b"t.zarr.zip\n"
    assert [path.name for path in tmp_path.iterdir()] == ["t.zarr.zip"]
    again = dip(*line)
    assert again.stdout == b"t.zarr.zip\n"
    assert b"finished already" in again.stderr
    assert b"read only" in dip(*line[:-4], "--iterations", "5", *line[-2:], code=1).stderr


def test_several_runs_one_image_or_one_each(dip, tmp_path):
    line = ("fit", TRIANGLE, *TINY, "--iterations", "3", "--runs", "2", "-o", "t.zarr")
    dip(*line, "--image", "mean.npy", "--save-dtype", "float32")
    runs = runs_of(tmp_path / "t.zarr")
    mean = np.mean([run.estimate for run in runs], axis=0)
    got = np.load(tmp_path / "mean.npy")
    assert np.abs(got - mean[0] * 255).max() <= 0.51
    dip(*line, "--image", "r{run}-{seed}.png", "--save-dtype", "float32")
    assert {"r0-0.png", "r1-1.png"} <= {path.name for path in tmp_path.iterdir()}


def test_a_store_named_zip_is_packed_whatever_its_stem(dip, tmp_path):
    quick = (*TINY, "--iterations", "5", "--stop", "none")
    done = dip("fit", TRIANGLE, *quick, "-o", "traj.zip")
    assert done.stdout == b"traj.zip\n"
    assert [path.name for path in tmp_path.iterdir()] == ["traj.zip"]
    assert runs_of(tmp_path / "traj.zip")[0].iterations.tolist()[-1] == 5


def test_images_of_one_name_in_two_folders_are_fits_of_their_own(dip, tmp_path):
    """Without -o neither names a store, so the hidden ones must not meet."""
    for folder, sigma in (("a", "0"), ("b", "80")):
        (tmp_path / folder).mkdir()
        dip("corrupt", TRIANGLE, f"gaussian:{sigma}", "-o", f"{folder}/x.png")
    words = ("fit", "a/x.png", "b/x.png", *TINY, "--iterations", "5", "--stop", "none")
    done = dip(*words, "--image", "{dir}/out.png")
    assert done.returncode == 0
    first, second = (read(str(tmp_path / folder / "out.png")).pixels for folder in "ab")
    assert not np.array_equal(first, second)


def test_names_that_would_clash(dip):
    for words in (
        ("a.png", "b.png", "-o", "x.zarr"),
        ("a/x.png", "b/x.png"),
        ("builtin:camera", "builtin:coins", "--image", "x.png", "-o", "{stem}.zarr"),
        ("builtin:camera", "-o", "-", "--image", "-"),
        ("builtin:camera", "-o", "{other}.zarr"),
    ):
        done = dip("fit", *words, *TINY, "--iterations", "1", code=None)
        assert done.returncode in (1, 2)
        assert not done.stdout
    assert dip("fit", "builtin:camera", "-o", "{other}.zarr", code=2).stderr.count(b"no field")


def test_one_bad_image_of_several(dip, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    done = dip("fit", TRIANGLE, "bad.png", "absent.png", *TINY, "--iterations", "1", code=1)
    assert done.stdout == b"triangle-0.5-32.zarr\n"
    errors = [line for line in done.stderr.decode().splitlines() if "error" in line]
    assert len(errors) == 2
    assert "bad.png" in errors[0]
    assert "absent.png" in errors[1]


def test_a_dry_run_writes_nothing(dip, tmp_path):
    done = dip("fit", "builtin:camera", "--dry-run", "--format", "jsonl")
    plan = json.loads(done.stdout)
    assert plan["parameters"] == 300_321
    assert plan["iterations"] == 2000
    assert (plan["stop"], plan["width"]) == ("auto", "16,32,64,64")
    assert plan["memory_bytes"] > 1e8
    rows = csv.DictReader(
        dip("fit", "builtin:camera", "-n").stdout.decode().splitlines(), delimiter="\t"
    )
    assert {row["setting"]: row["value"] for row in rows} == {
        name: str(value) for name, value in plan.items()
    }
    assert not list(tmp_path.iterdir())


def test_what_does_not_fit_into_memory_is_refused(dip, tmp_path):
    done = dip("fit", "builtin:camera", "--width", "60000", "--iterations", "1", code=1)
    assert b"GB of memory" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_fit_that_is_too_large_or_long_comes_with_advice(dip):
    large = dip("fit", "builtin:camera", "--width", "60000", "-n").stderr
    assert b"this needs more memory than the" in large
    assert b"fit a smaller image (dip corrupt IMAGE crop:WxH" in large
    long = dip("fit", "builtin:camera", "--iterations", "10000000", "--save-every", "100000", "-n")
    assert b"this takes long" in long.stderr
    assert b"this" not in dip("fit", TRIANGLE, *TINY, "--iterations", "1", "-n").stderr


def test_a_diverging_fit_says_so(dip, tmp_path):
    done = dip(
        "fit", TRIANGLE, *TINY, "--iterations", "50", "--lr", "1e6", "--norm", "none", code=1
    )
    assert b"diverged" in done.stderr
    (run,) = runs_of(tmp_path / "triangle-0.5-32.zarr")
    assert run.attrs["status"] == "failed"
    assert "diverged" in run.attrs["error"]


DYING = {
    "dip": ("--arch", "dip", "--norm", "none", "--optimizer", "sgd"),
    "lbfgs": ("--arch", "dip", "--norm", "none", "--optimizer", "lbfgs", "--lr", "100"),
    "relunet": ("--arch", "relunet"),
    "deep-decoder": ("--arch", "deep-decoder"),
}


@pytest.mark.parametrize("name", DYING)
def test_a_fit_that_ends_saturated_has_diverged(dip, tmp_path, name):
    line = ("fit", TRIANGLE, *TINY, "--iterations", "20", "--stop", "none", "-o", "a.zarr")
    done = dip(*line, "--lr", "1e6", *DYING[name], code=1)
    error = done.stderr.decode().splitlines()[-1]
    assert "all values of the image are 0 or 1 at iteration 20: the fit has diverged" in error
    (run,) = runs_of(tmp_path / "a.zarr")
    assert (run.attrs["status"], run.iterations[-1]) == ("failed", 20)
    dip(*line, "-f", *DYING[name], "--lr", "0.01")


FIRST = np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 8, 8)
ONES = np.ones_like(FIRST)


@pytest.mark.parametrize(
    ("image", "first", "target", "died"),
    [
        (ONES, FIRST, FIRST, True),
        (ONES * 0, ONES / 2, FIRST, True),
        (np.rint(1 - FIRST), FIRST, FIRST, True),
        (ONES / 2, FIRST, FIRST, True),
        (ONES / 2, ONES / 2 + FIRST / 100, FIRST, False),  # it never was anything else
        (np.rint(FIRST), FIRST, np.rint(FIRST), False),  # a fit of black and white
        (ONES, FIRST, ONES, False),  # a fit of a constant
        (ONES, FIRST, 1 - FIRST / 1000, False),
        (ONES * 0.3, FIRST, ONES * 0.3, False),
        (ONES / 2 + FIRST / 1000, FIRST, FIRST, False),  # the beginning of a slow fit
        (ONES, FIRST, np.where(FIRST > 0.5, np.nan, 1 - FIRST / 1000), False),
    ],
)
def test_a_constant_image_is_divergence_only_where_it_has_died(image, first, target, died):
    error = float(np.nanmean((image - target) ** 2))
    with pytest.raises(DipError, match="diverged") if died else contextlib.nullcontext():
        check_image(image, first, target, error, 20, 0.01)


def test_masks(dip, tmp_path):
    mask = np.full((32, 32), 255, np.uint8)
    mask[4:9, 4:9] = 0
    (tmp_path / "m.png").write_bytes(p.opencv(mask))
    dip("fit", TRIANGLE, *TINY, "--iterations", "2", "--mask", "m.png", "-o", "t.zarr")
    with open_store(str(tmp_path / "t.zarr")) as store:
        assert np.isnan(store.target).sum() == 25
        assert store.attrs["task"] == "inpaint"
        known = ~np.isnan(store.target)
        np.testing.assert_array_equal(store.runs[0].estimate[known], store.target[known])


def test_settings_of_another_store(dip, tmp_path):
    dip("fit", TRIANGLE, *TINY, "--iterations", "4", "--lr", "0.005", "-o", "a.zarr")
    dip("fit", "builtin:triangle:0.2:32", "--like", "a.zarr", "--iterations", "2", "-o", "b.zarr")
    config = runs_of(tmp_path / "b.zarr")[0].attrs["config"]
    assert (config["lr"], config["width"], config["iterations"]) == (0.005, [4], 2)


# -- resume ------------------------------------------------------------------------------------


LONG = (TRIANGLE, *TINY, "--stop", "none", "--save-every", "8", "--checkpoint-every", "4")
STEPS = ("--iterations", "80")
SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, warm):
    folder = tmp_path_factory.mktemp("whole")
    line = ["fit", *LONG, *STEPS, "--runs", "2", "-o", "t.zarr"]
    done = warm.run(line, stdin=b"", env=environment(), cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "t.zarr"


def wait_for_frames(path, process):
    while process.poll() is None:
        try:
            if all(len(run.iterations) > 2 for run in runs_of(path)[:1]) and runs_of(path):
                return
        except Exception:  # it is not there yet
            time.sleep(0.05)
        time.sleep(0.02)


def goes_on(dip, store, whole, runs):
    """A run was interrupted between two frames; resumed, all have the bits of the whole fit."""
    first = runs_of(store)[0]
    assert first.attrs["status"] == "interrupted"
    saved = first.iterations
    assert 0 < len(saved) < 11
    assert len(first.step_loss) >= saved[-1]
    assert not np.isnan(first.step_loss).any()
    dip("fit", "--resume", store)
    for run in range(runs):
        assert_same(contents(store, run), contents(whole, run))


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_leaves_a_store_that_goes_on(start_dip, dip, tmp_path, whole, number, code):
    """It comes at a file operation in the middle of the fit."""
    store = tmp_path / "t.zarr"
    process = start_dip("fit", *LONG, *STEPS, "-o", "t.zarr", signal_at=(number, 350))
    _, err = process.communicate()
    assert process.returncode == code, err.decode()
    assert b"dip fit --resume t.zarr" in err
    assert b"Traceback" not in err
    goes_on(dip, store, whole, 1)


def test_a_signal_from_outside_ends_workers(start_dip, dip, tmp_path):
    """Steps without end, of which the signal leaves some."""
    options = (*LONG, *ENDLESS, "--runs", "2", "--jobs", "2", "-o", "t.zarr")
    process = start_dip("fit", *options)
    wait_for_frames(tmp_path / "t.zarr", process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130, err.decode()
    assert b"dip fit --resume t.zarr" in err
    assert b"Traceback" not in err
    for run in runs_of(tmp_path / "t.zarr"):
        assert run.attrs["status"] == "interrupted"
        assert len(run.step_loss) >= run.iterations[-1]
        assert not np.isnan(run.step_loss).any()


def test_workers_take_one_run_after_the_other(dip, tmp_path):
    line = ("fit", *LONG, "--iterations", "2", "--runs", "5", "--jobs", "2", "-q", "-o", "t.zarr")
    dip(*line)
    workers = {run.attrs["pid"] for run in runs_of(tmp_path / "t.zarr")}
    assert len(workers) == 2


def test_a_worker_that_dies_is_replaced_twice(start_dip, tmp_path):
    options = (*LONG, *ENDLESS, "--runs", "3", "--jobs", "2", "-o", "t.zarr")
    process = start_dip("fit", *options)
    wait_for_frames(tmp_path / "t.zarr", process)
    killed = set()
    while len(killed) < 3:  # the run goes on in another process
        assert process.poll() is None
        time.sleep(0.05)
        if (pid := runs_of(tmp_path / "t.zarr")[0].attrs["pid"]) not in killed:
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
    while not (tmp_path / "t.zarr" / "run-2").exists():  # then a new worker takes the third run
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert b"its process ended by SIGKILL" in err
    statuses = [run.attrs["status"] for run in runs_of(tmp_path / "t.zarr")]
    assert statuses == ["failed", "interrupted", "interrupted"]


def test_a_second_writer_is_told_who_is_first(start_dip, dip, tmp_path):
    process = start_dip("fit", *LONG, *ENDLESS, "-o", "t.zarr")
    try:
        wait_for_frames(tmp_path / "t.zarr", process)
        done = dip("fit", *LONG, *ENDLESS, "-o", "t.zarr", code=1)
        assert f"is being written by pid {process.pid} on".encode() in done.stderr
        assert b"is being written" in dip("fit", "--resume", "t.zarr", code=1).stderr
    finally:
        process.kill()
        process.communicate()


def test_larger_iterations_and_runs_extend_a_store(dip, tmp_path):
    line = ("fit", TRIANGLE, *TINY, "--save-every", "4")
    dip(*line, "--iterations", "18", "--runs", "2", "-o", "once.zarr")
    dip(*line, "--iterations", "10", "-o", "grown.zarr")
    assert contents(tmp_path / "grown.zarr")[0] == [0, 4, 8, 10]
    dip(*line, "--iterations", "18", "-o", "grown.zarr")
    dip(*line, "--iterations", "18", "--runs", "2", "-o", "grown.zarr")
    for run in (0, 1):
        assert_same(contents(tmp_path / "grown.zarr", run), contents(tmp_path / "once.zarr", run))
    done = dip(*line, "--iterations", "18", "-o", "grown.zarr")
    assert b"finished already" in done.stderr
    assert done.stdout == b"grown.zarr\n"


def test_what_changes_the_bits_is_refused(dip, tmp_path):
    line = ("fit", TRIANGLE, *TINY, "--iterations", "4", "-o", "t.zarr")
    dip(*line)
    for words, what in (
        (("--lr", "0.5"), b"--lr 0.005, not 0.5"),
        (("--seed", "3"), b"--seed 0, not 3"),
        (("--threads", "2"), b"--threads 1, not 2"),
        (("--iterations", "3"), b"--iterations 4, not 3"),
    ):
        done = dip(*line, *words, code=1)
        assert what in done.stderr
        assert b"or -f to overwrite" in done.stderr
    other = ("fit", "builtin:triangle:0.2:32", *line[2:])
    assert b"other pixels" in dip(*other, code=1).stderr
    for words in (("--seed", "3"), ("--iterations", "3")):
        dip(*line, *words, "--force")
    assert runs_of(tmp_path / "t.zarr")[0].attrs["seed"] == 0
    assert runs_of(tmp_path / "t.zarr")[0].iterations[-1] == 3


def test_time_ends_a_fit_as_a_stop_does(dip, tmp_path):
    done = dip("fit", TRIANGLE, *TINY, *ENDLESS, "--time", "1s", "-o", "t.zarr")
    assert done.returncode == 0
    (run,) = runs_of(tmp_path / "t.zarr")
    stop = run.attrs["stop"]
    assert (run.attrs["status"], stop["reason"]) == ("complete", "time")
    assert run.iterations[-1] == stop["iteration"] == len(run.step_loss)
    assert run.estimate is not None


def test_a_broken_checkpoint_is_an_error(dip, tmp_path):
    line = ("fit", TRIANGLE, *TINY, "--save-every", "4", "-o", "t.zarr")
    dip(*line, "--iterations", "8")
    (weights,) = (tmp_path / "t.zarr/run-0/checkpoint").glob("state-*/weights/c/0")
    data = bytearray(weights.read_bytes())
    data[10] ^= 1
    weights.write_bytes(data)
    done = dip(*line, "--iterations", "12", code=1)
    assert b"checkpoint of" in done.stderr
    assert b"broken" in done.stderr


def test_progress_in_a_log_file_is_plain_lines(here, monkeypatch, capfd):
    """Every step is news, and takes six seconds by the clock of the progress."""
    from dipcli.cli import main, progress
    from dipcli.fitting import run

    now = itertools.count(0, 6)  # of each piece of news, whatever asks for it
    update = progress.Progress.update

    def tick(self, *args, **figures):
        moment = float(next(now))
        monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: moment))
        update(self, *args, **figures)

    monkeypatch.setattr(progress.Progress, "update", tick)
    monkeypatch.setattr(run, "NEWS_SECONDS", 0)
    monkeypatch.setattr("sys.argv", ["dip", "fit", TRIANGLE, *TINY, "--iterations", "4"])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    err = capfd.readouterr().err
    lines = [line.split(", ") for line in err.splitlines() if "it/s" in line]
    assert [line[0].rsplit(" ", 1)[1] for line in lines] == ["1/4", "2/4", "3/4", "4/4"]
    assert all(line[1].startswith("loss ") for line in lines)
    assert [line[-2:] for line in lines] == [
        ["0.167 it/s", f"{left} s left"] for left in (18, 12, 6, 0)
    ]
    assert "\x1b" not in err


def test_killed_at_random_moments(start_dip, dip, tmp_path, whole):
    """Twenty SIGKILLs; the fit goes on each time, bit-identical to an uninterrupted one."""
    rng = random.Random(1)
    line = ("fit", *LONG, *STEPS, "-q", "-o", "t.zarr")
    for _ in range(20):
        at = rng.randrange(1, 120)
        process = start_dip(*line, signal_at=(signal.SIGKILL, at))
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    dip(*line)
    assert_same(contents(tmp_path / "t.zarr"), contents(whole))


def test_what_is_recorded_without_frames(dip, tmp_path):
    dip("corrupt", TRIANGLE, "-o", "clean.png")
    line = ("fit", "clean.png", *TINY, "--iterations", "12", "--save-every", "6", "-o", "t.zarr")
    options = ("--record", "psnr,ssim", "--record-every", "2")
    assert b"add --clean" in dip(*line, *options, code=2).stderr
    assert not (tmp_path / "t.zarr").exists()
    dip(*line, *options, "--clean", "clean.png")
    (run,) = runs_of(tmp_path / "t.zarr")
    record = run.record
    assert record["iteration"].tolist() == [0, 2, 4, 6, 8, 10, 12]
    np.testing.assert_array_equal(record["psnr"][::3], run.scalar("psnr"))
    assert b"did you mean 'psnr'" in dip(*line, "--record", "psnrr", code=2).stderr


def test_a_usage_error_in_a_pipe_is_plain_lines(dip):
    text = dip("fit", TRIANGLE, "--lr", "-1", code=2).stderr.decode()
    assert text.splitlines()[-1] == "Error: --lr must be from 0 to 1e+06, not -1.0"
    assert "─" not in text


def test_version_with_verbose_prints_what_a_bug_report_needs(dip):
    lines = dip("--version", "-v").stdout.decode().splitlines()
    assert lines[0].startswith("dip ")
    assert any("torch " in line for line in lines)
    assert any(line.startswith("device ") for line in lines)


def test_settings_of_a_dry_run_are_read_back_from_a_file(dip, tmp_path):
    words = (*TINY, "--iterations", "3", "--lr", "0.25")
    text = dip("fit", TRIANGLE, *words, "-n", "--format", "toml").stdout.decode()
    (tmp_path / "fit.toml").write_text(text)
    dip("fit", TRIANGLE, "--settings", "fit.toml", "-o", "a.zarr")
    dip("fit", TRIANGLE, *words, "-o", "b.zarr")
    assert_same(contents(tmp_path / "a.zarr"), contents(tmp_path / "b.zarr"))
    dip("fit", TRIANGLE, "--settings", "fit.toml", "--lr", "0.5", "-o", "c.zarr")
    assert runs_of(tmp_path / "c.zarr")[0].attrs["config"]["lr"] == 0.5
    (tmp_path / "fit.toml").write_text("iteration = 3\n")
    done = dip("fit", TRIANGLE, "--settings", "fit.toml", code=2)
    assert b"did you mean 'iterations'" in done.stderr
