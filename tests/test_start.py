"""Fits that begin with the weights of another: of the page before, or of a run that is named."""

import shutil
import signal

import numpy as np
import pytest
import tifffile

import dipcli
from dipcli.errors import UsageError
from dipcli.fitting.stopping.whiteness import Whiteness
from dipcli.store import open_store

NET = ("--arch", "dip", "--width", "4", "--depth", "2", "--input-noise", "0", "--average", "0")
LINE = (*NET, "--threads", "1", "--stop", "none", "--iterations", "6", "--save-every", "2", "-q")
CHAIN = ("--start", "previous", "-o", "s-p{page}.zarr")


@pytest.fixture
def pages(here):
    """stack.tif: three pages of a moving edge with noise."""
    rng = np.random.default_rng(2)
    clean = np.stack([np.tile(np.arange(16) > at, (16, 1)) for at in (6, 7, 8)])
    noisy = (clean * 150 + 50 + rng.normal(0, 20, clean.shape)).astype(np.uint8)
    tifffile.imwrite("stack.tif", noisy, photometric="minisblack")
    return here


def frames(path, run=0):
    with open_store(path) as store:
        return dict(store.run(run).frames())


def equal(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[i], b[i]) for i in a)


def test_a_page_begins_with_the_output_of_the_page_before(pages, dip):
    dip("fit", "stack.tif", *LINE, *CHAIN)
    first, second, third = (frames(f"s-p{page}.zarr") for page in (1, 2, 3))
    np.testing.assert_array_equal(second[0], first[6])
    np.testing.assert_array_equal(third[0], second[6])
    assert not np.array_equal(second[6], first[6])
    with open_store("s-p2.zarr") as store:
        assert store.run(0).attrs["start"]["run"] == "s-p1.zarr/run-0"
        assert "start" not in open_store("s-p1.zarr").run(0).attrs


def test_runs_begin_with_the_run_of_the_same_seed_however_many_run_at_once(pages, dip):
    dip("fit", "stack.tif", *LINE, *CHAIN, "--runs", "2", "--jobs", "1")
    line = ("fit", "stack.tif", *LINE, "--start", "previous", "--runs", "2", "--jobs", "2")
    dip(*line, "-o", "j-p{page}.zarr")
    for page in (2, 3):
        for run in (0, 1):
            one, other = (frames(f"{name}-p{page}.zarr", run) for name in "sj")
            assert equal(one, other)
        assert not equal(frames(f"s-p{page}.zarr", 0), frames(f"s-p{page}.zarr", 1))


@pytest.mark.parametrize("operation", [150, 260, 330])
@pytest.mark.parametrize("way", ["again", "resume"])
def test_a_chain_that_was_killed_ends_with_the_same_bits(
    pages, dip, start_dip, operation, way, tmp_path
):
    line = ("fit", "stack.tif", *LINE, *CHAIN, "--checkpoint-every", "2")
    process = start_dip(*line, signal_at=(signal.SIGKILL, operation))
    process.communicate()
    stores = sorted(path.name for path in tmp_path.glob("s-p*.zarr"))
    if way == "resume" and len(stores) == 3:
        dip("fit", "--resume", *reversed(stores), "-q")
    else:
        dip(*line)
    dip("fit", "stack.tif", *LINE, "--start", "previous", "-o", "whole-p{page}.zarr")
    for page in (1, 2, 3):
        assert equal(frames(f"s-p{page}.zarr"), frames(f"whole-p{page}.zarr"))


def test_a_named_run_gives_what_the_page_before_gives(pages, dip):
    dip("fit", "stack.tif", *LINE, *CHAIN)
    one = ("fit", "stack.tif", "--page", "2", *LINE, "--start", "s-p1.zarr/run-0")
    dip(*one, "-o", "named.zarr")
    assert equal(frames("named.zarr"), frames("s-p2.zarr"))
    dip(*one, "--seed", "9", "-o", "seed.zarr")  # the input is that of the other run
    np.testing.assert_array_equal(frames("seed.zarr")[0], frames("s-p1.zarr")[6])


def test_files_of_one_page_are_a_chain_in_their_order(pages, dip):
    for page in "123":
        dip("corrupt", "stack.tif", "--page", page, "-o", f"t{page}.tif")
    dip("fit", "t1.tif", "t2.tif", "t3.tif", *LINE, "--start", "previous", "-o", "{stem}.zarr")
    np.testing.assert_array_equal(frames("t2.zarr")[0], frames("t1.zarr")[6])
    dip("fit", "stack.tif", "t1.tif", *LINE, "--start", "previous", "-o", "{stem}x{page}.zarr")
    assert "start" not in open_store("t1x1.zarr").run(0).attrs


def test_images_without_stores_are_a_chain_too(pages, dip):
    dip("fit", "stack.tif", *LINE, *CHAIN, "--image", "kept-{page}.tif")
    line = ("fit", "stack.tif", *LINE, "--start", "previous", "--image", "o-{page}.tif")
    dip(*line)
    expected = dipcli.read("kept-3.tif").pixels
    np.testing.assert_array_equal(dipcli.read("o-3.tif").pixels, expected)
    (pages / "o-3.tif").unlink()
    dip(*line)  # pages 1 and 2 are up to date, and fitted again for their weights
    np.testing.assert_array_equal(dipcli.read("o-3.tif").pixels, expected)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--start", "s-p1.zarr/run-0", "--width", "6"), "another network; give --width"),
        (("--start", "s-p1.zarr/run-3"), "has no run-3"),
        (("--start", "absent.zarr/run-0"), "holds no weights"),
        (("--start", "rgb.zarr/run-0"), "its image other channels"),
    ],
)
def test_weights_that_do_not_fit_are_refused(pages, dip, words, reason):
    dip("fit", "stack.tif", "--page", "1", *LINE, "-o", "s-p1.zarr")
    dip("corrupt", "builtin:astronaut", "crop:16x16", "-o", "rgb.png")
    dip("fit", "rgb.png", *LINE, "-o", "rgb.zarr")
    done = dip("fit", "stack.tif", "--page", "2", *LINE, *words, "-o", "new.zarr", code=1)
    assert reason in done.stderr.decode()


def test_weights_are_read_from_this_machine_alone():
    with pytest.raises(UsageError, match="a run of a store on this machine"):
        dipcli.Settings(start="s3://bucket/a.zarr/run-0")


def test_a_page_is_not_begun_after_one_that_failed(pages, dip):
    shutil.copy("stack.tif", "two.tif")
    dip("fit", "stack.tif", *LINE, *CHAIN, "--optimizer", "sgd", "--lr", "1e6", code=1)
    done = dip("fit", "--resume", "s-p2.zarr", "--lr", "0.01", "-q", code=1)
    assert b"s-p1.zarr/run-0 did not come to its end" in done.stderr


def test_other_weights_than_before_are_refused(pages, dip, start_dip):
    dip("fit", "stack.tif", "--page", "1", *LINE, "-o", "a.zarr")
    line = ("fit", "stack.tif", "--page", "2", *LINE, "--start", "a.zarr/run-0", "-o", "b.zarr")
    dip(*line)
    shutil.rmtree("b.zarr/run-0/checkpoint")
    dip(*line)  # it is finished
    dip("fit", "stack.tif", "--page", "1", *LINE, "--iterations", "8", "-o", "a.zarr")
    done = dip(*line, "--iterations", "8", code=1)
    assert b"has other weights than when this fit began" in done.stderr


def test_python_chains_the_jobs_of_a_list(pages):
    stack = [page.pixels for page in dipcli.read_stack("stack.tif")]
    options = {"arch": "dip", "width": 4, "depth": 2, "input_noise": 0, "average": 0}
    options |= {"stop": "none", "iterations": 4, "threads": "1", "start": "previous"}
    jobs = [{"image": page, "store": f"py{k}.zarr", **options} for k, page in enumerate(stack)]
    dipcli.fit_many(jobs)
    np.testing.assert_array_equal(frames("py1.zarr")[0], frames("py0.zarr")[4])
    first = next(dipcli.frames(stack[1], **{**options, "start": "py0.zarr/run-0"}))
    np.testing.assert_array_equal(first.image.astype(np.float16), frames("py1.zarr")[0])


def test_whiteness_may_stop_a_warm_fit_whose_residual_was_white_at_once():
    cold, warm = Whiteness(), Whiteness()
    warm.warm()
    noise = np.random.default_rng(0).normal(size=(1, 64, 64)).astype(np.float32)
    sharpened = noise - 0.2 * (np.roll(noise, 1, 1) + np.roll(noise, 1, 2))
    observation = type("Observation", (), {"iteration": 0, "residual": sharpened})()
    assert not cold.see(observation)
    assert warm.see(observation)
    assert warm.chosen == 0
