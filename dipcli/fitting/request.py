"""What a call of `dip fit` asks for, as a job for each image."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dipcli.degrade.maskfile import MaskFile
from dipcli.errors import DipError, UsageError
from dipcli.fitting import outputs
from dipcli.fitting.code import refuse_unnamed_code
from dipcli.fitting.job import Job, template_fields
from dipcli.fitting.settings import Settings
from dipcli.images import Image
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
        values = template_fields(source, image, self.settings())
        if self.mask is not None:
            mask = MaskFile(outputs.fill(self.mask, values), self.mask_invert)
            image = mask.apply(image, np.random.default_rng(0))
        # two images of one name, from two folders, are fitted in two stores
        hidden = Path(tempfile.mkdtemp(dir=self.scratch), f"{values['stem']}-p{image.page}.zarr")
        return Job.make(
            image,
            self.options,
            name=f"{source} page {image.page}" if image.page > 1 else source,
            source=source,
            store=outputs.fill(template or "", values),
            hidden=str(hidden),
            preset=self.preset,
            like=self.like,
            clean=None if self.clean is None else outputs.fill(self.clean, values),
        )


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
