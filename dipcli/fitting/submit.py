"""Runs given to an executor: one of Python's, or a cluster."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future
from concurrent.futures import wait as wait_for
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from dipcli.bucket import Bucket
from dipcli.errors import DipError
from dipcli.fitting.run import News, RunJob, Stopped, Tell, do_run
from dipcli.fitting.workers import PATIENCE, Deaths, startable
from dipcli.store import stop_file

LOOK, LOOK_FAR = 1.0, 4.0  # seconds between looks of a run at whether to stop
_one_at_a_time = threading.Lock()  # torch's settings are those of the process


def submit_all(jobs: Sequence[RunJob], executor: Executor, tell: Tell, stopped: Stopped) -> None:
    """Do all runs by an executor; each is told of when it has ended."""
    todo, busy, deaths = list(jobs), dict[Future[News], RunJob](), Deaths()
    for job in todo:
        _Wish(job).take_back()
    while todo or busy:
        for job in startable(todo, busy.values()):
            todo.remove(job)
            busy[executor.submit(do_run_alone, _anywhere(job))] = job
        for future in wait_for(busy, PATIENCE, FIRST_COMPLETED).done:
            job = busy.pop(future)
            news = _outcome(future, job, deaths)
            if news and (news.status != "interrupted" or stopped()):
                tell(news)
            else:
                todo.append(job)
        if stopped():
            todo.clear()
            busy = _stop(busy)


def _outcome(future: Future[News], job: RunJob, deaths: Deaths) -> News | None:
    """How a run ended; None if its process died, and it may begin once more."""
    error = future.exception()
    if error is None:
        return replace(future.result(), job=job)
    if isinstance(error, DipError):  # of the cluster, not of this fit
        raise error
    return deaths.news(job, " ".join(str(error).split()) or type(error).__name__)


def _stop(busy: dict[Future[News], RunJob]) -> dict[Future[News], RunJob]:
    """Take back what has not begun, as far as is known; the others, which are asked to end."""
    for job in busy.values():
        with suppress(OSError, DipError):
            _Wish(job).utter()
    return {future: job for future, job in busy.items() if not future.cancel()}


def _anywhere(job: RunJob) -> RunJob:
    """The job for another working directory."""
    start = str(Path(job.start).absolute()) if job.start else ""
    return replace(job, store=str(Path(job.store).absolute()), start=start)


def do_run_alone(job: RunJob, stopped: Stopped = lambda: False) -> News:
    """Do a run in a process that nobody listens to; its last news."""
    news: list[News] = []
    asked = _Asked(_Wish(job))
    with _one_at_a_time:
        do_run(job, news.append, lambda: stopped() or asked())
    return news[-1]


class _Wish:
    """The wish that the runs of a store end: a file in its folder, and one at its address."""

    def __init__(self, job: RunJob) -> None:
        self._file = stop_file(job.store)
        self._bucket = Bucket(job.address) if job.address else None
        self._key = stop_file("").as_posix()

    def utter(self) -> None:
        if self._file.parent.is_dir():
            self._file.touch()
        if self._bucket:
            self._bucket.put(self._key, b"")

    def take_back(self) -> None:
        self._file.unlink(missing_ok=True)
        if self._bucket and self._bucket.exists(self._key):
            self._bucket.delete([self._key])

    @property
    def pause(self) -> float:
        """Seconds between looks at whether it is there."""
        return LOOK_FAR if self._bucket else LOOK

    def is_there(self) -> bool:
        if self._file.parent.is_dir() or not self._bucket:
            return self._file.exists()
        return self._bucket.exists(self._key)


class _Asked:
    """Whether a run is to stop; seldom looked at."""

    def __init__(self, wish: _Wish) -> None:
        self._wish, self._seen = wish, time.monotonic()

    def __call__(self) -> bool:
        if time.monotonic() - self._seen < self._wish.pause:
            return False
        self._seen = time.monotonic()
        with suppress(DipError):  # the network may come back
            return self._wish.is_there()
        return False
