"""`dip fit`: fit, save the trajectory, restore."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipcli.cli import console, options, tables
from dipcli.cli.options import argument, option
from dipcli.cli.progress import Progress, animated, show_progress
from dipcli.errors import DipError, UsageError
from dipcli.fitting.settings import Settings
from dipcli.registry import ARCHITECTURES, LOSSES, PRESETS, RULES, TASKS
from dipcli.rows import guard
from dipcli.temporary import temporary_folder

if TYPE_CHECKING:
    from dipcli.fitting.job import Job
    from dipcli.fitting.outputs import Output
    from dipcli.fitting.request import Request
    from dipcli.fitting.run import News

EXAMPLES = (
    "dip fit noisy.png --arch dip --save-every 50 -o traj.zarr",
    "dip fit holes.png --image restored.png",
    "dip fit small.png --task sr:4 --image large.png",
    "dip fit a.png b.png --runs 2 -o '{stem}.zarr'",
    "dip fit stacks/* --image 'restored/{name}'",
    "dip fit noisy.png --arch mynets:Siren -o siren.zarr",
    "dip fit noisy.png --optimizer sgld --iterations 20000 --image mean.png --std spread.tif",
    "dip corrupt builtin:astronaut crop:64x64 gaussian:25 | dip fit --image - > restored.png",
)
LISTS = {
    "Tasks (--task)": TASKS,
    "Architectures (--arch)": ARCHITECTURES,
    "Presets (--preset)": PRESETS,
    "Losses (--loss)": LOSSES,
    "Stopping rules (--stop)": RULES,
}
SUMMARY = ("store", "run", "status", "iterations", "chosen", "loss", "psnr", "ssim", "seconds")


@options.command(Settings)
def fit(
    images: list[str] | None = argument(
        "IMAGE", "Image files, builtin:NAME, parts of stores; - is stdin."
    ),
    output: str | None = option(
        "Store to write; a template of {stem} {name} {dir} {page} {seed} {arch}.", None, "-o"
    ),
    image: str | None = option("Restored image to write; a template that may have {run} too."),
    std: str | None = option(
        "Image of the standard deviation over runs, or over samples of sgld, to write; a template"
        " as --image."
    ),
    clean: str | None = option("Ground truth, for PSNR and SSIM only."),
    mask: str | None = option("Image whose black pixels mark unknown pixels."),
    mask_invert: bool = option("Treat the white pixels of --mask as unknown.", False),
    preset: str | None = option(
        "Settings of a paper, from the list of presets below; options win over it. Default: fast;"
        " with --arch, that of its paper.",
        metavar="PRESET",
    ),
    like: str | None = option("Start from the settings of this store."),
    settings_file: str | None = option(
        "Read settings from this TOML file, as --dry-run --format toml prints it; options win "
        "over it.",
        None,
        "--settings",
        metavar="FILE",
    ),
    resume: bool = option("Resume these stores: the arguments are stores.", False),
    dry_run: bool = option("Print the settings and the cost, and do nothing.", False, "-n"),
    reading: dict[str, Any] = options.reading("all"),
    image_format: options.ImageFormat = options.IMAGE_FORMAT,
    force: bool = options.FORCE,
    form: options.SettingsFormat = options.output_format(
        "Format of the summary on stderr, or of --dry-run on stdout; toml, for --dry-run only, is "
        "what --settings reads. Default: table; for --dry-run in a pipe, tsv."
    ),
    no_header: bool = options.NO_HEADER,
    **words: Any,
) -> int:
    """Fit an untrained network, save the trajectory, restore."""
    from dipcli.cli import streams
    from dipcli.fitting import outputs
    from dipcli.fitting.request import Request, recorded_settings, resumed_jobs

    if form == "toml" and not dry_run:
        msg = "--format toml is for --dry-run: add -n"
        raise UsageError(msg)
    chosen = options.parse_settings(words)
    if settings_file:
        from dipcli.fitting.toml import read_settings

        recorded = read_settings(settings_file)
        preset = preset or recorded.pop("preset", None)
        chosen = {**recorded, **chosen}
    config = recorded_settings(like, chosen) if like else None
    Settings(preset, like=config, **chosen)  # refuses invalid settings before an image is read
    written = {"-o": output, "--image": image, "--std": std}
    outputs.check_names(written, {"--clean": clean, "--mask": mask})
    if output == "-":
        streams.image_output(output, "a store")
    templates = {name: text for name, text in (("image", image), ("std", std)) if text}
    with temporary_folder() as scratch:
        if resume:
            found = list(resumed_jobs(images or [], chosen, templates))
        else:
            beside = clean, mask, mask_invert
            request = Request(chosen, preset, config, *beside, scratch, templates)
            found = list(_read(request, images or [], reading, (output, image)))
        made = [job for job in found if not isinstance(job, DipError)]
        outs = outputs.image_outputs(made)
        _check_outputs(made, outs, [clean, mask], stores=force and not resume)
        errors = [error for error in found if isinstance(error, DipError)]
        rows: dict[str, Any] = {"form": form, "header": not no_header}
        work = _Work(made, outs, image_format, force, errors, rows)
        if not dry_run:
            work.do()
        elif made:
            _print_plan(made, **rows)
    for error in work.errors:
        console.error(error)
    if work.signal:
        _tell_how_to_resume(made)
        return 128 + work.signal
    return 1 if work.errors else 0


def _read(
    request: Request, images: list[str], reading: Any, templates: tuple[str | None, str | None]
) -> Iterator[Job | DipError]:
    """Read the images; `templates` are those of the store and of the restored image."""
    from dipcli.cli import streams
    from dipcli.fitting.outputs import store_template
    from dipcli.fitting.request import read_jobs

    sources = {source.name: source for source in streams.inputs(images, "image")}
    return read_jobs(
        request,
        list(sources),
        lambda n, mask: streams.read_images(sources[n], **reading, mask=mask, stretch=True),
        lambda pages: store_template(*templates, pages, len(sources)),
        console.note,
    )


def _check_outputs(
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


def _tell_how_to_resume(jobs: Sequence[Job]) -> None:
    names = " ".join(shlex.quote(job.folder) for job in jobs if job.store)
    if names:
        console.note(f"to resume: dip fit --resume {names}")
    else:
        console.note("nothing was saved; name a store with -o to make a fit resumable")


@dataclass
class _Work:
    """The fits of one call and what they write."""

    jobs: Sequence[Job]
    outputs: Sequence[Output]
    image_format: str | None
    force: bool
    errors: list[DipError]
    rows: Mapping[str, Any]  # how rows are printed
    signal: int | None = None

    def do(self) -> None:
        from dipcli import signals
        from dipcli.fitting.batch import run_jobs, with_previous
        from dipcli.fitting.result import run_rows

        jobs = with_previous(self.jobs, [job for job in self.jobs if self._is_wanted(job)])
        stopping = partial(console.note, "stopping after this step; a second signal stops at once")
        with show_progress() as bars, signals.Graceful(on_first=stopping) as stopped:
            done = run_jobs(
                jobs,
                tell=lambda news: _show(news, bars),
                stopped=stopped,
                on_error=self.errors.append,
                on_start=lambda plans, parallel: _announce(
                    [(plan.job, len(plan.missing)) for plan in plans], parallel
                ),
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
                self.errors.append(error)

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
            self.errors.append(error)
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
            check_output(Path(output.path), form, force=self.force or kept)

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
                    self.errors.append(error)

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


def _show(news: News, bars: Progress) -> None:
    """Show how a run goes on."""
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


def _print_plan(jobs: Sequence[Job], form: str | None, *, header: bool) -> None:
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
