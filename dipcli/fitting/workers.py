"""Several runs at once, in processes that take one after the other."""

from __future__ import annotations

import functools
import itertools
import multiprocessing
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self

from dipcli import signals
from dipcli.fitting.hardware import placed
from dipcli.fitting.run import News, RunJob, Stopped, Tell, do_run, mark_failed

if TYPE_CHECKING:
    Pipe = Connection[Any, Any]

PATIENCE = 0.2  # seconds between looks at whether to stop
AGAIN = 2  # times that a run goes on after its process died


def do_all(jobs: Sequence[RunJob], parallel: int, tell: Tell, stopped: Stopped) -> None:
    """Do all runs, so many in parallel; `tell` gets the news of each."""
    if parallel > 1:
        _do_in_processes(jobs, parallel, tell, stopped)
        return
    todo = list(jobs)
    while todo and not stopped():
        job = startable(todo, ())[0]
        todo.remove(job)
        do_run(job, tell, stopped)


def startable(todo: Iterable[RunJob], busy: Iterable[RunJob]) -> list[RunJob]:
    """The runs that may begin: those that begin with the weights of another wait for its end."""
    if not any(job.start for job in todo):
        return list(todo)
    unfinished = {_place(job.place) for job in (*todo, *busy)}

    def waits(job: RunJob) -> bool:
        start = _place(job.start)
        return start in unfinished and start != _place(job.place)

    return [job for job in todo if not (job.start and waits(job))]


_place = functools.cache(os.path.realpath)


class Deaths:
    """How often the process of a run has died: the memory may have been short for a moment only."""

    def __init__(self) -> None:
        self._count = Counter[str]()

    def news(self, job: RunJob, text: str) -> News | None:
        """The end of a run whose process died, recorded; None if it may begin once more."""
        self._count[job.label] += 1
        if self._count[job.label] <= AGAIN:
            return None
        mark_failed(job, text)
        return News(job, -1, float("nan"), status="failed", error=text)


def _do_in_processes(jobs: Sequence[RunJob], parallel: int, tell: Tell, stopped: Stopped) -> None:
    """Do the runs in processes that take one after the other."""
    todo, deaths = list(jobs), Deaths()
    with _Team() as team:
        while todo or team.busy:
            if stopped():
                todo.clear()
                team.stop()
            for job in startable(todo, team.busy.values())[: parallel - len(team.busy)]:
                todo.remove(job)
                team.begin(job)
            for job, news in team.news():
                ended = news if isinstance(news, News) else deaths.news(job, _reason(news))
                if ended:
                    tell(ended)
                else:
                    todo.insert(0, job)


class _Team:
    """Processes that wait for runs. They are spawned: a fork would copy half of torch's threads.

    The pipe of a worker brings its news, and gives it the next run or, by None, its end. An Event
    would need a semaphore in /dev/shm, which some containers lack.
    """

    def __init__(self) -> None:
        self.busy: dict[Pipe, RunJob] = {}
        self._processes: dict[Pipe, SpawnProcess] = {}
        self._slots: dict[Pipe, int] = {}  # the number of each, from 0; those of the dead are free
        self._told: set[Pipe] = set()  # to end

    def begin(self, job: RunJob) -> None:
        """Give a run to a worker that has none."""
        idle = self._processes.keys() - self.busy.keys()
        pipe = idle.pop() if idle else self._hire()
        self.busy[pipe] = job
        if job.hardware is not None:
            job = replace(job, hardware=placed(job.hardware, job.settings, self._slots[pipe]))
        self._send(pipe, job)

    def stop(self) -> None:
        """Tell all to end after the present step."""
        for pipe in self._processes.keys() - self._told:
            self._told.add(pipe)
            self._send(pipe, None)

    def news(self) -> Iterator[tuple[RunJob, News | int]]:
        """What the workers have told, or the exit code of one; wait a little if nothing."""
        ready = wait(list(self.busy), PATIENCE)
        for pipe in [pipe for pipe in self.busy if pipe in ready]:
            job = self.busy[pipe]
            news: News | int
            try:
                news = pipe.recv()
            except (EOFError, OSError):
                process = self._processes.pop(pipe)
                del self._slots[pipe]
                process.join()
                news = process.exitcode or 0
            if isinstance(news, int) or news.status != "running":
                del self.busy[pipe]
            yield job, news

    def _hire(self) -> Pipe:
        """A new worker, by our end of its pipe."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, os.getpid()), name="dip worker")
        with _bare_main():
            process.start()
        theirs.close()
        self._processes[ours] = process
        taken = set(self._slots.values())
        self._slots[ours] = next(k for k in itertools.count() if k not in taken)
        return ours

    def _send(self, pipe: Pipe, message: RunJob | None) -> None:
        with suppress(OSError):  # it has died, which its pipe tells too
            pipe.send(message)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.busy:
            self.stop()
        for process in self._processes.values():
            if self.busy:  # an error ends this
                process.kill()
            process.join()


def _reason(code: int) -> str:
    """Why a process ended: the kernel kills what needs too much memory."""
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    text = f"its process ended by {how}"
    if code == -signal.SIGKILL:
        text += "; memory may have run out: use fewer --jobs or a smaller --width"
    return text


@contextmanager
def _bare_main() -> Iterator[None]:
    """A spawned process imports the script that started this one, unless there is none: a script
    without a guard around its calls would then fit once more in each worker."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def _work(pipe: Pipe, parent: int) -> None:
    """What a worker does. The parent handles signals, and says when to stop."""
    for number in signals.STOPPING:
        signal.signal(number, signal.SIG_IGN)

    def stopped() -> bool:
        return pipe.poll() or os.getppid() != parent  # an orphan saves its state and ends

    def tell(item: News) -> None:
        try:
            pipe.send(item)
        except BrokenPipeError:  # the parent is gone; `stopped` sees that too
            return

    while (job := _next(pipe)) is not None:
        do_run(job, tell, stopped)


def _next(pipe: Pipe) -> RunJob | None:
    try:
        job: RunJob | None = pipe.recv()
    except (EOFError, OSError):  # the parent is gone
        return None
    return job
