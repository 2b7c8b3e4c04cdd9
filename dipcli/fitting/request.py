"""What a call asks for, as a job for each image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from dipcli.arrays import Bools
from dipcli.bucket import is_address
from dipcli.degrade.mask import MaskFile
from dipcli.errors import DipError, UsageError
from dipcli.fitting import noise, outputs, planes, tasks
from dipcli.fitting.code import refuse_unnamed_code
from dipcli.fitting.job import Job, next_name, template_fields
from dipcli.fitting.settings import Settings
from dipcli.fitting.tasks import Task
from dipcli.images import Image
from dipcli.images.pixelsize import plane_distance
from dipcli.images.scale import clip_outliers
from dipcli.images.stack import Mask, total_pages
from dipcli.images.volume import volumes
from dipcli.measure.inputs import read_reference
from dipcli.store import read_run

Read = Callable[[str, Mask | None], Sequence[Image]]


@dataclass(frozen=True)
class Request:
    """The settings and the files that the user names; those of an image follow when it is read."""

    options: Mapping[str, Any]
    preset: str | None
    like: Mapping[str, Any] | None
    clean: Any  # a template, as the mask; or an image
    mask: str | None = None
    mask_invert: bool = False
    scratch: Path = Path()  # folder of the stores that are not kept
    outputs: Mapping[str, str] = field(default_factory=dict)  # templates by "image" and "std"

    def settings(self, **more: Any) -> Settings:
        return Settings(self.preset, like=self.like, **{**self.options, **more})

    def unknown(self, source: str, page: int, size: tuple[int, int]) -> Bools:
        """The pixels (y, x) of a page that --mask makes unknown."""
        values = template_fields(source, page, self.settings(), 1)
        return MaskFile(outputs.fill(self.mask or "", values), self.mask_invert).unknown(size)

    def settled(self, pages: Sequence[Image], task: Task) -> dict[str, str]:
        """The noise and the rule for it, where the settings leave them to the pages of a file."""
        settings = self.settings(task=str(task))
        return noise.settled(settings, [page.pixels for page in pages], pages[0].scale)

    def job(
        self,
        source: str,
        image: Image,
        template: str | None,
        pages: Sequence[Image] = (),
        settled: Mapping[str, str] | None = None,
    ) -> Job:
        """The job of an image, one of the `pages` of a file; `template` names its store.

        Its settings are those of the preset, of its task and of its size, and what is `settled` by
        all pages.
        """
        requested, clean, total = self.settings(), self.clean, total_pages(pages)
        values = template_fields(source, image.page, requested, total)
        image, remarks = _without_outliers(image)
        name = f"{source} page {image.page}" if total > 1 else source
        task = tasks.resolve(requested.task, image, name)
        if clean is not None:
            path = outputs.fill(clean, values) if isinstance(clean, str) else clean
            larger = task.size(image.size) != image.size
            clean = read_reference(path, image, "--clean", any_size=larger)
        flash = read_reference(task.path, image, "--task flash") if task.path else None
        size = task.size(image.size, clean.size if clean else None)
        fixed = "depth" in self.options or "stride" in self.options
        settled = self.settled([image], task) if settled is None else settled
        settings = self.settings(task=str(task), **settled)
        domain = settings.domain(image.scale)
        target = domain.stabilised(image.pixels) if domain else image.pixels
        settings = settings.settle(task, size, target, fixed_depth=fixed)
        if settings.dims == 3:
            settings = planes.settled(settings, len(image.planes), plane_distance(image))
        store = outputs.fill(template or "", values)
        hidden = self.scratch / next_name(f"{values['stem']}-p{image.page}")
        elsewhere = store in ("", "-") or is_address(store)
        folder = str(hidden) if elsewhere else store.removesuffix(".zip")
        job = Job(image, name, source, settings, requested, folder, store, clean, flash)
        named = outputs.partly_filled(self.outputs, values)
        apart = any(outputs.has_field(template, "page") for template in self.outputs.values())
        return replace(
            job,
            outputs=named,
            pages=1 if apart else max(1, len(pages)),
            total=total,
            remarks=remarks,
        )


def _without_outliers(image: Image) -> tuple[Image, tuple[str, ...]]:
    """The image without far outliers, and a remark about them."""
    pixels, count = clip_outliers(image.pixels)
    if not count:
        return image, ()
    remark = f"outliers are clipped for the fit: {count} pixel{'s' * (count > 1)}"
    return image.with_pixels(pixels), (remark,)


def read_jobs(
    request: Request,
    names: Sequence[str],
    read: Read,
    template: Callable[[int], str | None],
    tell: Callable[[str], object],
) -> Iterator[Job | DipError]:
    """The jobs of image files; one that cannot be read is an error among them, not the end.

    `read` gives the pages of a file, with the unknown pixels of a mask, and `template` the names
    of stores, by the number of pages. `tell` gets what the user should know.
    """
    before: Job | None = None
    for name in names:
        try:
            pages = read(name, partial(request.unknown, name) if request.mask else None)
            if request.settings().task == tasks.AUTO and (hint := tasks.suggestion(pages[0])):
                tell(
                    f"{name} records that it was made by {hint[0]}; --task {hint[1]} would undo it"
                )
            if request.settings().dims == 3:
                pages = volumes(pages)
            store = template(len(pages))
            task = tasks.resolve(request.settings().task, pages[0], name)
            settled = request.settled(pages, task)
            for page in pages:
                job = request.job(name, page, store, pages, settled)
                job = before = job.after(before)
                levels = job.settings.depth
                if levels < request.settings(task=str(job.task)).depth:
                    height, width = job.size
                    tell(f"{name}: {width}x{height} pixels allow a depth of {levels} only")
                yield job
        except UsageError:
            raise
        except DipError as error:
            yield error


def resumed_jobs(
    names: Sequence[str],
    options: Mapping[str, Any],
    templates: Mapping[str, str],
    scratch: Path,
) -> Iterator[Job | DipError]:
    """`--resume`: stores record what is fitted in them, how, and the images to write.

    `templates` are those that the user names now.
    """
    for name in names:
        try:
            job = Job.from_store(name, options, scratch)
            if templates:
                job = replace(job, source=name, pages=1, total=1, remarks=())
                job = replace(job, outputs=outputs.partly_filled(templates, job.fields))
            yield job
        except UsageError:
            raise
        except DipError as error:
            yield error


def recorded_settings(name: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings that a store records; code in them must be named in the options too."""
    config: Mapping[str, Any] = read_run(name).attrs["config"]
    refuse_unnamed_code(name, config, options)
    return config
