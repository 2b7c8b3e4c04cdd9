"""A job: an image to fit, the settings that it takes, and the store that keeps the fit."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from dipcli.bucket import is_address
from dipcli.errors import DipError, UsageError
from dipcli.fitting.anscombe import Anscombe
from dipcli.fitting.code import refuse_unnamed_code
from dipcli.fitting.settings import PREVIOUS, Settings
from dipcli.fitting.tasks import Task
from dipcli.fitting.tiles import Grid
from dipcli.images import Image
from dipcli.nets.cost import Cost, cost
from dipcli.registry import MEASURES, OPTIMIZERS
from dipcli.store import Store, image_part, is_root, open_store, recover_store

STORE = re.compile(r"([^/]+?)(?:\.ome)?\.zarr(?:\.zip)?/(.+)")  # and a part of it


@dataclass(frozen=True)
class Job:
    """Everything that one image's fit depends on."""

    image: Image
    name: str  # of the image
    source: str  # what the user wrote; it tells which pages belong together
    settings: Settings  # settled by the image
    requested: Settings  # as the user wrote them, before the image settled what is "auto"
    folder: str  # where the store is while it is fitted
    store: str  # what is left of it: a folder, a .zarr.zip, "-" (stdout) or "" (nothing)
    clean: Image | None = None
    flash: Image | None = None  # a second image, of --task flash
    outputs: Mapping[str, str] = field(default_factory=dict)  # templates by "image" and "std"
    pages: int = 1  # of each of these outputs
    total: int = 1  # pages of the file that the image is from
    remarks: tuple[str, ...] = ()  # to tell the user
    previous: str = ""  # the folder of the fit before, for --start previous

    def __post_init__(self) -> None:
        needing = [m for m in self.settings.records() if MEASURES.find(m).needs == "clean"]
        if needing and self.clean is None:
            msg = f"--record {needing[0]} compares with the clean image: add --clean"
            raise UsageError(msg)

    @classmethod
    def from_store(cls, name: str, options: Mapping[str, Any], scratch: Path) -> Job:
        """The job that a store records, to go on with it; options win over what it records.

        One at an address is written in `scratch`.
        """
        if not is_address(name):
            recover_store(Path(name))
        with open_store(name) as store:
            runs = store.runs
            config = runs[0].attrs["config"] if runs else store.attrs.get("config")
            if not config:
                msg = f"{name} has no runs: fit its image again, with -o {name}"
                raise DipError(msg)
            # runs that were added later record how many there were to be
            wanted = [n for run in runs if type(n := run.attrs["config"].get("runs")) is int]
            config = {**config, "runs": max(wanted)} if wanted else config
            refuse_unnamed_code(name, config, options)
            settings = Settings(like=config, **options)
            image = image_part(store, "target")
            references = {"clean": store.clean, "flash": store.flash}
            others: dict[str, Any] = {
                k: image_part(store, k) for k, v in references.items() if v is not None
            }
            image_name = str(store.attrs["image"])
            recorded, previous = store.attrs.get("outputs"), store.attrs.get("previous")
        folder = str(scratch / next_name(name)) if is_address(name) else name
        job = cls(image, image_name, name, settings, settings, folder, name, **others)
        if isinstance(previous, str):
            path, near = job._path(previous)
            if not near:
                msg = f"{name} began with {path}, which is in another folder: fit its image again"
                raise DipError(msg)
            job = replace(job, previous=path)
        return job._with_outputs(recorded) if isinstance(recorded, Mapping) else job

    def record(self) -> dict[str, Any]:
        """What a store keeps for --resume: the settings, the images to write, and the fit before.

        The names of these are as seen from its folder.
        """
        record: dict[str, Any] = {"config": self.settings.config()}
        if self.store in ("", "-") or is_address(self.store):
            return record
        folder = Path(self.store).parent
        paths = {o: os.path.relpath(n, folder) for o, n in self.outputs.items() if n != "-"}
        if paths:
            known = {"source": self.source, "pages": self.pages, "total": self.total}
            record["outputs"] = {**paths, **known}
        if self.previous:
            record["previous"] = os.path.relpath(self.previous, folder)
        return record

    def _path(self, recorded: str) -> tuple[str, bool]:
        """A path that the store records, and whether it is near: below its folder, or this one.

        A store may come from anybody, so no path that leads elsewhere is followed.
        """
        folder = Path(self.store).parent
        path = os.path.normpath(folder / recorded)
        near = (Path(path).resolve().is_relative_to(f.resolve()) for f in (folder, Path.cwd()))
        return path, any(near)

    def _with_outputs(self, recorded: Mapping[str, Any]) -> Job:
        """The job with the images that its store records, where they are near the store."""
        near: dict[str, str] = {}
        remarks = []
        for option in ("image", "std"):
            if not isinstance(name := recorded.get(option), str):
                continue
            path, is_near = self._path(name)
            if is_near:
                near[option] = path
            else:
                remarks.append(f"was to write {path} too: add --{option} {shlex.quote(path)}")
        kinds = {"source": str, "pages": int, "total": int}
        known = {k: recorded[k] for k, kind in kinds.items() if isinstance(recorded.get(k), kind)}
        return replace(self, outputs=near, remarks=tuple(remarks), **(known if near else {}))

    def after(self, before: Job | None) -> Job:
        """The job that begins with the weights of the job before, where the settings ask for it.

        It is that of the page before in a file; of files of one page, that of the file before.
        """
        if before is None or self.settings.start != PREVIOUS:
            return self
        if before.source != self.source and (before.total > 1 or self.total > 1):
            return self
        return replace(self, previous=before.folder)

    def start_of(self, run: int) -> str:
        """The run whose weights a run begins with; "" for none."""
        if self.settings.start != PREVIOUS:
            return self.settings.start
        return f"{self.previous}/run-{run}" if self.previous else ""

    @property
    def label(self) -> str:
        """The name of its store in messages."""
        return self.store if is_address(self.store) else self.folder

    @property
    def task(self) -> Task:
        return self.settings.parsed_task

    @property
    def domain(self) -> Anscombe | None:
        """Where the noise of the image is the same everywhere; None: it is already."""
        return self.settings.domain(self.image.scale)

    @property
    def fields(self) -> dict[str, Any]:
        """What fills the fields of templates."""
        return template_fields(self.source, self.image.page, self.settings, self.total)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the restored image."""
        return self.task.size(self.image.size, self.clean.size if self.clean else None)

    @property
    def grid(self) -> Grid | None:
        """The tiles of the image; None where it is fitted whole."""
        return Grid(self.image.size, self.settings.side) if self.settings.side else None

    @property
    def fits(self) -> int:
        """The number of fits of one run."""
        return len(self.grid) if self.grid else 1

    @property
    def step_size(self) -> tuple[int, int]:
        """Height and width of what one step sees."""
        return self.grid.shape if self.grid else self.size

    def open_store(self) -> Store:
        """The store where it is now: where it is fitted, or already packed."""
        here = not is_address(self.store) and is_root(Path(self.folder))
        return open_store(self.folder if here else self.store)

    @property
    def cost(self) -> Cost:
        """What a step takes; some losses and optimisers take several passes."""
        s = self.settings
        size = height, width = self.step_size
        # through a forward model whole images are compared, also where a step sees few pixels
        pixels = height * width if self.task.forward_model else s.batch
        planes = len(self.image.planes)
        whole = (planes, *size) if s.dims == 3 else size
        one = cost(s, self.image.channels // max(1, planes), whole, pixels)
        optimizer, passes = OPTIMIZERS.find(s.optimizer), s.parsed_loss.passes
        return one._replace(
            flops=passes * optimizer.passes * one.flops,
            activations=passes * one.activations,
            moments=optimizer.moments,
        )

    def disk_bytes(self) -> int:
        """Bytes of the store at the end, before compression."""
        height, width = self.size
        pixels = self.image.channels * height * width
        per_frame = 2 if self.settings.save_dtype == "float16" else 4
        numbers = len(self.settings.saves()) * per_frame
        images = sum(i.pixels.size for i in (self.image, self.clean, self.flash) if i)
        return self.settings.runs * ((numbers + 4) * pixels + self.cost.state) + 4 * images


_numbers = count()  # two images of one name, from two folders, are fitted in two hidden stores


def next_name(stem: str) -> str:
    """The name of a folder for a store that is not kept there."""
    return f"{next(_numbers)}-{re.sub(r'[^A-Za-z0-9.-]', '-', stem)[-80:]}.zarr"


def template_fields(source: str, page: int, settings: Settings, total: int) -> dict[str, Any]:
    """What fills the fields of templates, before there is a job.

    Of `total` pages, low numbers have zeros before them, so that names sort as the pages do.
    """
    return {
        "stem": stem(source),
        "name": file_name(source),
        "dir": "." if source.startswith("builtin:") else str(Path(source).parent),
        "page": f"{page:0{len(str(total))}}",
        "seed": settings.seed,
        "arch": settings.arch,
    }


def file_name(name: str) -> str:
    """The name with its extension: `a/noisy.ome.tif` -> noisy.ome.tif.

    What is not read from an image file is written as TIFF, which keeps every depth.
    """
    path = Path(name.rstrip("/"))
    from_image = path.suffix and not name.startswith("builtin:") and not STORE.search(name)
    return path.name if from_image else f"{stem(name)}.tif"


def stem(name: str) -> str:
    """`a/noisy.ome.tif` -> noisy; `builtin:triangle:0.5` -> triangle-0.5."""
    if name.startswith("builtin:"):
        return name.removeprefix("builtin:").replace(":", "-")
    path = Path(name.rstrip("/"))
    part = STORE.search(name)
    if part:  # of a store
        return f"{part[1]}-{part[2].replace('/', '-').replace('@', '-')}"
    return re.sub(r"(.)\.ome$", r"\1", path.stem, flags=re.IGNORECASE) or path.name
