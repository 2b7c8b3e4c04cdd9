"""Stores for tests, and processes that write them: `python -m tests.stores nursery|live`."""

import os
import signal
import sys
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np

from dipcli.images import Image
from dipcli.store import Store, pack
from tests.warm import signal_at_operation

ROOT = Path(__file__).parents[1]
SMALL = (1, 8, 8)


def picture(channels=1, height=8, width=8, **changes):
    pixels = np.random.default_rng(3).random((channels, height, width), dtype=np.float32)
    return Image(pixels, **changes)


def frame_at(iteration, size=SMALL):
    """The frame of an iteration, exact in float16, so that readers can check it."""
    numbers = (iteration * 31 + np.arange(np.prod(size)) * 7) % 2048
    return (numbers / 2048).astype(np.float32).reshape(size)


@contextmanager
def being_written(path, image=None, *, saves=3, size=SMALL, save_dtype="float16", **options):
    """A new store, and the writer of its run."""
    image = image or picture(*size)
    steps = saves if isinstance(saves, int) else max(saves) + 1
    with (
        Store.create(path, image, name="picture.png", **options) as store,
        store.create_run(
            0, 0, {"lr": 0.01}, saves=saves, steps=steps, size=size, save_dtype=save_dtype
        ) as run,
    ):
        yield store, run


def fitted(path, saved=(0, 10, 20), runs=1, size=(3, 16, 12), **options):
    """A finished store: a run's estimate is its last frame."""
    with Store.create(path, picture(*size), name="picture.png", **options) as store:
        for number in range(runs):
            run = store.create_run(
                number, number, {"lr": 0.01}, saves=saved, steps=max(saved) + 1, size=size
            )
            for iteration in saved:
                run.step_losses(iteration, [iteration / 4])
                append(run, iteration, size)
            run.write_image("estimate", frame_at(saved[-1], size))
            run.finish("complete", seconds=1.5)
    return path


def zipped(path):
    """A store as the bytes of a zip."""
    stream = BytesIO()
    pack(path, stream)
    return stream.getvalue()


def append(run, iteration, size=SMALL, **scalars):
    run.append(iteration, frame_at(iteration, size), loss=iteration / 4, **scalars)


def count_checked_frames(run):
    """Check all saved frames and losses of a run; return how many there are."""
    frames = dict(run.frames())
    saved = list(frames)
    assert run.iterations.tolist()[: len(saved)] == saved
    if saved:
        assert run.scalar("loss")[: len(saved)].tolist() == [at / 4 for at in saved]
    for iteration, frame in frames.items():
        np.testing.assert_array_equal(frame, frame_at(iteration, frame.shape))
    return len(saved)


def open_in_xarray(path, group="run-0"):
    """Open a run as the documentation shows."""
    import xarray

    with xarray.open_zarr(path, group=group, consolidated=False) as data:
        return data.isel(iteration=data.iteration >= 0).load()


def open_in_zarr(path, group="run-0"):
    import zarr

    return zarr.open_group(path, mode="r", path=group, use_consolidated=False)


def write_until_killed(path, operations):
    """Write frames and checkpoints, and finish and resume the run, until SIGKILL."""
    with Store.create(path, picture(), name="picture.png") as store:
        run = store.create_run(0, 0, {}, saves=8, steps=8, size=SMALL)
        signal_at_operation(signal.SIGKILL, operations, path)
        iteration = 0
        while True:
            for _ in range(4):
                run.step_losses(iteration, [iteration / 4])
                append(run, iteration, psnr=20.0)
                iteration += 1
            run.write_checkpoint({"state": np.full(5000, iteration)}, {"iteration": iteration})
            run.write_image("estimate", frame_at(iteration))
            if iteration % 8 == 0:
                run.finish("interrupted")
                # the last two frames are removed and written again
                iteration -= 2
                run = store.resume_run(
                    0, saves=iteration + 8, steps=iteration + 8, keep_until=iteration - 1
                )


def nursery():
    """Fork a writer for each line `OPERATIONS PATH` on stdin, which saves the imports."""
    import zarr  # noqa: F401 - imported once, before the forks

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            operations, path = line.strip().split(maxsplit=1)
            write_until_killed(path, int(operations))
        _, status = os.waitpid(child, 0)
        print(os.WTERMSIG(status), flush=True)


def live(path):
    """Write a frame for each of ten lines on stdin, then finish."""
    with being_written(path, saves=10) as (_, run):
        print("ready", flush=True)
        for iteration in range(10):
            sys.stdin.readline()
            append(run, iteration)
        run.finish("complete")


if __name__ == "__main__":
    nursery() if sys.argv[1] == "nursery" else live(sys.argv[2])
