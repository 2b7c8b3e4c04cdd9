"""A job: an image to fit, the settings that it takes, and the store that keeps the fit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dipcli.errors import DipError, UsageError
from dipcli.fitting import tasks
from dipcli.fitting.code import refuse_unnamed_code
from dipcli.fitting.settings import Settings
from dipcli.fitting.tasks import Task
from dipcli.images import Image
from dipcli.images.scale import clip_outliers
from dipcli.nets.cost import Cost, cost
from dipcli.registry import MEASURES, OPTIMIZERS
from dipcli.store import image_part, open_store

SECONDS_PER_NUMBER, OVERHEAD = 5e-9, 5e-3  # of a step, roughly; for the estimate of time only


@dataclass(frozen=True)
class Job:
    """Everything that one image's fit depends on."""

    image: Image
    name: str  # of the image, as the user wrote it
    settings: Settings  # settled by the image
    requested: Settings  # as the user wrote them, before the image settled what is "auto"
    folder: str  # where the store is while it is fitted
    store: str  # what is left of it: a folder, a .zarr.zip, "-" (stdout) or "" (nothing)
    clean: Image | None = None
    flash: Image | None = None  # a second image, of --task flash
    fields: Mapping[str, Any] = field(default_factory=dict)  # of the templates of outputs
    outputs: Mapping[str, str] = field(default_factory=dict)  # templates by "image" and "std"
    pages: int = 1  # of each of these outputs
    remarks: tuple[str, ...] = ()  # to tell the user

    def __post_init__(self) -> None:
        needing = [m for m in self.settings.records() if MEASURES.find(m).needs == "clean"]
        if needing and self.clean is None:
            msg = f"--record {needing[0]} compares with the clean image: add --clean"
            raise UsageError(msg)

    @classmethod
    def make(
        cls,
        image: Image,
        options: Mapping[str, Any],
        *,
        name: str,
        folder: str,
        store: str,
        preset: str | None = None,
        like: Mapping[str, Any] | None = None,
        task: Task | None = None,
        clean: Image | None = None,
        flash: Image | None = None,
        **more: Any,
    ) -> Job:
        """The job of an image: its settings are those of the preset, of its task and its size."""
        pixels, outliers = clip_outliers(image.pixels)
        if outliers:
            image = image.with_pixels(pixels)
            count = f"{outliers} pixel{'s' * (outliers > 1)}"
            more["remarks"] = (f"outliers are clipped for the fit: {count}",)
        requested = Settings(preset, like=like, **options)
        task = task or tasks.resolve(requested.task, image, name)
        settings = Settings(preset, like=like, **{**options, "task": str(task)})
        size = task.size(image.size, clean.size if clean else None)
        fixed = "depth" in options or "stride" in options
        settled = settings.settle(task, size, image.pixels, fixed_depth=fixed)
        return cls(image, name, settled, requested, folder, store, clean, flash, **more)

    @classmethod
    def from_store(cls, name: str, options: Mapping[str, Any]) -> Job:
        """The job that a store records, to go on with it; options win over what it records."""
        with open_store(name) as store:
            runs = store.runs
            config = runs[0].attrs["config"] if runs else store.attrs.get("config")
            if not config:
                msg = f"{name} has no runs: fit its image again, with -o {name}"
                raise DipError(msg)
            refuse_unnamed_code(name, config, options)
            settings = Settings(like=config, **options)
            image = image_part(store, "target")
            clean = image_part(store, "clean") if store.clean is not None else None
            flash = image_part(store, "flash") if store.flash is not None else None
            image_name = str(store.attrs["image"])
            kept = store.attrs.get("outputs") or {}
        job = cls(image, image_name, settings, settings, name, name, clean, flash)
        return job._with_outputs(kept)

    def record(self) -> dict[str, Any]:
        """What a store without runs needs to be resumed: the settings, and the images to write.

        The names of these are as seen from its folder.
        """
        config = {"config": self.settings.config()}
        folder = Path(self.store or ".").parent
        paths = {o: os.path.relpath(n, folder) for o, n in self.outputs.items() if n != "-"}
        if not paths or self.store in ("", "-"):
            return config
        known = {"source": self.fields["source"], "page": self.image.page, "pages": self.pages}
        return {**config, "outputs": {**paths, **known}}

    def _with_outputs(self, recorded: Mapping[str, Any]) -> Job:
        """The job with the images that its store records, where they are near the store.

        A store may come from anybody, so no path that leads elsewhere is followed.
        """
        folder, here = Path(self.store).parent, Path.cwd()
        near: dict[str, str] = {}
        remarks = []
        for option in ("image", "std"):
            if not isinstance(name := recorded.get(option), str):
                continue
            path = os.path.normpath(folder / name)
            if any(Path(path).resolve().is_relative_to(f.resolve()) for f in (folder, here)):
                near[option] = path
            else:
                remarks.append(f"was to write {path} too; --{option} {path} does so")
        pages = recorded.get("pages")
        known = {"source": recorded.get("source"), "page": recorded.get("page")} if near else {}
        return replace(
            self,
            fields=known,
            outputs=near,
            pages=pages if near and isinstance(pages, int) else 1,
            remarks=tuple(remarks),
        )

    @property
    def task(self) -> Task:
        return self.settings.parsed_task

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the restored image."""
        return self.task.size(self.image.size, self.clean.size if self.clean else None)

    @property
    def cost(self) -> Cost:
        """What a step takes; some losses and optimisers take several passes."""
        s = self.settings
        height, width = self.size
        # through a forward model whole images are compared, also where a step sees few pixels
        pixels = height * width if self.task.forward_model else s.batch
        one = cost(s, self.image.channels, self.size, pixels)
        optimizer, passes = OPTIMIZERS.find(s.optimizer), s.parsed_loss.passes
        return one._replace(
            flops=passes * optimizer.passes * one.flops,
            activations=passes * one.activations,
            moments=optimizer.moments,
        )

    def seconds(self, rate: float, threads: int, parallel: int, runs: int) -> float:
        """Roughly how long it takes, from its work and the FLOPs per second of one core."""
        cost = self.cost
        # upsampled convolutions take a quarter; the rest of a step waits for memory
        step = cost.flops / (2 * rate * threads) + SECONDS_PER_NUMBER * cost.activations
        return -(-runs // parallel) * self.settings.iterations * (step + OVERHEAD)

    def disk_bytes(self) -> int:
        """Bytes of the store at the end, before compression."""
        height, width = self.size
        pixels = self.image.channels * height * width
        per_frame = 2 if self.settings.save_dtype == "float16" else 4
        numbers = len(self.settings.saves()) * per_frame
        images = sum(i.pixels.size for i in (self.image, self.clean, self.flash) if i)
        return self.settings.runs * ((numbers + 4) * pixels + self.cost.state) + 4 * images
