"""What is kept, named and packed of a fit that was stopped between two runs, killed, or failed."""

import shutil
import signal

import pytest

from dipcli.store import open_store

IMAGE = "builtin:triangle:0.5:16"
TINY = ("--width", "4", "--depth", "2", "--threads", "1", "--stop", "none", "--save-every", "2")
LINE = ("fit", IMAGE, *TINY, "--iterations", "4", "-q")
TWO = ("--runs", "2", "--jobs", "1")


def statuses(path):
    with open_store(path) as store:
        return [run.attrs["status"] for run in store.runs]


def stop_between_runs(start_dip, folder, *words):
    """Send SIGTERM at the file operation after which the first run is complete and none follows.

    It is found by bisection. Returns what was written to stdout.
    """
    low, high = 0, 1024
    while high - low > 1:
        at = (low + high) // 2
        shutil.rmtree(folder / "t.zarr", ignore_errors=True)
        (folder / "t.zarr.zip").unlink(missing_ok=True)
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
    dip(*LINE, *TWO, "-o", "short.zarr")
    line = (*LINE, *TWO, "--iterations", "6", "-o", "t.zarr.zip")
    for at in range(20, 160, 20):
        shutil.rmtree(tmp_path / "t.zarr", ignore_errors=True)
        shutil.copytree(tmp_path / "short.zarr", tmp_path / "t.zarr")
        start_dip(*line, signal_at=(signal.SIGTERM, at)).communicate()
        if (tmp_path / "t.zarr.zip").exists():
            with open_store(tmp_path / "t.zarr.zip") as store:
                assert [run.iterations.tolist()[-1] for run in store.runs] == [6, 6]
            (tmp_path / "t.zarr.zip").unlink()


def test_a_zip_holds_a_fit_that_its_time_limit_ended(dip, tmp_path):
    line = (*LINE, *TWO, "--iterations", "1000000", "--time", "0.1s", "-o", "t.zarr.zip")
    assert dip(*line).stdout == b"t.zarr.zip\n"
    assert dip(*line).stdout == b"t.zarr.zip\n"
    assert [path.name for path in tmp_path.iterdir()] == ["t.zarr.zip"]
