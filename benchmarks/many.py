"""Many small fits with workers that are killed: `python -m benchmarks.many local|slurm|dask`.

A table of fits, one row of which is bad, goes through `dip fit --table`, while its workers are
killed. The stores are compared with those of a loop of `dip.fit` in one process, bit by bit.
Printed are how many are equal, what failed, and the time per fit beyond the fit itself: workers
times wall time, less the seconds that the stores record, divided by their number. What was lost by
kills is in it. For `slurm` and `dask` a cluster of this machine is started; `slurm` needs root and
the packages that `tests/slurm.sh` names.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil

import dipcli
from dipcli import open_store

WORKERS = 2
SLURM = Path(__file__).parents[1] / "tests" / "slurm.sh"
SPAWNED = "multiprocessing.spawn"  # in the command line of a worker
MARKS = {"local": SPAWNED, "slurm": "submitit.core._submit", "dask": SPAWNED}
SETTINGS = {"iterations": 50, "threads": "1", "save_every": 10}


def main() -> None:
    parser = argparse.ArgumentParser(prog="many", description=__doc__)
    parser.add_argument("engine", choices=["local", "slurm", "dask"])
    parser.add_argument("--fits", type=int, default=200, help="rows, one of them bad")
    parser.add_argument("--kills", type=int, default=10, help="workers that are killed")
    parser.add_argument("--size", type=int, default=64, help="height and width of the images")
    args = parser.parse_args()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        compare(args.engine, args.fits, args.kills, args.size)


def compare(engine: str, fits: int, kills: int, size: int) -> None:
    noisy = dipcli.corrupt(dipcli.read("builtin:astronaut"), f"crop:{size}x{size}", "gaussian:25")
    dipcli.write("noisy.tif", noisy)
    loop(fits - 1)
    rows = [f"noisy.tif\tstores/{k}.zarr\t{k}" for k in range(fits - 1)]
    rows.insert(fits // 2, "missing.tif\tstores/missing.zarr\t0")
    Path("jobs.tsv").write_text("file\toutput\tseed\n" + "\n".join(rows))
    with CLUSTERS[engine]() as words:
        start = time.perf_counter()
        line = ["fit", "--table", "jobs.tsv", "--failed", "failed.tsv", "-q"]
        for name, value in {"jobs": WORKERS, **SETTINGS}.items():
            line += [f"--{name.replace('_', '-')}", str(value)]
        process = subprocess.Popen(
            [sys.executable, "-m", "dipcli", *line, *words], stdout=subprocess.DEVNULL
        )
        killed = Killer(process, engine, kills, fits)
        code, wall = process.wait(), time.perf_counter() - start
        killed.join()
    same = sum(equal(f"loop/{k}.zarr", f"stores/{k}.zarr") for k in range(fits - 1))
    seconds = sum(seconds_of(f"stores/{k}.zarr") for k in range(fits - 1))
    failed = Path("failed.tsv").read_text().splitlines()[1:]
    over = (WORKERS * wall - seconds) / (fits - 1)
    print(f"{engine}: {same} of {fits - 1} stores equal the loop's; exit code {code}")
    print(f"{killed.count} workers killed; failed rows: {len(failed)}: {'; '.join(failed)}")
    print(f"{wall:.1f} s for {seconds:.1f} s of fitting on {WORKERS} workers: {over:.2f} s per fit")


def loop(fits: int) -> None:
    """The same fits one after the other."""
    for k in range(fits):
        dipcli.fit("noisy.tif", store=f"loop/{k}.zarr", seed=k, **SETTINGS)


def seconds_of(name: str) -> float:
    """How long a fit took; 0 if it is not there."""
    try:
        with open_store(name) as store:
            return float(store.run(0).attrs["seconds"])
    except dipcli.DipError:
        return 0.0


def equal(one: str, other: str) -> bool:
    try:
        with open_store(one) as a, open_store(other) as b:
            runs = a.run(0), b.run(0)
            return all(
                np.array_equal(*(get(run) for run in runs), equal_nan=True)
                for get in (lambda r: r.to_numpy(), lambda r: r.estimate, lambda r: r.step_loss)
            )
    except dipcli.DipError:
        return False


class Killer(threading.Thread):
    """Kills workers, one whenever so many fits more are complete."""

    def __init__(
        self, process: subprocess.Popen[bytes], engine: str, kills: int, fits: int
    ) -> None:
        super().__init__()
        self._process, self._mark = process, MARKS[engine]
        self._at = [fits * (k + 1) // (kills + 1) for k in range(kills)]
        self.count = 0
        self.start()

    def run(self) -> None:
        draw = random.Random(0)
        while self._at and self._process.poll() is None:
            time.sleep(0.05)
            if len(list(Path("stores").glob("*/run-0/estimate"))) < self._at[0]:
                continue
            workers = list(self._workers())
            if workers:
                self._at.pop(0)
                time.sleep(draw.random())  # somewhere in a fit
                with suppress(psutil.NoSuchProcess):
                    draw.choice(workers).kill()
                    self.count += 1

    def _workers(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                words = " ".join(process.cmdline())
                if self._mark in words and "srun" not in words:
                    yield process


@contextmanager
def local() -> Iterator[Sequence[str]]:
    yield []


@contextmanager
def slurm() -> Iterator[Sequence[str]]:
    subprocess.run(["bash", SLURM, "start", "/tmp/dip-slurm", str(WORKERS)], check=True)
    os.environ["SLURM_CONF"] = "/tmp/dip-slurm/slurm.conf"
    try:
        yield ["--cluster", "slurm:mem=400M,fits=20"]
    finally:
        subprocess.run(["bash", SLURM, "stop", "/tmp/dip-slurm"], check=True)


@contextmanager
def dask() -> Iterator[Sequence[str]]:
    program = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    scheduler = subprocess.Popen(
        [*program, "--port", "0", "--scheduler-file", "s.json", "--no-dashboard"],
        stderr=subprocess.DEVNULL,
    )
    while not Path("s.json").exists():
        time.sleep(0.1)
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", "s.json"]
    workers = subprocess.Popen(
        [*worker, "--nworkers", str(WORKERS), "--nthreads", "1", "--no-dashboard"],
        stderr=subprocess.DEVNULL,
    )
    try:
        yield ["--cluster", "dask:s.json"]
    finally:
        for process in (workers, scheduler):
            process.terminate()
            process.wait()


CLUSTERS: dict[str, Callable[[], object]] = {"local": local, "slurm": slurm, "dask": dask}

if __name__ == "__main__":
    main()
