"""What other processes read while a store is written and after SIGKILL, and its locks."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dipcli.errors import BadStore
from dipcli.store import Store, open_store
from tests import stores


@pytest.fixture
def process():
    """Start `python -m tests.stores ...`; it is ended with the test."""
    started = []

    def start(*words):
        command = [sys.executable, "-m", "tests.stores", *map(str, words)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, cwd=stores.ROOT, **pipes))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.communicate()


def test_a_store_is_valid_after_sigkill_at_any_file_operation(tmp_path, process):
    nursery = process("nursery")
    rng = random.Random(5)
    saved = resumed = 0
    for number in range(40):
        path = tmp_path / f"{number}.zarr"
        nursery.stdin.write(f"{rng.randrange(1, 1500)} {path}\n")
        nursery.stdin.flush()
        assert int(nursery.stdout.readline()) == signal.SIGKILL
        saved += _check(path)
        resumed += _resume(path) if number % 4 == 0 else 0
    assert saved > 100
    assert resumed == 10


def _check(path):
    """Read a store with dip, xarray and zarr; return how many frames it has."""
    store = open_store(path)
    np.testing.assert_array_equal(store.target, stores.picture().pixels)
    (run,) = store.runs
    count = stores.count_checked_frames(run)
    state = run.read_checkpoint()
    if state is not None:
        assert (state.arrays["state"] == state.attrs["iteration"]).all()
        assert state.attrs["iteration"] <= len(run.iterations) + 2
    kept = stores.open_in_xarray(path)
    assert kept.iteration.values.tolist() == run.iterations.tolist()
    for iteration, frame in zip(kept.iteration.values, kept.frames.values, strict=True):
        np.testing.assert_array_equal(frame, stores.frame_at(iteration))
    assert stores.open_in_zarr(path, "")["target"].shape == (1, 8, 8)
    return count


def _resume(path):
    """Resume the run of a killed process and finish it."""
    with Store.edit(path) as store:
        state = store.run(0).read_checkpoint()
        start = state.attrs["iteration"] if state else 0
        run = store.resume_run(0, saves=start + 3, steps=start + 3, keep_until=start - 1)
        for iteration in range(run.last + 1, start + 3):
            stores.append(run, iteration)
        run.finish("complete")
        run = store.run(0)
        assert stores.count_checked_frames(run) == start + 3
        assert run.attrs["status"] == "complete"
    left = [p for p in path.rglob("*") if p.name.endswith(".partial") or p.name == ".lock"]
    assert left == []
    data = stores.open_in_xarray(path)
    assert data.frames.dims == ("iteration", "channel", "y", "x")
    assert (data.sizes["iteration"], data.loss.dims) == (start + 3, ("iteration",))
    return True


def test_a_store_is_read_while_it_is_written(tmp_path, process):
    path = tmp_path / "live.zarr"
    writer = process("live", path)
    assert writer.stdout.readline() == "ready\n"
    run = open_store(path).run(0)
    for count in range(1, 11):
        writer.stdin.write("\n")
        writer.stdin.flush()
        # until the writer has written the frame
        while (frames := stores.count_checked_frames(run)) < count:
            assert frames == count - 1
        assert stores.open_in_xarray(path).sizes["iteration"] == count
    assert writer.wait(60) == 0
    assert stores.count_checked_frames(run) == 10
    assert run.attrs["status"] == "complete"


def test_a_second_writer_learns_pid_and_host_of_the_first(tmp_path, process):
    path = tmp_path / "live.zarr"
    writer = process("live", path)
    assert writer.stdout.readline() == "ready\n"
    with pytest.raises(BadStore, match=rf"is being written by pid {writer.pid} on .+; wait"):
        Store.edit(path)
    with pytest.raises(BadStore, match=rf"by pid {writer.pid} on"):
        Store.create(path, stores.picture(), name="other", force=True)
    # a worker of the same fit may write, but not a run that another process writes
    with Store.edit(path, lock=False) as store:
        with pytest.raises(BadStore, match=rf"run-0 is being written by pid {writer.pid} on"):
            store.resume_run(0, saves=10, steps=10)
        with store.create_run(1, 1, {}, saves=1, steps=1, size=stores.SMALL) as run:
            stores.append(run, 0)
            run.finish("complete")
    writer.kill()
    writer.wait()
    with Store.edit(path) as store:  # the system has released the locks
        assert [run.name for run in store.runs] == ["run-0", "run-1"]
        store.resume_run(0, saves=10, steps=10).close()


def test_a_worker_keeps_the_lock_of_its_run_after_its_parent(tmp_path):
    """The parent has closed the store, but its worker still writes a run."""
    path = stores.fitted(tmp_path / "a.zarr", runs=2)
    with Store.edit(path, lock=False) as orphan, Store.edit(path) as store:
        run = orphan.resume_run(1, saves=9, steps=9)
        with pytest.raises(BadStore, match="run-1 is being written by pid"):
            store.resume_run(1, saves=9, steps=9)
        store.resume_run(0, saves=9, steps=9).close()
        store.close()
        with pytest.raises(BadStore, match="is being written by pid"):
            Store.create(path, stores.picture(), name="other", force=True)
        run.close()
        Store.create(path, stores.picture(), name="other", force=True).close()


def test_a_lock_follows_its_folder_through_a_rename(tmp_path):
    store = Store.create(tmp_path / "a.zarr", stores.picture(), name="a")
    (tmp_path / "a.zarr").rename(tmp_path / "b.zarr")
    with pytest.raises(BadStore, match=rf"is being written by pid {os.getpid()} on"):
        Store.edit(tmp_path / "b.zarr")
    store.close()
    Store.edit(tmp_path / "b.zarr").close()


FORK = """
import os, sys
from dipcli.store import Store
store = Store.edit(sys.argv[1])
child = os.fork()
if child == 0:  # it has let go of the lock when fork returns
    print("ready", flush=True)
    sys.stdin.readline()
    os._exit(0)
os.waitpid(child, 0)
"""


def test_a_forked_child_does_not_keep_the_lock_of_a_killed_parent(tmp_path):
    path = stores.fitted(tmp_path / "a.zarr")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", FORK, path]
    with subprocess.Popen(command, cwd=stores.ROOT, **pipes) as parent:
        assert parent.stdout.readline() == "ready\n"
        with pytest.raises(BadStore, match=rf"is being written by pid {parent.pid} on"):
            Store.edit(path)
        parent.kill()
        parent.wait()
        Store.edit(path).close()  # the child is still alive, and waits for its stdin


def test_a_store_is_written_on_a_system_without_fcntl(tmp_path):
    code = """if True:
        import sys
        sys.modules["fcntl"] = None
        from dipcli.store import open_store
        from tests.stores import fitted, count_checked_frames
        print(count_checked_frames(open_store(fitted(sys.argv[1])).run(0)))
    """
    command = [sys.executable, "-W", "error", "-c", code, tmp_path / "a.zarr"]
    done = subprocess.run(command, cwd=stores.ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("3\n", "")


def test_no_folder_with_an_open_lock_is_renamed_on_windows(tmp_path, monkeypatch):
    from dipcli.store import disk

    def rename(self, place, original=Path.rename):
        held = [lock for lock in disk._locks if lock._handle is not None]
        assert not [lock for lock in held if lock._path.is_relative_to(self)]
        return original(self, place)

    monkeypatch.setattr(disk, "WINDOWS", True)
    monkeypatch.setattr(Path, "rename", rename)
    path = tmp_path / "a.zarr"
    with stores.being_written(path) as (_, run):
        stores.append(run, 0)
        for open_again in (
            Store.edit,
            lambda path: Store.create(path, stores.picture(), name="b", force=True),
        ):
            with pytest.raises(BadStore, match=rf"is being written by pid {os.getpid()} on"):
                open_again(path)
        run.write_checkpoint({"state": np.ones(3)}, {}, sync=True)
        run.finish("complete")
    stores.fitted(path, force=True)
    assert stores.count_checked_frames(open_store(path).run(0)) == 3


def test_folders_are_not_synced_where_the_system_cannot_open_them(tmp_path, monkeypatch):
    from dipcli.store import disk

    monkeypatch.delattr(os, "O_DIRECTORY")
    monkeypatch.setattr(os, "open", None)
    disk.put(tmp_path / "file", b"x", sync=True)
    assert (tmp_path / "file").read_bytes() == b"x"
