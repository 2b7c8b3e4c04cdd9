"""The inputs and outputs of `dip fit`: images to fit, and images to write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from dipcli import files
from dipcli.cli import console, streams
from dipcli.errors import DipError, UsageError
from dipcli.fitting import outputs, tasks
from dipcli.fitting.job import Job
from dipcli.fitting.outputs import Output
from dipcli.fitting.request import Request


def read_jobs(
    names: list[str],
    reading: Mapping[str, Any],
    templates: tuple[str | None, str | None],
    request: Request,
) -> Iterator[Job | DipError]:
    """Read the images; one that cannot be read is an error among the jobs, not the end.

    `templates` are those of the store and of the restored image.
    """
    sources = streams.inputs(names, "image")
    task = request.settings().task
    for source in sources:
        try:
            mask = partial(request.unknown, source.name) if request.mask else None
            pages = streams.read_images(source, **reading, mask=mask, stretch=True)
            template = outputs.store_template(*templates, len(pages), len(sources))
            if task == tasks.AUTO and (hint := tasks.suggestion(pages[0])):
                console.note(
                    f"{source.name} records that it was made by {hint[0]}; --task {hint[1]} would "
                    "undo it"
                )
            for page in pages:
                job = request.job(source.name, page, template, pages)
                levels = job.settings.depth
                if levels < request.settings(task=str(job.task)).depth:
                    height, width = job.size
                    console.note(
                        f"{source.name}: {width}x{height} pixels allow a depth of {levels} only"
                    )
                yield job
        except UsageError:
            raise
        except DipError as error:
            yield error


def check_free(output: Output, form: str | None, *, force: bool) -> None:
    """Refuse, before the work, an output that could not be written."""
    streams.image_output(output.path)
    streams.output_format(output.path, form)
    if output.path != "-":
        # with a store nothing is lost if the file turns out to hold another image
        kept = all(job.store for job in output.jobs)
        files.check(Path(output.path), force=force or kept)
