"""Many jobs at once: stores opened, memory checked, runs in parallel, zips packed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from dipcli import files, machine
from dipcli.errors import DipError
from dipcli.fitting import workers
from dipcli.fitting.hardware import find_device, parallel_fits
from dipcli.fitting.job import Job
from dipcli.fitting.mosaic import forget, is_ready, join, tile_plans
from dipcli.fitting.plan import Plan, missing_runs, plan
from dipcli.fitting.run import News, RunJob, Stopped, Tell
from dipcli.fitting.submit import submit_all
from dipcli.store import delete_store, is_root, pack

OnError = Callable[[DipError, str], object]  # why a fit failed, and the folder of its store


def run_jobs(
    jobs: Sequence[Job],
    *,
    tell: Tell,
    stopped: Stopped,
    on_error: OnError,
    on_start: Callable[[Sequence[Plan], int], None] | None = None,
    executor: Executor | None = None,
    force: bool = False,
) -> list[Job]:
    """Do the runs that the stores of the jobs lack; the jobs whose stores could be opened.

    One job that fails does not stop the others: `on_error` gets the reason and the folder of its
    store. `on_start` gets the plans, and how many fits run in parallel, before the first one
    begins.
    """
    with ExitStack() as stack:
        plans = []
        for job in jobs:
            try:
                plans.append(opened := plan(job, force=force))
            except DipError as error:
                on_error(error, job.label)
                continue
            stack.callback(opened.store.close)
        parallel = parallel_for(jobs)
        if executor is None and any(p.missing for p in plans):
            check_memory(plans, parallel)
        if on_start is not None:
            on_start(plans, parallel)
        work, cut = _cut(plans, parallel, on_error, stack)
        runs = [run for p in work for run in p.runs(0 if executor else parallel)]
        tiles = _Tiles(runs, {f"{p.job.label}/run-{k}": len(t) for p, t in cut for k in p.missing})

        def hear(news: News) -> None:
            if news.status == "failed" and tiles.is_news(news):
                folder = news.label.rpartition("/")[0]
                on_error(DipError(f"{news.label}: {news.error}"), folder)
            tell(tiles.count(news))

        if executor is not None:
            submit_all(runs, executor, hear, stopped)
        else:
            workers.do_all(runs, min(parallel, len(runs)), hear, stopped)
        _join(plans, cut)
    return [p.job for p in plans]


def _cut(
    plans: Sequence[Plan], parallel: int, on_error: OnError, stack: ExitStack
) -> tuple[list[Plan], list[tuple[Plan, list[Plan]]]]:
    """The plans to do, with tiles in place of pictures; and the pictures with their tiles."""
    work, cut = list[Plan](), list[tuple[Plan, list[Plan]]]()
    for whole in plans:
        if not (whole.job.grid and whole.missing):
            work.append(whole)
            continue
        try:
            tiles = tile_plans(whole, parallel)
        except DipError as error:
            on_error(error, whole.job.label)
            continue
        for tile in tiles:
            stack.callback(tile.store.close)
        work += tiles
        cut.append((whole, tiles))
    return work, cut


def _join(plans: Sequence[Plan], cut: Sequence[tuple[Plan, Sequence[Plan]]]) -> None:
    """Put tiles together where all are complete."""
    for whole, tiles in cut:
        if is_ready(whole, tiles):
            join(whole)
    wholes = [plan.job for plan in plans if plan.job.grid]
    if all(is_complete(job) for job in wholes):  # else a page may begin with these weights
        for job in wholes:
            forget(job.folder)


class _Tiles:
    """Counts the tiles of each run that are complete."""

    def __init__(self, missing: Sequence[RunJob], all_of: Mapping[str, int]) -> None:
        left = Counter(run.whole for run in missing)
        self._all = all_of
        self._done = {label: number - left[label] for label, number in all_of.items()}
        self._failed: set[str] = set()

    def is_news(self, news: News) -> bool:
        """Whether this is the first tile of its run that fails: others may fail for want of it."""
        first = news.label not in self._failed or not news.job.whole
        self._failed.add(news.label)
        return first

    def count(self, news: News) -> News:
        """The news, with how many tiles of the run are complete."""
        label = news.job.whole
        if not label:
            return news
        self._done[label] += news.status == "complete"
        return replace(news, tiles=(self._done[label], self._all[label]))


def with_previous(jobs: Sequence[Job], wanted: Sequence[Job]) -> list[Job]:
    """The wanted ones of the jobs, and those that they begin with and that no store keeps."""
    ids, folders, found = {id(job) for job in wanted}, set[str](), list[Job]()
    for job in reversed(jobs):
        if id(job) in ids or (job.folder in folders and not job.store):
            found.append(job)
            folders.add(job.previous)
    return found[::-1]


def parallel_for(jobs: Sequence[Job]) -> int:
    """How many of the jobs' runs are done in parallel; one that begins with another waits."""
    folders = {job.folder for job in jobs}
    fits = sum(job.settings.runs * job.fits for job in jobs if job.previous not in folders)
    return parallel_fits(jobs[0].settings, max(1, fits)) if jobs else 1


def check_memory(plans: Sequence[Plan], parallel: int) -> None:
    """Refuse, before anything begins, fits that do not fit into memory."""
    costs = sorted(p.job.cost.memory for p in plans for _ in range(len(p.missing) * p.job.fits))
    device = find_device(plans[0].job.settings.device)
    need, free = sum(costs[-parallel:]), machine.available_memory(device)
    if need <= free:
        return
    for p in plans:  # a store that has just been made holds nothing yet
        if not p.store.runs:
            p.store.close()
            delete_store(Path(p.job.folder))
    msg = (
        f"this needs about {need / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free: use "
        "fewer --jobs, a smaller --width or an image of fewer pixels"
    )
    raise DipError(msg)


def is_complete(job: Job) -> bool:
    """Whether all runs that a job wants, and all others of its store, have come to their end."""
    try:
        with job.open_store() as store:
            ended = all(run.attrs["status"] == "complete" for run in store.runs)
            return ended and not missing_runs(store, job.settings)
    except DipError:
        return False


def is_usable(job: Job) -> bool:
    """Whether a run of a job came to its end or was interrupted: not all failed, or never began."""
    with job.open_store() as store:
        return any(run.attrs["status"] in ("complete", "interrupted") for run in store.runs)


def pack_if_asked(job: Job) -> bool:
    """Pack the folder of a complete `.zarr.zip`; False if the store is not packed as asked."""
    folder, name = Path(job.folder), Path(job.store)
    if not job.store.endswith(".zip") or not is_root(folder):
        return True
    if not is_complete(job):
        return False
    with files.write_errors(job.store), files.atomic_file(name, force=True) as file:
        pack(folder, file)
    delete_store(folder)
    return True
