"""`dip fit`: fit, save the trajectory, restore."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dipcli.cli import console, options
from dipcli.errors import DipError, UsageError
from dipcli.registry import ARCHITECTURES, PRESETS, TASKS

if TYPE_CHECKING:
    from dipcli.cli.batch import Item

EXAMPLES = (
    "dip fit noisy.png --arch dip --save-every 50 -o traj.zarr",
    "dip fit holes.png --image restored.png",
    "dip fit small.png --task sr:4 --image large.png",
    "dip fit a.png b.png --runs 2 -o '{stem}.zarr'",
    "dip fit noisy.png --optimizer sgld --iterations 20000 --image mean.png --std doubt.tif",
    "dip corrupt builtin:astronaut crop:64x64 gaussian:25 | dip fit --image - > restored.png",
)
LISTS = {"Tasks": TASKS, "Architectures": ARCHITECTURES, "Presets": PRESETS}


@options.of_settings
def fit(
    images: Annotated[
        list[str] | None,
        typer.Argument(metavar="IMAGE", help="Files, builtin:NAME, parts of stores, - for stdin."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "-o", "--output", help="The store: a template of {stem} {dir} {page} {seed} {arch}."
        ),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option("--image", help="The restored image: a template, of {run} too."),
    ] = None,
    std: Annotated[
        str | None,
        typer.Option(
            "--std", help="The spread over runs or over samples of sgld: a template, of {run} too."
        ),
    ] = None,
    clean: Annotated[
        str | None,
        typer.Option("--clean", help="What the image should be; measured against, never fitted."),
    ] = None,
    mask: Annotated[
        str | None, typer.Option("--mask", help="An image whose black pixels are unknown.")
    ] = None,
    mask_invert: Annotated[
        bool, typer.Option("--mask-invert", help="Its white pixels are.")
    ] = False,
    preset: Annotated[
        options.choice_of(PRESETS) | None,  # type: ignore[valid-type]
        typer.Option(
            "--preset",
            help="Settings of a paper; what is given wins. Default: fast; with --arch, its own.",
        ),
    ] = None,
    like: Annotated[
        str | None, typer.Option("--like", help="Take the settings of this store.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="The names are stores: go on with them.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("-n", "--dry-run", help="Print the settings and the cost, and end.")
    ] = False,
    page: options.Page = "all",
    axes: options.Axes = None,
    normalize: options.Normalize = "auto",
    alpha: options.Alpha = "unknown",
    image_format: options.ImageFormat = None,
    force: options.Force = False,
    form: options.RowFormat = None,
    no_header: options.NoHeader = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    **words: Any,
) -> None:
    """Fit an untrained network, save the trajectory, restore."""
    console.set_volume(quiet=quiet, verbose=verbose)
    from dipcli.cli import batch, naming, restored, streams
    from dipcli.cli.working import Work, announce
    from dipcli.fitting.settings import Asked

    given = options.given(words)
    asked = Asked(given, preset, _config(like) if like else None)
    settings = asked.settings()  # it complains, before any image is read, of what cannot be
    made = {"-o": output, "--image": image, "--std": std}
    to_stdout = [f"{flag} -" for flag, template in made.items() if template == "-"]
    if len(to_stdout) > 1:
        msg = f"{' and '.join(to_stdout)} would all fill stdout: choose one"
        raise UsageError(msg)
    for flag, template in {**made, "--clean": clean, "--mask": mask}.items():
        naming.check(template or "", flag)

    with tempfile.TemporaryDirectory(prefix="dip-fit-") as scratch:
        if resume:
            found = list(batch.going_on(images or [], given))
        else:
            reading = batch.Reading(page, axes, normalize, alpha, clean, mask, mask_invert)
            template = output if output or image else batch.DEFAULT
            sources = streams.inputs(images or [], "image")
            found = list(batch.collect(sources, reading, asked, template, Path(scratch)))
        items = [item for item in found if not isinstance(item, DipError)]
        naming.distinct([item.final for item in items if item.final], "-o")
        work = Work(items, settings, restored.outputs(image, std, items), image_format, force)
        work.errors += [error for error in found if isinstance(error, DipError)]
        if dry_run:
            at_once = work.at_once()
            for item in items:
                announce(item.request, at_once, item.request.settings.runs)
            rows = [row for item in items for row in batch.costs(item, at_once)]
            console.print_rows(rows, ["setting", "value"], form, header=not no_header)
        else:
            work.do()
    for error in work.errors:
        console.error(error)
    if work.signal:
        _say_how_to_go_on(items)
        raise typer.Exit(128 + work.signal)
    if work.errors:
        raise typer.Exit(1)


def _config(like: str) -> Mapping[str, Any]:
    """What a store records of its fit."""
    from dipcli.store import read_run

    config: Mapping[str, Any] = read_run(like).attrs["config"]
    return config


def _say_how_to_go_on(items: Sequence[Item]) -> None:
    names = " ".join(shlex.quote(item.request.path) for item in items if item.final)
    if names:
        console.note(f"to go on: dip fit --resume {names}")
    else:
        console.note("nothing is kept of it: a store that is named with -o would have been")
