"""What is kept, named and packed of a fit that was stopped between two runs, killed, or failed."""

import errno
import shutil
import signal
import subprocess
import sys

import pytest

from dipcli.fitting.disk import Disk
from dipcli.store import Store, open_store
from tests.warm import ROOT, environment

IMAGE = "builtin:triangle:0.5:16"
TINY = ("--width", "4", "--depth", "2", "--threads", "1", "--stop", "none", "--save-every", "2")
LINE = ("fit", IMAGE, *TINY, "--iterations", "4", "-q")
TWO = ("--runs", "2", "--jobs", "1")


def statuses(path):
    with open_store(path) as store:
        return [run.attrs["status"] for run in store.runs]


def remove_stores(folder):
    """Remove t.zarr, t.zarr.zip, and what a killed process left of them."""
    for path in folder.glob("*t.zarr*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def stop_between_runs(start_dip, folder, *words):
    """Send SIGTERM at the file operation after which the first run is complete and none follows.

    It is found by bisection. Returns what was written to stdout.
    """
    low, high = 0, 1024
    while high - low > 1:
        at = (low + high) // 2
        remove_stores(folder)
        process = start_dip(*words, signal_at=(signal.SIGTERM, at))
        out, err = process.communicate()
        if process.returncode == 0 or (folder / "t.zarr.zip").exists():
            high = at
            continue
        assert process.returncode == 128 + signal.SIGTERM, err.decode()
        found = statuses(folder / "t.zarr") if (folder / "t.zarr/zarr.json").exists() else []
        if found == ["complete"]:
            return out
        low, high = (at, high) if found in ([], ["interrupted"]) else (low, at)
    pytest.fail("no signal came between the runs")


def test_a_zip_is_packed_only_when_all_runs_are_there(start_dip, dip, tmp_path):
    line = (*LINE, *TWO, "-o", "t.zarr.zip")
    assert stop_between_runs(start_dip, tmp_path, *line) == b""
    assert dip(*line).stdout == b"t.zarr.zip\n"
    assert statuses(tmp_path / "t.zarr.zip") == ["complete"] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["t.zarr.zip"]


def test_a_resume_adds_the_runs_that_were_not_begun(start_dip, dip, tmp_path):
    stop_between_runs(start_dip, tmp_path, *LINE, *TWO, "-o", "t.zarr.zip")
    dip("fit", "-q", "--resume", "t.zarr")
    assert statuses(tmp_path / "t.zarr") == ["complete"] * 2


def test_a_resume_ends_the_runs_that_a_later_call_added(start_dip, dip, tmp_path):
    line = (*LINE, "-o", "t.zarr")
    dip(*line)
    process = start_dip(*line, "--runs", "3", "--jobs", "1", signal_at=(signal.SIGKILL, 60))
    process.communicate()
    assert statuses(tmp_path / "t.zarr") == ["complete", "running"]
    dip("fit", "-q", "--resume", "t.zarr")
    assert statuses(tmp_path / "t.zarr") == ["complete"] * 3


def test_no_store_goes_to_stdout_with_a_run_missing(start_dip, tmp_path):
    line, env = (*LINE, *TWO, "-o", "-"), tmp(tmp_path)
    for at in range(50, 300, 50):
        out, _ = start_dip(*line, signal_at=(signal.SIGTERM, at), env=env).communicate()
        if out:
            (tmp_path / "s.zip").write_bytes(out)
            assert statuses(tmp_path / "s.zip") == ["complete"] * 2


def tmp(folder):
    """TMPDIR below the folder in which operations are counted."""
    (folder / "tmp").mkdir(exist_ok=True)
    return {"TMPDIR": str(folder / "tmp")}


def test_a_zip_is_packed_only_when_all_runs_are_extended(start_dip, dip, tmp_path):
    dip(*LINE, *TWO, "-o", "whole.zarr")
    line = (*LINE, *TWO, "--iterations", "6", "-o", "t.zarr.zip")
    for at in range(20, 160, 20):
        remove_stores(tmp_path)
        shutil.copytree(tmp_path / "whole.zarr", tmp_path / "t.zarr")
        start_dip(*line, signal_at=(signal.SIGTERM, at)).communicate()
        if (tmp_path / "t.zarr.zip").exists():
            with open_store(tmp_path / "t.zarr.zip") as store:
                assert [run.iterations.tolist()[-1] for run in store.runs] == [6, 6]


def test_a_zip_holds_a_fit_that_its_time_limit_ended(dip, tmp_path):
    line = (*LINE, *TWO, "--iterations", "1000000", "--time", "0.1s", "-o", "t.zarr.zip")
    assert dip(*line).stdout == b"t.zarr.zip\n"
    assert dip(*line).stdout == b"t.zarr.zip\n"
    assert [path.name for path in tmp_path.iterdir()] == ["t.zarr.zip"]


def first_operation(start_dip, reset, is_after, *words):
    """The first file operation before which SIGKILL comes too late; by bisection."""
    low, high = 0, 1024
    while high - low > 1:
        at = (low + high) // 2
        reset()
        start_dip(*words, signal_at=(signal.SIGKILL, at)).communicate()
        low, high = (low, at) if is_after() else (at, high)
    return high


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "whole.zarr")


def test_the_call_after_sigkill_ends_packing(start_dip, dip, tmp_path):
    zipped, line = tmp_path / "t.zarr.zip", (*LINE, "-o", "t.zarr.zip")
    dip(*LINE, "-o", "whole.zarr")

    def reset():
        remove_stores(tmp_path)
        shutil.copytree(tmp_path / "whole.zarr", tmp_path / "t.zarr")

    last = first_operation(start_dip, reset, zipped.exists, *line)
    states = []
    for at in (last - 30, *range(last - 2, last + 5), last + 20, last + 40):
        reset()
        process = start_dip(*line, signal_at=(signal.SIGKILL, at))
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        states.append(names(tmp_path))
        assert dip(*line).stdout == b"t.zarr.zip\n"
        assert names(tmp_path) == ["t.zarr.zip"]
        assert statuses(zipped) == ["complete"]
    assert ["t.zarr", "t.zarr.zip"] in states
    assert any(state[0].startswith(".t.zarr.") and state[1:] == ["t.zarr.zip"] for state in states)


def test_a_folder_that_differs_from_its_zip_is_kept(dip, tmp_path):
    dip(*LINE, "-o", "t.zarr.zip")
    dip(*LINE, "--seed", "1", "-o", "t.zarr")
    before = (tmp_path / "t.zarr.zip").read_bytes()
    error = dip(*LINE, "-o", "t.zarr.zip", code=1).stderr.decode()
    assert "t.zarr.zip and t.zarr hold different fits: rename one" in error
    assert (tmp_path / "t.zarr.zip").read_bytes() == before
    with open_store(tmp_path / "t.zarr") as store:
        assert store.run(0).attrs["seed"] == 1
    shutil.rmtree(tmp_path / "t.zarr")
    (tmp_path / "t.zarr").mkdir()
    (tmp_path / "t.zarr/notes").touch()  # no store at all
    assert dip(*LINE, "-o", "t.zarr.zip").stdout == b"t.zarr.zip\n"
    assert names(tmp_path) == ["t.zarr", "t.zarr.zip"]


def test_no_store_is_lost_to_sigkill_while_force_replaces_it(start_dip, dip, tmp_path):
    """The call after it finds the old store or the new one, and no other folder is left."""
    store = tmp_path / "t.zarr"
    dip(*LINE, "-o", "whole.zarr")

    def reset():
        remove_stores(tmp_path)
        shutil.copytree(tmp_path / "whole.zarr", store)
        (store / "target/mark").touch()

    def is_replaced():
        return not (store / "target/mark").exists()

    other = (*LINE, "--seed", "1", "-f", "-o", "t.zarr")
    last = first_operation(start_dip, reset, is_replaced, *other)
    resume = ("fit", "-q", "--resume", "t.zarr")
    states = []
    for at in range(last - 1, last + 5):
        for words in ((*LINE, "-o", "t.zarr"), resume):
            reset()
            start_dip(*other, signal_at=(signal.SIGKILL, at)).communicate()
            states.append(names(tmp_path))
            assert store.exists() or any(name.endswith(".old.partial") for name in states[-1])
            dip(*words)
            assert names(tmp_path) == ["t.zarr"]
            with open_store(store) as opened:
                assert opened.run(0).attrs["status"] == "complete"
    assert any("t.zarr" not in state for state in states)


def test_what_a_living_process_has_beside_a_store_stays(dip, tmp_path):
    """A store that is being made, and one that is being replaced."""
    dip(*LINE, "-o", "t.zarr")
    for name in (".t.zarr.1.partial", ".t.zarr.1.old.partial"):
        shutil.copytree(tmp_path / "t.zarr", tmp_path / name)
    with Store.edit(tmp_path / ".t.zarr.1.partial"):
        dip(*LINE, "-o", "t.zarr")
        assert names(tmp_path) == [".t.zarr.1.partial", "t.zarr"]
        shutil.copytree(tmp_path / "t.zarr", tmp_path / ".t.zarr.1.old.partial")
        (tmp_path / "t.zarr").rename(tmp_path / "away")
        (tmp_path / ".t.zarr.2.partial").symlink_to("away")
    with Store.edit(tmp_path / ".t.zarr.1.old.partial"):
        dip(*LINE, "-o", "t.zarr")
        assert names(tmp_path) == [".t.zarr.1.old.partial", ".t.zarr.2.partial", "away", "t.zarr"]
    assert statuses(tmp_path / "away") == ["complete"]


DIVERGING = ("--iterations", "50", "--lr", "1e6", "--norm", "none")
# no file above so many KiB can be written, much as on a full disk
FULL = 'ulimit -f {}; exec "$@"'


@pytest.mark.parametrize("output", ["{stem}.zarr", "{stem}.zarr.zip"])
def test_stdout_names_no_store_of_which_every_run_failed(dip, tmp_path, output):
    dip("corrupt", IMAGE, "-o", "a.png")
    done = dip("fit", "a.png", *TINY, *DIVERGING, "-q", "-o", output, code=1)
    assert done.stdout == b""
    assert b"a.zarr/run-0: the loss is" in done.stderr


def test_stdout_names_the_stores_that_were_written_though_one_fit_fails(tmp_path, dip):
    dip("corrupt", IMAGE, "-o", "a.png")
    dip("corrupt", IMAGE, "-o", "b.png")
    line = ("fit", *TINY, "-q", "--iterations", "2", "-o", "{stem}.zarr", "a.png", "b.png")
    dip(*line)
    (tmp_path / "a.zarr/run-0/checkpoint/zarr.json").write_text("{}")
    done = dip(*line, "--iterations", "4", code=1)
    assert done.stdout == b"b.zarr\n"
    assert b"a.zarr/run-0/checkpoint/zarr.json holds no metadata" in done.stderr


def test_stdout_does_not_name_a_zip_that_an_older_fit_wrote(dip, tmp_path):
    line = (*LINE, "-o", "t.zarr.zip")
    dip(*line)
    before = (tmp_path / "t.zarr.zip").read_bytes()
    assert dip(*line, *DIVERGING, "-f", code=1).stdout == b""
    assert (tmp_path / "t.zarr.zip").read_bytes() == before


def test_a_full_disk_ends_with_one_line_and_no_name_on_stdout(tmp_path):
    words = [sys.executable, "-m", "dipcli", *LINE, "-o", "t.zarr"]
    words[words.index(IMAGE)] = "builtin:triangle:0.5:64"
    done = subprocess.run(
        ["bash", "-c", FULL.format(8), "bash", *words],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(ROOT), PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"File too large" in done.stderr
    assert b"Traceback" not in done.stderr


def test_nothing_is_written_after_a_write_that_failed():
    """A checkpoint after a frame that could not be written would resume without the frame."""
    calls = []

    def fail():
        raise OSError(errno.ENOSPC, "No space left on device")

    def write():
        with Disk() as disk:
            disk.do(fail)
            disk.do(calls.append, "checkpoint")
            disk.wait()

    with pytest.raises(OSError, match="No space"):
        write()
    assert calls == []


@pytest.mark.parametrize("operation", range(60, 180, 17))
def test_a_frame_that_could_not_be_written_is_written_by_the_next_call(
    start_dip, dip, tmp_path, operation
):
    line = (*LINE, "--checkpoint-every", "1", "-o", "t.zarr")
    start_dip(*line, fail_at=(errno.EROFS, operation, False)).communicate()
    dip(*line)
    with open_store(tmp_path / "t.zarr") as store:
        assert store.run(0).iterations.tolist() == [0, 2, 4]
    assert list(tmp_path.rglob("*.partial")) == []


def test_runs_side_by_side_need_no_shared_memory(program, tmp_path):
    """Some containers have no /dev/shm, in which semaphores would be."""
    script = 'mount -t tmpfs -o ro tmpfs /dev/shm || exit 77; exec "$0" -m dipcli "$@"'
    words = (*LINE, "--runs", "2", "--jobs", "2", "-o", "t.zarr")
    done = subprocess.run(
        [program("unshare"), "-m", "sh", "-c", script, sys.executable, *words],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        check=False,
    )
    if done.returncode == 77 or b"unshare" in done.stderr:
        pytest.skip("a file system cannot be mounted here")
    assert done.returncode == 0, done.stderr.decode()
    assert statuses(tmp_path / "t.zarr") == ["complete"] * 2
