"""The fits of one call of `dip fit`: done, shown, and their images written."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from dipcli.cli import console, tables
from dipcli.cli.progress import Progress, animated, show_progress
from dipcli.errors import DipError, UsageError
from dipcli.rows import guard

if TYPE_CHECKING:
    from dipcli.fitting.clusters.base import Cluster
    from dipcli.fitting.job import Job
    from dipcli.fitting.outputs import Output
    from dipcli.fitting.plan import Plan
    from dipcli.fitting.run import News

SUMMARY = ("store", "run", "status", "iterations", "chosen", "loss", "psnr", "ssim", "seconds")


def check_outputs(
    jobs: Sequence[Job], outs: Sequence[Output], beside: Iterable[str | None], *, stores: bool
) -> None:
    """Refuse two outputs of one name, and outputs that are inputs; `stores` are replaced too."""
    from dipcli.fitting import outputs
    from dipcli.store import keep_inputs

    for job in jobs:
        for remark in job.remarks:
            console.note(f"{job.store or job.name}: {remark}")
    outputs.refuse_equal([job.store for job in jobs if job.store], "-o")
    paths = [("--std" if out.std else "--image", out.path) for out in outs]
    paths += [("-o", job.store) for job in jobs if stores]
    inputs = [*(job.source for job in jobs), *beside]
    keep_inputs(inputs, paths)


def tell_how_to_resume(jobs: Sequence[Job]) -> None:
    names = " ".join(shlex.quote(job.label) for job in jobs if job.store)
    if names:
        console.note(f"to resume: dip fit --resume {names}")
    else:
        console.note("nothing was saved; name a store with -o to make a fit resumable")


@dataclass
class Work:
    """The fits of one call and what they write."""

    jobs: Sequence[Job]
    outputs: Sequence[Output]
    image_format: str | None
    force: bool
    errors: list[DipError]
    rows: Mapping[str, Any]  # how rows are printed
    cluster: Cluster | None = None  # that does the fits
    signal: int | None = None
    reasons: dict[str, str] = field(default_factory=dict)  # why a job failed, by its folder

    def do(self, tally: Tally | None = None) -> None:
        """Do the fits, and write their images; the `tally` is of all rows of a table."""
        from dipcli import signals
        from dipcli.fitting.batch import run_jobs, with_previous
        from dipcli.fitting.result import run_rows

        jobs = with_previous(self.jobs, [job for job in self.jobs if self._is_wanted(job)])
        stopping = partial(console.note, "stopping after this step; a second signal stops at once")
        cluster = self.cluster.open() if self.cluster else nullcontext(None)
        with (
            show_progress() as bars,
            signals.Graceful(on_first=stopping) as stopped,
            cluster as executor,
        ):
            done = run_jobs(
                jobs,
                tell=lambda news: _show(news, bars, tally),
                stopped=stopped,
                on_error=self._fail,
                on_start=self._announce,
                executor=executor,
                force=self.force,
            )
        self.signal = stopped.number
        if not self.signal:
            self._write_images()
        if done and not console.Volume.quiet:
            rows = {**self.rows, "form": self.rows["form"] or "table"}
            tables.print_rows(run_rows(done), SUMMARY, **rows, stream=sys.stderr)
        for job in done:
            try:
                self._leave(job)
            except DipError as error:  # the disk may be full; other stores are named
                self._fail(error, job.label)

    def _announce(self, plans: Sequence[Plan], parallel: int) -> None:
        if not self.cluster:
            _announce([(plan.job, len(plan.missing)) for plan in plans], parallel)
            return
        fits = sum(len(plan.missing) for plan in plans)
        console.note(f"{fits} fit{'s' * (fits != 1)} go to {self.cluster.name}")

    def _fail(self, error: DipError, *folders: str) -> None:
        self.errors.append(error)
        for folder in folders:
            self.reasons.setdefault(folder, str(error))

    def _is_wanted(self, job: Job) -> bool:
        """Whether to do a job: not if its image is up to date, nor if that cannot be written."""
        outputs = [output for output in self.outputs if any(job is one for one in output.jobs)]
        stale = [output for output in outputs if not output.is_up_to_date()]
        if not (job.store or self.force or stale):
            for output in outputs:
                console.note(f"{output.path} is up to date; left unchanged")
            return False
        try:
            for output in stale:
                self._check_free(output)
        except UsageError:
            raise
        except DipError as error:
            self._fail(error, job.label)
            return False
        return True

    def _check_free(self, output: Output) -> None:
        """Refuse, before the work, an output that could not be written."""
        from dipcli.cli import streams
        from dipcli.images import check_output

        streams.image_output(output.path)
        form = streams.output_format(output.path, self.image_format)
        if output.path != "-":
            # with a store nothing is lost if the file turns out to hold another image
            kept = all(job.store for job in output.jobs)
            check_output(output.path, form, force=self.force or kept)

    def _write_images(self) -> None:
        from dipcli.cli import streams
        from dipcli.fitting.batch import is_complete

        for out in self.outputs:
            if len(out.jobs) < out.jobs[0].pages:
                pages = out.jobs[0].pages
                console.note(f"{out.path} needs all {pages} pages: resume their stores in one call")
            elif all(is_complete(job) for job in out.jobs):
                try:
                    what = out.path, out.pages(), self.image_format, out.provenance
                    streams.write_images(*what, floats=out.std, force=self.force)
                except DipError as error:
                    self._fail(error, *(job.label for job in out.jobs))

    def _leave(self, job: Job) -> None:
        """Pack what is to be packed, and print the name of the store that was written."""
        from dipcli.cli import streams
        from dipcli.fitting.batch import is_complete, is_usable, pack_if_asked
        from dipcli.fitting.result import output_image
        from dipcli.images.preview import preview
        from dipcli.store import pack

        if console.Volume.verbose and animated() and is_complete(job):
            columns = shutil.get_terminal_size().columns
            sys.stderr.writelines(
                f"{line}\n" for line in preview(output_image(job, None, std=False), columns)
            )
        if job.store == "-":
            if is_complete(job):
                with streams.binary_stdout() as stdout:
                    pack(job.folder, stdout)
            return
        if not pack_if_asked(job) or not is_usable(job):
            return
        with_image = any(out.path == "-" for out in self.outputs)
        if job.store and not with_image and sys.stdout.writable():  # it may be closed
            guard(sys.stdout).write(f"{job.store}\n")
            sys.stdout.flush()


def _announce(fits: Iterable[tuple[Job, int]], parallel: int) -> None:
    """Say what is going to be done, and roughly how long it takes."""
    from dipcli.fitting.estimate import announce

    for line, is_detail in announce(fits, parallel):
        (console.detail if is_detail else console.note)(line)


@dataclass
class Tally:
    """How many fits of a table have ended."""

    name: str
    total: int
    done: int = 0


def _show(news: News, bars: Progress, tally: Tally | None) -> None:
    """Show how a run goes on."""
    ended = news.status != "running" and not (news.tiles and news.tiles[0] < news.tiles[1])
    if ended:
        bars.end(news.label)
    if tally is not None:
        tally.done += ended
        bars.update(tally.name, tally.done, max(tally.total, tally.done))
    if news.status == "failed":
        if os.environ.get("DIP_DEBUG"):
            sys.stderr.write(news.trace)
    elif news.status == "interrupted":
        console.note(f"{news.label} is interrupted at iteration {news.iteration}")
    elif news.status == "complete" and not news.tiles:
        console.detail(f"{news.job.label} ended at iteration {news.iteration}")
    elif news.status == "running":
        figures = {"loss": news.loss}
        if news.psnr is not None:
            figures["psnr"] = news.psnr
        done, total = news.progress
        bars.update(news.label, done, total, **figures)


def print_plan(jobs: Sequence[Job], form: str | None, *, header: bool) -> None:
    """What --dry-run prints: the settings and the cost of each job."""
    from dipcli.fitting.batch import parallel_for
    from dipcli.fitting.estimate import costs, describe, plan_rows
    from dipcli.fitting.toml import write_settings

    parallel = parallel_for(jobs)
    _announce([(job, job.settings.runs) for job in jobs], parallel)
    if form == "toml":
        for job in jobs:
            guard(sys.stdout).write(write_settings(job.settings, costs(job, parallel)))
        return
    as_json = form == "jsonl"
    rows = [describe(job, parallel) for job in jobs] if as_json else plan_rows(jobs, parallel)
    columns = list(rows[0]) if rows else []
    tables.print_rows(rows, columns, form, header=header)  # type: ignore[arg-type]
