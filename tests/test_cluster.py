"""`dip fit --cluster`: dask.distributed, and a Slurm of this machine; and any executor."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import dipcli
from dipcli.store import open_store
from tests.conftest import environment

QUICK = ("--arch", "dip", "--width", "4", "--depth", "2", "--threads", "1", "--full")
LONG = ("--width", "16", "--iterations", "400", "--save-every", "10", "--checkpoint-every", "20")
TABLE = """\
file\toutput\tseed
noisy.png\ta.zarr\t1
noisy.png\tb.zarr\t2
missing.png\tc.zarr\t3
noisy.png\td.zarr\t4
"""
SCRIPT = Path(__file__).parent / "slurm.sh"


@pytest.fixture
def table(here):
    """jobs.tsv, of which one row is bad, and its image."""
    pixels = np.random.default_rng(0).random((1, 32, 32)).astype(np.float32)
    dipcli.write("noisy.png", dipcli.Image(pixels))
    (here / "jobs.tsv").write_text(TABLE)
    return here


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    """The scheduler file of two workers, and the processes of their nannies."""
    folder = tmp_path_factory.mktemp("dask")
    file = folder / "scheduler.json"

    def start(module, *words):
        program = [sys.executable, "-m", f"distributed.cli.{module}", "--no-dashboard"]
        with (folder / f"{module}.log").open("wb") as log:
            line = [*program, "--scheduler-file", str(file), *words]
            return subprocess.Popen(line, cwd=folder, env=environment(), stderr=log)

    scheduler = start("dask_scheduler", "--port", "0", "--host", "127.0.0.1")
    while not file.exists():
        assert scheduler.poll() is None
        time.sleep(0.05)
    workers = start("dask_worker", "--nworkers", "2", "--nthreads", "1")
    yield f"dask:{file}"
    for process in (workers, scheduler):
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """The configuration of a Slurm of one node."""
    for program in ("slurmctld", "slurmd", "sbatch", "munged"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    if os.geteuid():
        pytest.skip("only root can start Slurm")
    # the name of a socket must be short
    folder = Path("/tmp") / f"slurm-{os.getpid()}"
    subprocess.run(["bash", SCRIPT, "start", folder, "2"], check=True)
    yield {"SLURM_CONF": f"{folder}/slurm.conf"}
    subprocess.run(["bash", SCRIPT, "stop", folder], check=True)
    time.sleep(1)
    shutil.rmtree(folder, ignore_errors=True)


def frames(name):
    with open_store(name) as store:
        run = store.run(0)
        return run.attrs["status"], run.iterations, run.to_numpy(), run.estimate


def same(one, other):
    for a, b in zip(frames(one), frames(other), strict=True):
        np.testing.assert_array_equal(a, b)


def wait_for(condition, process, seconds=60):
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


def saved(name):
    return (Path(name) / "run-0" / "frames" / "c" / "3").exists()


def test_a_table_goes_through_dask_as_through_this_machine(table, dip, dask):
    line = ("fit", "--table", "jobs.tsv", *QUICK, "--iterations", "4")
    done = dip(*line, "--cluster", dask, code=1)
    assert done.stdout.split() == [b"a.zarr", b"b.zarr", b"d.zarr"]
    said = done.stderr.decode()
    assert "3 fits go to dask" in said
    assert "jobs.tsv, line 4: cannot read missing.png" in said
    for name in "abd":
        dip("fit", "noisy.png", *QUICK, "--iterations", "4", "--seed", str(" ab d".index(name)),
            "-o", f"{name}-here.zarr")  # fmt: skip
        same(f"{name}.zarr", f"{name}-here.zarr")


def test_a_worker_of_dask_that_is_killed_loses_nothing(table, dip, start_dip, dask):
    line = ("fit", "noisy.png", *QUICK, *LONG)
    process = start_dip(*line, "-o", "t.zarr", "--cluster", dask)
    wait_for(lambda: saved("t.zarr"), process)
    os.kill(open_store("t.zarr").run(0).attrs["pid"], signal.SIGKILL)
    assert process.wait() == 0
    dip(*line, "-o", "here.zarr")
    same("t.zarr", "here.zarr")


def test_a_signal_stops_the_fits_of_dask_and_the_same_command_goes_on(table, dip, start_dip, dask):
    line = ("fit", "noisy.png", *QUICK, *LONG)
    process = start_dip(*line, "-o", "t.zarr", "--cluster", dask)
    wait_for(lambda: saved("t.zarr"), process)
    process.send_signal(signal.SIGTERM)
    assert b"to resume: dip fit --resume t.zarr" in process.communicate()[1]
    assert process.returncode == 128 + signal.SIGTERM
    until = time.monotonic() + 20
    while open_store("t.zarr").run(0).attrs["status"] != "interrupted":
        assert time.monotonic() < until
        time.sleep(0.05)
    dip(*line, "-o", "t.zarr", "--cluster", dask)
    dip(*line, "-o", "here.zarr")
    same("t.zarr", "here.zarr")


def test_no_scheduler_is_one_line(table, dip):
    words = ("fit", "noisy.png", *QUICK, "--iterations", "2", "-o", "t.zarr")
    done = dip(*words, "--cluster", "dask:scheduler.json", code=1)
    assert b"--cluster dask:scheduler.json: no scheduler answers there" in done.stderr
    assert b"Traceback" not in done.stderr
    assert (
        b"no cluster is called 'slum'; did you mean 'slurm'"
        in dip(*words, "--cluster", "slum", code=2).stderr
    )


def test_slurm_without_slurm_is_one_line(table, dip):
    done = dip(
        *("fit", "noisy.png", *QUICK, "--iterations", "2", "-o", "t.zarr", "--cluster", "slurm"),
        env={"PATH": str(table)},
        code=1,
    )
    assert b"there is no sbatch here" in done.stderr


def test_a_table_goes_through_slurm_as_through_this_machine(table, dip, slurm):
    line = ("fit", "--table", "jobs.tsv", *QUICK, "--iterations", "4")
    words = ("--cluster", "slurm:mem=300M,fits=2", "--failed", "failed.tsv")
    done = dip(*line, *words, env=slurm, code=1)
    assert done.stdout.split() == [b"a.zarr", b"b.zarr", b"d.zarr"]
    assert not (table / "dip-slurm").exists()  # it held logs and results, which are not needed
    assert "missing.png" in (table / "failed.tsv").read_text()
    for name in "abd":
        dip("fit", "noisy.png", *QUICK, "--iterations", "4", "--seed", str(" ab d".index(name)),
            "-o", f"{name}-here.zarr")  # fmt: skip
        same(f"{name}.zarr", f"{name}-here.zarr")


def test_a_task_whose_time_is_up_goes_on_and_one_that_is_killed_too(table, dip, start_dip, slurm):
    line = ("fit", "noisy.png", *QUICK, *LONG, "--iterations", "2000", "--save-every", "100")
    process = start_dip(*line, "-o", "t.zarr", "--cluster", "slurm:mem=300M", env=slurm)
    wait_for(lambda: saved("t.zarr"), process)
    task = ask(slurm, "squeue", "-h", "-r", "-o", "%i").split()[-1]
    ask(slurm, "scancel", "--signal=USR2", task)  # what Slurm does when the time is up
    wait_for(lambda: "PENDING" in ask(slurm, "squeue", "-h", "-r", "-o", "%T"), process)
    assert open_store("t.zarr").run(0).attrs["status"] == "interrupted"
    ask(slurm, "scontrol", "update", f"JobId={task}", "StartTime=now")  # it waits two minutes
    pid = open_store("t.zarr").run(0).attrs["pid"]
    wait_for(lambda: (now := open_store("t.zarr").run(0).attrs["pid"]) != pid and now, process)
    os.kill(open_store("t.zarr").run(0).attrs["pid"], signal.SIGKILL)
    assert process.wait() == 0
    dip(*line, "-o", "here.zarr")
    same("t.zarr", "here.zarr")


def test_a_signal_cancels_the_tasks_of_slurm(table, dip, start_dip, slurm):
    line = ("fit", "noisy.png", *QUICK, *LONG, "--iterations", "100000", "--runs", "4")
    process = start_dip(*line, "-o", "t.zarr", "--cluster", "slurm:mem=300M", env=slurm)
    wait_for(lambda: saved("t.zarr"), process)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert ask(slurm, "squeue", "-h", "-t", "PENDING,RUNNING") == ""
    assert open_store("t.zarr").run(0).attrs["status"] == "interrupted"


def test_what_sbatch_refuses_is_one_line(table, dip, slurm):
    line = ("fit", "noisy.png", *QUICK, "--iterations", "2", "-o", "t.zarr")
    done = dip(*line, "--cluster", "slurm:partition=nowhere", env=slurm, code=1)
    assert b"sbatch: " in done.stderr
    assert b"invalid partition specified: nowhere" in done.stderr
    assert b"Traceback" not in done.stderr


def ask(slurm, *words):
    done = subprocess.run(
        words, env={**os.environ, **slurm}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
