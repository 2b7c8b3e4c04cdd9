"""Resuming a run: trimmed arrays, rewinding to a checkpoint, more iterations."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from dipcli.errors import BadStore
from dipcli.store import Store, open_store
from tests.stores import (
    SMALL,
    append,
    being_written,
    count_checked_frames,
    fitted,
    open_in_xarray,
    open_in_zarr,
)


def test_an_interrupted_run_is_trimmed_and_resumes(tmp_path):
    path = tmp_path / "a.zarr"
    planned, stopped, kept, longer = 300, 270, 250, 280  # 256 marks are in a chunk
    with being_written(path, saves=planned) as (store, run):
        run.create_record(planned, {"psnr": {}})

        def fit(run, start, stop):
            for at in range(start, stop):
                append(run, at)
                run.append_record(at, psnr=at)
                run.step_losses(at, [at])

        fit(run, 0, stopped)
        run.finish("interrupted")
        assert open_in_zarr(path)["frames"].shape == (stopped, 1, 8, 8)
        assert len(store.run(0).step_loss) == stopped

        options = {"saves": range(longer), "steps": longer, "config": {"iterations": longer}}
        run = store.resume_run(0, keep_until=kept - 1, **options)
        assert run.last == kept - 1
        assert store.run(0).attrs["status"] == "running"
        assert open_in_xarray(path).iteration.values.tolist() == list(range(kept))
        assert np.isnan(store.run(0).step_loss[kept:]).all()
        assert not (path / f"run-0/frames/c/{kept}").exists()
        fit(run, kept, longer)
        run.finish("complete")
        run = store.run(0)
    assert count_checked_frames(run) == longer
    assert run.step_loss.tolist() == run.record["psnr"].tolist() == list(range(longer))
    assert run.attrs["config"] == {"iterations": longer}


@pytest.mark.filterwarnings("ignore:Consolidated metadata")
def test_editing_drops_consolidated_metadata(tmp_path):
    import zarr

    path = fitted(tmp_path / "a.zarr", size=SMALL)
    zarr.consolidate_metadata(path)
    with Store.edit(path) as store, store.resume_run(0, saves=4, steps=30) as run:
        append(run, 30)
        assert count_checked_frames(store.run(0)) == 4
        run.finish("complete")
    assert zarr.open_group(path, mode="r")["run-0/frames"].shape[0] == 4


def test_a_run_can_be_rewound_to_its_start_and_exceed_its_plan(tmp_path):
    with being_written(tmp_path / "a.zarr", saves=1) as (store, run):
        for at in range(0, 40, 10):
            append(run, at)
            run.step_losses(at, np.full(10, at))
        run.close()
        with store.resume_run(0, saves=0, steps=0, keep_until=-1) as run:
            assert run.last == -1
            append(run, 3)
            run.finish("complete")
        assert store.run(0).iterations.tolist() == [3]
        assert store.run(0).step_loss.tolist() == []


def test_xarray_opens_a_run_after_any_interrupted_resize(tmp_path, monkeypatch):
    """Stop after each of the renames that finishing and resuming a run make."""

    class Killed(BaseException):
        pass

    def end_and_start(path, renames):
        left = iter(range(renames))

        def replace(self, place, original=Path.replace):
            if next(left, None) is None:
                raise Killed
            return original(self, place)

        with Store.edit(path) as store, monkeypatch.context() as patch:
            patch.setattr(Path, "replace", replace)
            store.resume_run(0, saves=6, steps=6).finish("interrupted")
            store.resume_run(0, saves=9, steps=9, keep_until=1).close()

    whole = tmp_path / "whole.zarr"
    with being_written(whole, saves=6) as (_, run):
        for at in range(3):
            append(run, at)
            run.step_losses(at, [1])
    for renames in range(100):
        path = tmp_path / f"{renames}.zarr"
        shutil.copytree(whole, path)
        try:
            end_and_start(path, renames)
            break
        except Killed:
            kept = open_in_xarray(path)
        assert kept.iteration.values.tolist() in ([0, 1], [0, 1, 2])
        assert len(kept.frames) == len(kept.loss) == len(kept.iteration)
        assert count_checked_frames(open_store(path).run(0)) == len(kept.iteration)
        # resuming repairs it; a copy, as this process still holds the lock of the run
        path = shutil.copytree(path, tmp_path / f"{renames}-copy.zarr")
        with Store.edit(path) as store:
            store.resume_run(0, saves=9, steps=9).close()
        assert open_in_xarray(path).frames.dims[0] == "iteration"
    assert 20 < renames < 99


def test_a_checkpoint_is_restored_bit_for_bit(tmp_path):
    arrays = {
        "weights": np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32),
        "half": np.array([np.nan, -0.0, 1], np.float16),
        "rng": np.arange(16, dtype=np.uint8),
        "flags": np.array([True, False]),
        "none": np.empty((0, 3)),
        "step": np.array(12345678901234),
    }
    attrs = {"iteration": np.int64(7), "best": float("inf"), "worst": np.float32("nan"), "lr": 0.1}
    with being_written(tmp_path / "a.zarr") as (store, run):
        for count in range(3):
            run.write_checkpoint({**arrays, "count": np.array(count)}, attrs, sync=count == 2)
        state = store.run(0).read_checkpoint()
        assert int(state.arrays.pop("count")) == 2
        assert list(state.arrays) == list(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(state.arrays[name], array, strict=True)
        assert (state.attrs["iteration"], state.attrs["best"]) == (7, float("inf"))
        assert np.isnan(state.attrs["worst"])
        names = {path.name for path in (tmp_path / "a.zarr/run-0/checkpoint").iterdir()}
        assert names == {"state-2", "zarr.json"}


def test_a_corrupt_checkpoint_is_refused(tmp_path):
    with being_written(tmp_path / "a.zarr") as (store, run):
        run.write_checkpoint({"weights": np.arange(200.0), "flags": np.ones(3, bool)}, {"at": 7})
        folder = tmp_path / "a.zarr/run-0/checkpoint"
        rng = np.random.default_rng(1)
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert len(files) == 8
        files.remove(folder / "state-0/zarr.json")  # is not read
        for file in files:
            data = file.read_bytes()
            places = rng.integers(0, len(data), 6)
            broken = [data[:at] + bytes([data[at] ^ 0x11]) + data[at + 1 :] for at in places]
            for wrong in [*broken, data[:-1], data + b"\0", b""]:
                file.write_bytes(wrong)
                with pytest.raises(BadStore, match="checkpoint"):
                    store.run(0).read_checkpoint()
            file.unlink()
            if file != folder / "zarr.json":
                with pytest.raises(BadStore, match="checkpoint"):
                    store.run(0).read_checkpoint()
            file.write_bytes(data)
        assert store.run(0).read_checkpoint().attrs == {"at": 7}


def test_a_checkpoint_writes_the_losses_before_it(tmp_path):
    """A run killed after a checkpoint does not repeat the steps before it."""
    with being_written(tmp_path / "a.zarr") as (store, run):
        run.step_losses(0, [3, 2, 1])
        run.write_checkpoint({"weights": np.ones(3)}, {"iteration": 3})
        assert store.run(0).step_loss[:3].tolist() == [3, 2, 1]  # read from disk
