"""What a call of `dip fit` asks for, as a job for each image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dipcli.arrays import Bools
from dipcli.degrade.maskfile import MaskFile
from dipcli.errors import DipError, UsageError
from dipcli.fitting import outputs, tasks
from dipcli.fitting.code import refuse_unnamed_code
from dipcli.fitting.job import Job
from dipcli.fitting.settings import Settings
from dipcli.images import Image
from dipcli.images.stack import total_pages
from dipcli.measure.inputs import read_reference
from dipcli.store import read_run


@dataclass(frozen=True)
class Request:
    """The settings and the files that the user names; those of an image follow when it is read."""

    options: Mapping[str, Any]
    preset: str | None
    like: Mapping[str, Any] | None
    clean: str | None  # a template, as the mask
    mask: str | None
    mask_invert: bool
    scratch: Path  # folder of the stores that are not kept
    outputs: Mapping[str, str]  # templates of the images to write, by "image" and "std"

    def settings(self, **more: Any) -> Settings:
        return Settings(self.preset, like=self.like, **{**self.options, **more})

    def unknown(self, source: str, page: int, size: tuple[int, int]) -> Bools:
        """The pixels (y, x) of a page that --mask makes unknown."""
        values = template_fields(source, page, self.settings())
        return MaskFile(outputs.fill(self.mask or "", values), self.mask_invert).unknown(size)

    def job(self, source: str, image: Image, template: str | None, pages: Sequence[Image]) -> Job:
        """The job of one of the pages of a file; `template` names its store."""
        settings, total = self.settings(), total_pages(pages)
        values = template_fields(source, image.page, settings, total)
        templates = self.outputs.values()
        task = tasks.resolve(settings.task, image, source)
        clean = flash = None
        if self.clean is not None:
            larger = task.size(image.size) != image.size
            path = outputs.fill(self.clean, values)
            clean = read_reference(path, image, "--clean", any_size=larger)
        if task.needs_flash:
            flash = read_reference(task.path, image, "--task flash")
        store = outputs.fill(template, values) if template else ""
        hidden = str(self.scratch / f"{values['stem']}-p{image.page}.zarr")
        folder = store.removesuffix(".zip") if store.endswith(".zarr.zip") else store
        return Job.make(
            image,
            self.options,
            name=f"{source} page {image.page}" if total > 1 else source,
            folder=hidden if store in ("", "-") else folder,
            store=store,
            preset=self.preset,
            like=self.like,
            task=task,
            clean=clean,
            flash=flash,
            fields=values,
            outputs=outputs.partly_filled(self.outputs, values),
            pages=1 if any(outputs.has_field(t, "page") for t in templates) else len(pages),
        )


def template_fields(source: str, page: int, settings: Settings, total: int = 1) -> dict[str, Any]:
    """What fills the fields of templates; `source` tells which pages belong together.

    Of `total` pages, low numbers have zeros before them, so that names sort as the pages do.
    """
    return {
        "source": source,
        "stem": outputs.stem(source),
        "dir": "." if source.startswith("builtin:") else str(Path(source).parent),
        "page": f"{page:0{len(str(total))}}",
        "seed": settings.seed,
        "arch": settings.arch,
    }


def resumed_jobs(
    names: Sequence[str], options: Mapping[str, Any], templates: Mapping[str, str]
) -> Iterator[Job | DipError]:
    """`--resume`: stores record what is fitted in them, how, and the images to write.

    `templates` are those that the user names now.
    """
    for name in names:
        try:
            job = Job.from_store(name, options)
            fields = template_fields(name, job.image.page, job.settings)
            if templates:
                named = outputs.partly_filled(templates, fields)
                job = replace(job, fields=fields, outputs=named, pages=1, remarks=())
            yield replace(job, fields={**fields, **job.fields})
        except UsageError:
            raise
        except DipError as error:
            yield error


def recorded_settings(name: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings that a store records; code in them must be named in the options too."""
    config: Mapping[str, Any] = read_run(name).attrs["config"]
    refuse_unnamed_code(name, config, options)
    return config
