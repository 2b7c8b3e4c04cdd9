"""What one call of `dip fit` is about: inputs, the stores that they are fitted in, the outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from dipcli.cli import console, naming, streams
from dipcli.degrade import Degradation
from dipcli.errors import DipError, UsageError
from dipcli.fitting import hardware, plan, tasks
from dipcli.fitting.settings import Asked, Settings
from dipcli.fitting.tasks import Task
from dipcli.fitting.tasks.flash import Flash
from dipcli.images import Image
from dipcli.store import image_part, open_store

SECONDS_A_NUMBER, OVERHEAD = 5e-9, 5e-3  # of a step, roughly; for the estimate of time only
DEFAULT, DEFAULT_PAGES = "{stem}.zarr", "{stem}-p{page}.zarr"


@dataclass(frozen=True)
class Reading:
    """How the images are read, and what is read beside them."""

    page: str
    axes: str | None
    normalize: str
    alpha: str
    clean: str | None
    mask: str | None
    mask_invert: bool

    def pages(self, source: streams.Input) -> Sequence[Image]:
        return streams.read_images(
            source, page=self.page, axes=self.axes, normalize=self.normalize, alpha=self.alpha
        )

    def masked(self, image: Image, values: Mapping[str, Any]) -> Image:
        """The image without what `--mask` makes unknown."""
        if self.mask is None:
            return image
        from dipcli.degrade.maskfile import MaskFile

        path = naming.fill(self.mask, values)
        return MaskFile(path, self.mask_invert).apply(image, np.random.default_rng(0))

    def reference(self, image: Image, values: Mapping[str, Any], task: Task) -> Image | None:
        """`--clean`, on the scale of the image where both hold numbers of one kind."""
        if self.clean is None:
            return None
        larger = task.size(image.size) != image.size
        path = naming.fill(self.clean, values)
        return streams.reference(path, image, "--clean", any_size=larger)


@dataclass(frozen=True)
class Item:
    """One page of one input, and where its fit goes."""

    source: str  # the input that it is a page of
    values: Mapping[str, Any]  # for templates
    request: plan.Request
    final: str  # what is left of the store: a path, "-" (stdout), or "" (nothing)

    @property
    def store(self) -> str:
        """Where the store is now: where it is fitted, or packed already."""
        return self.request.path if Path(self.request.path).exists() else self.final


def collect(
    sources: Sequence[streams.Input],
    reading: Reading,
    asked: Asked,
    template: str | None,
    scratch: Path,
) -> Iterator[Item | DipError]:
    """Read the inputs; one that cannot be read is an error among the items, not the end."""
    many = len(sources) > 1
    for source in sources:
        try:
            pages = reading.pages(source)
            name = DEFAULT_PAGES if template == DEFAULT and len(pages) > 1 else template
            if many or len(pages) > 1:
                naming.check_apart(name)
            if asked.task == tasks.AUTO and (told := tasks.suggestion(pages[0])):
                _suggest(source.name, *told)
            for image in pages:
                values = _values(source.name, image, asked.settings())
                yield _item(source.name, values, image, reading, asked, name, scratch)
        except UsageError:
            raise
        except DipError as error:
            yield error


def _item(
    source: str,
    values: dict[str, Any],
    image: Image,
    reading: Reading,
    asked: Asked,
    template: str | None,
    scratch: Path,
) -> Item:
    image = reading.masked(image, values)
    task = tasks.settle(asked.task, image, source)
    clean = reading.reference(image, values, task)
    flash = isinstance(task, Flash) and streams.reference(task.path, image, "--task flash")
    height, width = task.size(image.size, clean.size if clean else None)
    settings = plan.settle(asked, task, (height, width), image.pixels)
    if settings.depth < asked.settings(str(task)).depth:
        console.note(f"{source}: {width}x{height} pixels allow {settings.depth} of the levels only")
    path, final = place(template, values, scratch)
    name = f"{source} page {image.page}" if image.page > 1 else source
    request = plan.Request(path, image, name, settings, clean, flash or None)
    return Item(source, values, request, final)


def _suggest(source: str, done: Degradation, task: str) -> None:
    console.note(f"{source} says that it was made by {done}; --task {task} would undo it")


def place(template: str | None, values: Mapping[str, Any], scratch: Path) -> tuple[str, str]:
    """Where a store is while it is fitted, and what is left of it."""
    if template is None or template == "-":
        hidden = scratch / f"{values['stem']}-p{values['page']}.zarr"
        return str(hidden), template or ""
    name = naming.fill(template, values)
    return name.removesuffix(".zip") if name.endswith(".zarr.zip") else name, name


def going_on(names: Sequence[str], given: Mapping[str, Any]) -> Iterator[Item | DipError]:
    """`--resume`: stores say themselves what is fitted in them, and how."""
    for name in names:
        try:
            yield _recorded(name, given)
        except DipError as error:
            yield error


def _recorded(name: str, given: Mapping[str, Any]) -> Item:
    with open_store(name) as store:
        runs = store.runs
        if not runs:
            msg = f"{name} has no runs: fit its image again, with -o {name}"
            raise DipError(msg)
        settings = Settings.from_config({**runs[0].attrs["config"], **given})
        image = image_part(store, "target")
        clean = image_part(store, "clean") if store.clean is not None else None
        flash = image_part(store, "flash") if store.flash is not None else None
        request = plan.Request(name, image, str(store.attrs["image"]), settings, clean, flash)
    return Item(name, _values(name, image, settings), request, name)


def costs(item: Item, at_once: int) -> list[dict[str, Any]]:
    """The settings of an item, resolved, and what its fit will take; rows."""
    request, settings = item.request, item.request.settings
    cost = request.cost
    chosen = hardware.Hardware.choose(settings, cost.flops, at_once)
    height, width = request.size
    pixels = request.image.channels * height * width
    numbers = len(settings.saves()) * (2 if settings.save_dtype == "float16" else 4)
    given = sum(i.pixels.size for i in (request.image, request.clean, request.flash) if i)
    disk = settings.runs * ((numbers + 4) * pixels + cost.state) + 4 * given
    rows: dict[str, Any] = {"image": request.name, "store": item.final, "size": f"{width}x{height}"}
    for f in fields(settings):
        value = getattr(settings, f.name)
        rows[f.name] = ",".join(map(str, value)) if isinstance(value, tuple) else value
    rows |= {name: getattr(chosen, name) for name in ("device", "precision", "threads")}
    rows |= {
        "jobs": at_once,
        "parameters": cost.parameters,
        "gflop_per_step": cost.flops / 1e9,
        "memory_bytes": cost.memory * at_once,
        "disk_bytes": disk,
    }
    return [{"setting": name, "value": value} for name, value in rows.items()]


def seconds(request: plan.Request, at_once: int, runs: int) -> float:
    """About how long an image takes, from its work and from the speed of a product of matrices."""
    settings = request.settings
    turns = -(-runs // at_once)
    chosen = hardware.Hardware.choose(settings, request.cost.flops, at_once)
    rate = hardware.flops_per_second() * chosen.threads
    # upsampled convolutions take a quarter; the rest of a step waits for memory
    step = request.cost.flops / (2 * rate) + SECONDS_A_NUMBER * request.cost.activations
    return turns * settings.iterations * (step + OVERHEAD)


def _values(name: str, image: Image, settings: Settings) -> dict[str, Any]:
    folder = str(Path(name).parent) if not name.startswith("builtin:") else "."
    return {
        "stem": naming.stem(name),
        "dir": folder,
        "page": image.page,
        "seed": settings.seed,
        "arch": settings.arch,
    }
