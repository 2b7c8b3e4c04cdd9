"""What a call of `dip fit` asks for, as a job for each image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dipcli.degrade.mask import MaskFile
from dipcli.errors import DipError, UsageError
from dipcli.fitting import outputs, tasks
from dipcli.fitting.code import refuse_unnamed_code
from dipcli.fitting.job import Job
from dipcli.fitting.settings import Settings
from dipcli.images import Image
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

    def settings(self, **more: Any) -> Settings:
        return Settings(self.preset, like=self.like, **{**self.options, **more})

    def job(self, source: str, image: Image, template: str | None) -> Job:
        """The job of an image; `template` names its store."""
        settings = self.settings()
        values = template_fields(source, image, settings)
        if self.mask is not None:
            mask = MaskFile(outputs.fill(self.mask, values), self.mask_invert)
            image = mask.apply(image, np.random.default_rng(0))
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
            name=f"{source} page {image.page}" if image.page > 1 else source,
            folder=hidden if store in ("", "-") else folder,
            store=store,
            preset=self.preset,
            like=self.like,
            task=task,
            clean=clean,
            flash=flash,
            fields=values,
        )


def template_fields(source: str, image: Image, settings: Settings) -> dict[str, Any]:
    """What fills the fields of templates; `source` tells which pages belong together."""
    return {
        "source": source,
        "stem": outputs.stem(source),
        "dir": "." if source.startswith("builtin:") else str(Path(source).parent),
        "page": image.page,
        "seed": settings.seed,
        "arch": settings.arch,
    }


def resumed_jobs(names: Sequence[str], options: Mapping[str, Any]) -> Iterator[Job | DipError]:
    """`--resume`: stores record what is fitted in them, and how."""
    for name in names:
        try:
            job = Job.from_store(name, options)
            yield replace(job, fields=template_fields(name, job.image, job.settings))
        except UsageError:
            raise
        except DipError as error:
            yield error


def recorded_settings(name: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings that a store records; code in them must be named in the options too."""
    config: Mapping[str, Any] = read_run(name).attrs["config"]
    refuse_unnamed_code(name, config, options)
    return config
