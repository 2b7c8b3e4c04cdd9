"""Names of outputs, made from templates, and the images of `dip fit --image` and `--std`.

A template has the fields `{stem} {name} {dir} {page} {run} {seed} {arch}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from dipcli import __version__
from dipcli.bucket import is_address
from dipcli.errors import UsageError
from dipcli.fitting.job import Job, stem
from dipcli.fitting.result import output_image
from dipcli.fitting.settings import Settings
from dipcli.images import Image, is_up_to_date
from dipcli.images.writer import EXTENSIONS, extension_of
from dipcli.store import pixels_digest

FIELDS = ("stem", "name", "dir", "page", "run", "seed", "arch")
OF_INPUTS = ("stem", "name", "dir", "page")  # what tells one input from another
DEFAULT, DEFAULT_OF_PAGES = "{stem}.zarr", "{stem}-p{page}.zarr"


# -- templates ---------------------------------------------------------------------------------


def check_template(template: str, option: str) -> None:
    """Refuse a field that does not exist."""
    for name in re.findall(r"\{([^{}]*)\}", template):
        if name not in FIELDS:
            known = " ".join(f"{{{field}}}" for field in FIELDS)
            msg = f"{option} {template}: there is no field {{{name}}}; the fields are {known}"
            raise UsageError(msg)


def check_names(written: Mapping[str, str | None], read: Mapping[str, str | None]) -> None:
    """Refuse names of outputs and inputs, by their flags, before an image is read."""
    to_stdout = [f"{flag} -" for flag, template in written.items() if template == "-"]
    if len(to_stdout) > 1:
        msg = f"{' and '.join(to_stdout)} cannot both be stdout: name a file for one of them"
        raise UsageError(msg)
    for flag, template in {**written, **read}.items():
        check_template(template or "", flag)
    check_store_name(written["-o"] or "", "-o", "with --image")


def check_store_name(name: str, option: str, image: str) -> None:
    """Refuse a store that is named like an image; `image` is where that is to be had."""
    suffix = extension_of(name)
    if "://" in name and not is_address(name):
        msg = (
            f"{option} {name}: a store is written to a folder, or to an address: "
            "s3://BUCKET/NAME.zarr, gs:// or az://"
        )
        raise UsageError(msg)
    if is_address(name) and name.endswith(".zip"):
        msg = f"{option} {name}: a zip is written to this machine only: name it NAME.zarr"
        raise UsageError(msg)
    if suffix in EXTENSIONS:
        msg = (
            f"{option} {name} names a store, and {suffix} is the extension of an image: name it "
            f"{stem(name)}.zarr; the restored image comes {image}"
        )
        raise UsageError(msg)


def fill(template: str, values: Mapping[str, Any]) -> str:
    """Put values into a template; braces that are no field stay as they are."""
    return re.sub(
        r"\{(" + "|".join(FIELDS) + r")\}", lambda m: str(values.get(m[1], m[0])), template
    )


def has_field(template: str, *names: str) -> bool:
    """Whether a template has one of these fields."""
    return any(f"{{{name}}}" in template for name in names)


def store_template(output: str | None, image: str | None, pages: int, inputs: int) -> str | None:
    """The template of the stores; None where only the image is asked for."""
    template = output or (None if image else DEFAULT if pages == 1 else DEFAULT_OF_PAGES)
    if template and (pages > 1 or inputs > 1) and not has_field(template, *OF_INPUTS):
        msg = (
            f"-o {template} names one store, and there are several images: add {{stem}} or "
            "{page} to it"
        )
        raise UsageError(msg)
    return template


def refuse_equal(names: Sequence[str], option: str) -> None:
    """Two outputs of one name would overwrite each other."""
    for name in {name for name in names if names.count(name) > 1}:
        msg = (
            f"{option}: two outputs would be named {name}; add {{stem}}, {{page}} or {{run}} to "
            "the template"
        )
        raise UsageError(msg)


# -- images ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Output:
    """One image to write: the pages of one input, of one run or of all; restored, or spread."""

    path: str
    jobs: tuple[Job, ...]
    run: int | None
    std: bool = False

    @property
    def provenance(self) -> dict[str, Any]:
        """What the image records about the fit; it is known before the fit."""
        job = self.jobs[0]
        bits = [f.name for f in fields(Settings) if f.metadata["bits"]]
        config = job.settings.config()
        record: dict[str, Any] = {
            "version": __version__,
            "fit": {name: config[name] for name in bits},
            "runs": job.settings.runs if self.run is None else [self.run],
            "sha256": [pixels_digest(each.image.pixels) for each in self.jobs],
        }
        if self.std:
            record["std"] = True
        if job.flash is not None:
            record["flash_sha256"] = pixels_digest(job.flash.pixels)
        if job.size != job.image.size:
            record["size"] = list(job.size)
        before = job.image.history
        return {**record, "input": dict(before)} if before else record

    def is_up_to_date(self) -> bool:
        """Whether the file exists and records just this fit."""
        return is_up_to_date(self.path, self.provenance)

    def pages(self) -> list[Image]:
        """Read the pages from the stores of their fits; those of volumes in their order."""
        images = [output_image(job, self.run, std=self.std) for job in self.jobs]
        if not images[0].planes:
            return images
        planes = [plane for image in images for plane in image.slices()]
        return sorted(planes, key=lambda plane: plane.page)


def image_outputs(jobs: Sequence[Job]) -> list[Output]:
    """All images that --image and --std name."""
    found = _outputs(jobs, "image") + _outputs(jobs, "std")
    refuse_equal([output.path for output in found], "--image and --std")
    for output in found:
        if output.std:
            _check_spread(output)
    return found


def _outputs(jobs: Sequence[Job], option: str) -> list[Output]:
    """The outputs of one option; the pages of one input are a stack, unless it has {page}."""
    found: dict[str, list[tuple[Job, int | None]]] = {}
    for job in jobs:
        if (template := job.outputs.get(option)) is None:
            continue
        per_run = has_field(template, "run", "seed")
        for k in range(job.settings.runs) if per_run else [None]:
            own = {} if k is None else {"run": k, "seed": job.settings.seed + k}
            found.setdefault(fill(template, job.fields | own), []).append((job, k))
    for path, parts in found.items():
        if len({(job.source, k) for job, k in parts}) > 1:
            msg = (
                f"--{option}: several images would be named {path}; add {{stem}}, {{page}} or "
                "{run} to the template"
            )
            raise UsageError(msg)
    return [
        Output(path, tuple(job for job, _ in parts), parts[0][1], option == "std")
        for path, parts in found.items()
    ]


def partly_filled(templates: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, str]:
    """Templates with what is known of an image; {run} and {seed} stay, they differ by run."""
    of_image = {name: value for name, value in values.items() if name not in ("run", "seed")}
    return {option: fill(template, of_image) for option, template in templates.items()}


def _check_spread(output: Output) -> None:
    """Refuse the spread of one image."""
    for settings in (job.settings for job in output.jobs):
        if settings.sampling():
            if settings.samples < 2:
                msg = "--std needs two samples: use a smaller --burn-in or --sample-every"
                raise UsageError(msg)
        elif output.run is not None:
            msg = (
                "--std with {run} is the spread over the samples of a run, which only --optimizer "
                "sgld takes; without {run} and {seed} it is the spread over runs"
            )
            raise UsageError(msg)
        elif settings.runs < 2:
            msg = (
                "--std is the spread over runs or over samples: add --runs 2 or more, or "
                "--optimizer sgld"
            )
            raise UsageError(msg)
