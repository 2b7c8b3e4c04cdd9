"""Array jobs of Slurm, by submitit, which writes the script, hands over the runs, and requeues."""

from __future__ import annotations

import getpass
import pickle
import shutil
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from dipcli import files, signals
from dipcli.errors import DipError
from dipcli.fitting.clusters.base import Cluster
from dipcli.fitting.workers import PATIENCE
from dipcli.spec import key

LOOK = 1.0  # seconds between looks for results
ASK = 5.0  # seconds between questions to Slurm
ENDING = 5.0  # seconds that a process may take to end when its work is done
GRACE = 20.0  # seconds that a result may take to be seen by this machine
NOTICE = 60  # seconds before its time is up that a task saves its state
MOST_TASKS = 1000  # of an array: Slurm's default limit is 1001
ENDED = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL"} | {
    *("BOOT_FAIL", "DEADLINE", "REVOKED")
}
TIMES_UP = signal.SIGUSR2  # what submitit has Slurm send

Call = tuple[Callable[..., Any], tuple[Any, ...]]


@dataclass(frozen=True)
class Slurm(Cluster):
    """Array jobs of Slurm: each task does so many fits, and is requeued when its time is up

    The time is in minutes, the limit that of tasks at once. Whatever else sbatch knows is set by
    its variables, as SBATCH_RESERVATION.
    """

    name: ClassVar[str] = "slurm"
    partition: str = key("")
    account: str = key("")
    qos: str = key("")
    time: int = key(60, 2)
    mem: str = key("4G")
    cpus: int = key(1, 1)
    gpus: int = key(0, 0)
    fits: int = key(1, 1)
    limit: int = key(256, 1)
    logs: str = key("dip-slurm")

    @classmethod
    def usage(cls) -> str:
        return f"{cls.name}[:{super().usage().partition(',')[2]}]"

    def parameters(self) -> dict[str, Any]:
        """What submitit calls them."""
        given = {"partition": self.partition, "account": self.account, "qos": self.qos}
        if self.gpus:
            given["gpus_per_node"] = str(self.gpus)
        return {name: text for name, text in given.items() if text} | {
            "job_name": "dip",
            "time": self.time,
            "mem": self.mem,
            "cpus_per_task": self.cpus,
            "array_parallelism": self.limit,
            "signal_delay_s": min(NOTICE, 30 * self.time),
            "wckey": None,
        }

    @contextmanager
    def open(self) -> Iterator[Executor]:
        submitit = self.package("submitit")
        if shutil.which("sbatch") is None:
            msg = "--cluster slurm: there is no sbatch here; log in to a machine that has Slurm"
            raise DipError(msg)
        tasks = submitit.SlurmExecutor(folder=self.logs, max_num_timeout=10**6)
        tasks.update_parameters(**self.parameters())
        with _Queue(tasks, self.fits) as queue:
            yield queue


class Task:
    """What a task of the array does; Slurm begins it anew after its time was up."""

    def __init__(self, calls: Sequence[Call], results: Sequence[Path]) -> None:
        self.calls, self.results = calls, results

    def __call__(self) -> None:
        with signals.Graceful((TIMES_UP, signal.SIGTERM)) as stopped:
            for (function, arguments), path in zip(self.calls, self.results, strict=True):
                if stopped():
                    break
                if path.exists():  # before the task was requeued
                    continue
                result = function(*arguments, stopped)
                if stopped.number != TIMES_UP:
                    files.put(path, pickle.dumps(result))
        if stopped.number == TIMES_UP:
            signal.raise_signal(TIMES_UP)  # for submitit, which requeues the task

    def checkpoint(self) -> Any:
        """What submitit asks for before it requeues: the stores know how far the fits are."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@dataclass
class _Call:
    """A call, who waits for its result, and the file in which the result will be."""

    future: Future[Any]
    call: Call
    path: Path

    def is_known(self) -> bool:
        """Whether its result is there, or nobody waits for it; it is passed on."""
        if not self.future.done() and self.path.exists():
            self.start()
            self.future.set_result(pickle.loads(self.path.read_bytes()))
        if self.future.done():
            self.path.unlink(missing_ok=True)
        return self.future.done()

    def start(self) -> None:
        """It has begun, so it can no longer be cancelled."""
        if not self.future.running() and not self.future.done():
            self.future.set_running_or_notify_cancel()

    def fail(self, text: str) -> None:
        self.start()
        if not self.future.done():
            self.future.set_exception(RuntimeError(text))


@dataclass
class _Submitted:
    """A task that was given to Slurm, and its calls whose results are not known yet."""

    job: Any  # of submitit
    every: Sequence[_Call]
    calls: list[_Call] = field(default_factory=list)
    ended: float = 0.0  # when Slurm said so

    def __post_init__(self) -> None:
        self.calls = list(self.every)

    @property
    def is_cancelled(self) -> bool:
        return all(call.future.cancelled() for call in self.every)

    @property
    def is_over(self) -> bool:
        """Whether its process has ended as it should."""
        return bool(self.job.paths.result_pickle.exists())

    @property
    def log(self) -> Path:
        return Path(self.job.paths.folder) / f"{self.job.job_id}_0_log.err"

    def look(self) -> None:
        self.calls = [call for call in self.calls if not call.is_known()]

    def has_lost(self, state: str) -> bool:
        """Whether the results that are missing will never come."""
        if state not in ENDED:
            return False
        self.ended = self.ended or time.monotonic()
        return state != "COMPLETED" or time.monotonic() - self.ended > GRACE

    def lose(self, state: str) -> list[_Call]:
        """Say so for the call that was going on; the others, which are to be done once more.

        Where not a single one came to its end, something may be wrong with all.
        """
        count = len(self.calls) if len(self.calls) == len(self.every) else 1
        for call in self.calls[:count]:
            call.fail(f"Slurm ended its task: {state}; its log is {self.log}")
        return self.calls[count:]

    def tidy(self) -> None:
        """Delete the files of a task that did what it was to do."""
        paths = self.job.paths
        for path in (paths.result_pickle, paths.submitted_pickle, self.log, self._out):
            Path(path).unlink(missing_ok=True)

    @property
    def _out(self) -> Path:
        return self.log.with_suffix(".out")


class _Queue(Executor):
    """An executor whose calls become tasks of array jobs: all that come within a second are one."""

    def __init__(self, slurm: Any, fits: int) -> None:
        self._slurm, self._fits = slurm, fits
        self._folder = Path(slurm.folder)
        self._new: list[_Call] = []
        self._tasks: list[_Submitted] = []
        self._asked = 0.0
        self._states: dict[str, str] = {}  # of tasks, by their numbers
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        path = self._folder.absolute() / f"{uuid.uuid4().hex}.result"
        future = Future[Any]()
        self._new.append(_Call(future, (fn, args), path))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Cancel the tasks whose results are not there."""
        until = time.monotonic() + ENDING
        while self._tasks and time.monotonic() < until and not any(t.calls for t in self._tasks):
            time.sleep(PATIENCE)
        self._over.set()
        self._thread.join()
        for task in self._tasks:
            task.job.cancel()
            task.tidy()
        for script in self._folder.glob("*submission*.sh"):
            script.unlink()
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _work(self) -> None:
        while not self._over.wait(LOOK):
            new, self._new = self._new, []
            new = [call for call in new if not call.future.cancelled()]
            try:
                self._begin(new)
            except Exception as error:  # submitit passes on what sbatch says, in several types
                text = " ".join(str(error).split())
                for call in new:
                    call.future.set_exception(DipError(f"sbatch: {text}"))
            self._look()

    def _begin(self, new: Sequence[_Call]) -> None:
        """Give what is new to Slurm, as few arrays as can be."""
        groups = [new[k : k + self._fits] for k in range(0, len(new), self._fits)]
        for k in range(0, len(groups), MOST_TASKS):
            array = groups[k : k + MOST_TASKS]
            with self._slurm.batch():
                tasks = [Task([c.call for c in group], [c.path for c in group]) for group in array]
                jobs = [self._slurm.submit(task) for task in tasks]
            for job, group in zip(jobs, array, strict=True):
                self._tasks.append(_Submitted(job, list(group)))

    def _look(self) -> None:
        """See which calls have begun or ended."""
        if self._tasks and time.monotonic() - self._asked > ASK:
            self._asked = time.monotonic()
            self._ask()
        for task in list(self._tasks):
            state = self._states.get(task.job.job_id, "")
            task.look()
            if state == "RUNNING":
                for call in task.calls:
                    call.start()
            if task.is_cancelled:
                task.job.cancel()
            elif not task.calls and (task.is_over or state in ENDED):
                task.tidy()
            elif task.calls and task.has_lost(state):
                self._new += task.lose(state)
            else:
                continue
            self._tasks.remove(task)

    def _ask(self) -> None:
        """Ask Slurm for the states of tasks; one that it has forgotten has ended."""
        asked = ["squeue", "-h", "-r", "-t", "all", "-u", getpass.getuser(), "-o", "%i %T"]
        answer = subprocess.run(asked, capture_output=True, text=True, check=False)
        if answer.returncode:  # the controller may be busy: ask again later
            return
        known = dict(line.split() for line in answer.stdout.splitlines())
        forgotten = {t.job.job_id: "COMPLETED" for t in self._tasks if t.job.job_id in self._states}
        self._states = forgotten | known
