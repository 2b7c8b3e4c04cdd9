"""What a call asks for, as a job for each image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from dipcli.degrade.maskfile import MaskFile
from dipcli.errors import DipError, UsageError
from dipcli.fitting import outputs, tasks
from dipcli.fitting.code import refuse_unnamed_code
from dipcli.fitting.job import Job, template_fields
from dipcli.fitting.settings import Settings
from dipcli.images import Image
from dipcli.measure.inputs import read_reference
from dipcli.store import read_run

_numbers = count()  # two images of one name, from two folders, are fitted in two hidden stores


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

    def settings(self, **more: Any) -> Settings:
        return Settings(self.preset, like=self.like, **{**self.options, **more})

    def job(self, source: str, image: Image, template: str | None) -> Job:
        """The job of an image; `template` names its store.

        Its settings are those of the preset, of its task and of its size.
        """
        requested, clean = self.settings(), self.clean
        values = template_fields(source, image, requested)
        if self.mask is not None:
            mask = MaskFile(outputs.fill(self.mask, values), self.mask_invert)
            image = mask.apply(image, np.random.default_rng(0))
        name = f"{source} page {image.page}" if image.page > 1 else source
        task = tasks.resolve(requested.task, image, name)
        if clean is not None:
            path = outputs.fill(clean, values) if isinstance(clean, str) else clean
            larger = task.size(image.size) != image.size
            clean = read_reference(path, image, "--clean", any_size=larger)
        flash = read_reference(task.path, image, "--task flash") if task.path else None
        size = task.size(image.size, clean.size if clean else None)
        fixed = "depth" in self.options or "stride" in self.options
        settings = self.settings(task=str(task))
        settings = settings.settle(task, size, image.pixels, fixed_depth=fixed)
        store = outputs.fill(template or "", values)
        hidden = self.scratch / f"{next(_numbers)}-{values['stem']}-p{image.page}.zarr"
        folder = str(hidden) if store in ("", "-") else store.removesuffix(".zip")
        return Job(image, name, source, settings, requested, folder, store, clean, flash)


def resumed_jobs(names: Sequence[str], options: Mapping[str, Any]) -> Iterator[Job | DipError]:
    """`--resume`: stores record what is fitted in them, and how."""
    for name in names:
        try:
            yield Job.from_store(name, options)
        except UsageError:
            raise
        except DipError as error:
            yield error


def recorded_settings(name: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings that a store records; code in them must be named in the options too."""
    config: Mapping[str, Any] = read_run(name).attrs["config"]
    refuse_unnamed_code(name, config, options)
    return config
