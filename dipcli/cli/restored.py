"""The images of `dip fit --image` and `--std`: named before the work, written after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from dipcli import __version__, files
from dipcli.cli import console, naming, streams
from dipcli.cli.batch import Item
from dipcli.errors import DipError, UsageError
from dipcli.fitting import plan
from dipcli.fitting.settings import Settings
from dipcli.images import Image, Scale, encode, format_for_pipe
from dipcli.store import image_part, open_store, pixels_digest


@dataclass(frozen=True)
class Output:
    """One image to be: pages of one input, of one run or of all; restored, or their spread."""

    path: str
    items: tuple[Item, ...]
    run: int | None
    std: bool = False

    def provenance(self) -> dict[str, Any]:
        """What the image says of itself; known before the fit, which need not be done twice."""
        request = self.items[0].request
        settings = {
            f.name: getattr(request.settings, f.name)
            for f in fields(Settings)
            if f.metadata["bits"]
        }
        record = {
            "version": __version__,
            "fit": {k: list(v) if isinstance(v, tuple) else v for k, v in settings.items()},
            "runs": request.settings.runs if self.run is None else [self.run],
            "sha256": [pixels_digest(item.request.image.pixels) for item in self.items],
        }
        if self.std:
            record["std"] = True
        if request.flash is not None:
            record["flash_sha256"] = pixels_digest(request.flash.pixels)
        if request.size != request.image.size:
            record["size"] = list(request.size)
        before = request.image.history
        return {**record, "input": dict(before)} if before else record

    def stands(self) -> bool:
        """Whether a file is there already that says it is this."""
        return streams.stands(self.path, self.provenance())


def outputs(image: str | None, std: str | None, items: Sequence[Item]) -> list[Output]:
    """All images that are asked for."""
    found = _outputs(image, items, "--image") + _outputs(std, items, "--std")
    naming.distinct([output.path for output in found], "--image and --std")
    for output in found:
        if output.std:
            _check_spread(output)
    return found


def _check_spread(output: Output) -> None:
    """Refuse the spread of one thing."""
    for settings in (item.request.settings for item in output.items):
        if settings.optimizer == "sgld":
            if settings.samples < 2:
                msg = "--std takes two samples: make --burn-in or --sample-every smaller"
                raise UsageError(msg)
        elif output.run is not None:
            msg = (
                "--std of one {run} is the spread over its samples, which only --optimizer sgld "
                "takes; without {run} and {seed} it is that over runs"
            )
            raise UsageError(msg)
        elif settings.runs < 2:
            msg = (
                "--std is the spread over runs, or over samples: "
                "it takes --runs 2 or more, or --optimizer sgld"
            )
            raise UsageError(msg)


def _outputs(template: str | None, items: Sequence[Item], flag: str) -> list[Output]:
    """Of one template; pages of one input are a stack, if it lets them."""
    if template is None:
        return []
    found: dict[str, list[tuple[Item, int | None]]] = {}
    for item in items:
        settings = item.request.settings
        apart = naming.holds(template, "run", "seed")
        for k in range(settings.runs) if apart else [None]:
            values = dict(item.values)
            if k is not None:
                values |= {"run": k, "seed": settings.seed + k}
            found.setdefault(naming.fill(template, values), []).append((item, k))
    for path, parts in found.items():
        if len({(item.source, k) for item, k in parts}) > 1:
            msg = (
                f"{flag} {template}: several images would be called {path}; "
                "{stem}, {page} or {run} in it tells them apart"
            )
            raise UsageError(msg)
    return [
        Output(path, tuple(item for item, _ in parts), parts[0][1], flag == "--std")
        for path, parts in found.items()
    ]


def check_free(output: Output, form: str | None, *, force: bool) -> None:
    """Say before the work that its result could not be written."""
    streams.image_output(output.path)
    streams.output_format(output.path, form)
    if output.path != "-":
        # with a store, nothing is lost if the image turns out to be another than the one there
        kept = all(item.final for item in output.items)
        files.check(Path(output.path), force=force or kept)


def write(output: Output, form: str | None, *, force: bool) -> None:
    """Write one image from the stores of its pages; a spread as floats, if the format can."""
    make = _spread if output.std else _restored
    pages = [make(item, output.run) for item in output.items]
    form = streams.output_format(output.path, form) or format_for_pipe(pages[0], len(pages))
    depth = "float" if output.std and form in ("tiff", "npy") else None
    encoded = encode(pages, form, depth, output.provenance())
    for remark in encoded.notes:
        console.note(remark)
    if not streams.write_output(output.path, encoded.data, force=force):
        console.note(f"{output.path} already holds just this; it is left as it is")
    elif output.path != "-":
        console.note(f"wrote {output.path} ({encoded.what})")


def _restored(item: Item, run: int | None) -> Image:
    with open_store(item.store) as store:
        image = image_part(store, f"run-{run or 0}/estimate")
        if run is not None:
            return image
        pixels = plan.restored(store)
        assert pixels is not None  # its runs are complete, or nobody would ask
        return image.with_pixels(pixels)


def _spread(item: Item, run: int | None) -> Image:
    """Measured from nothing: it has the scale of the image, and no offset."""
    with open_store(item.store) as store:
        pixels = plan.spread(store, run)
        if pixels is None:
            msg = f"{item.request.name}: the fit ended before there were two samples for --std"
            raise DipError(msg)
        image = image_part(store, f"run-{run or 0}/estimate")
        return image.with_pixels(pixels, alpha=None, scale=Scale(image.scale.scale))


def summary(items: Sequence[Item]) -> list[Mapping[str, Any]]:
    """A row per run, for people."""
    rows: list[Mapping[str, Any]] = []
    for item in items:
        with open_store(item.store) as store:
            for run in store.runs:
                attrs, saved, loss = run.attrs, run.iterations, run.scalar("loss")
                stop = attrs.get("stop") or {}
                rows.append(
                    {
                        "store": item.final or item.request.name,
                        "run": run.number,
                        "status": attrs["status"],
                        "iterations": int(saved[-1]) if len(saved) else None,
                        "chosen": stop.get("iteration"),
                        "loss": loss[-1] if loss is not None and len(loss) else None,
                        "psnr": attrs.get("psnr"),  # of the estimate, as in the report
                        "ssim": attrs.get("ssim"),
                        "seconds": round(attrs["seconds"], 1),
                    }
                )
    return rows
