"""`dip corrupt`: degrade an image."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dipcli.cli import console, options
from dipcli.registry import DEGRADATIONS

if TYPE_CHECKING:
    from dipcli.degrade import Degradation
    from dipcli.images import Image

EXAMPLES = (
    "dip corrupt house.png downsample:4,kernel=area gaussian:25 -o noisy.png",
    "dip corrupt builtin:astronaut mask:0.5 --seed 1 -o holes.png",
    "dip corrupt cells.tif poisson:30 | dip corrupt - hole:0.2 -o holes.tif",
)
LISTS = {"Degradations (with their defaults; of a list the first)": DEGRADATIONS}


def corrupt(
    image: Annotated[
        str | None,
        typer.Argument(
            metavar="IMAGE", help="A file, builtin:NAME, part of a store, or - for stdin."
        ),
    ] = None,
    degradations: Annotated[
        list[str] | None,
        typer.Argument(metavar="DEGRADATION", help="Applied from left to right."),
    ] = None,
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="The image to write; - is stdout.")
    ] = None,
    seed: options.Seed = 0,
    page: options.Page = "all",
    axes: options.Axes = None,
    normalize: options.Normalize = "auto",
    alpha: options.Alpha = "unknown",
    depth: options.Depth = None,
    image_format: options.ImageFormat = None,
    force: options.Force = False,
    show: Annotated[bool, typer.Option("--list", help="List the degradations, as rows.")] = False,
    form: options.RowFormat = None,
    no_header: options.NoHeader = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Degrade an image."""
    console.set_volume(quiet=quiet, verbose=verbose)
    if show:
        rows = [
            {"name": e.name, "usage": e.usage, "summary": e.summary} for e in DEGRADATIONS.values()
        ]
        console.print_rows(rows, ["name", "usage", "summary"], form, header=not no_header)
        return

    from dipcli import degrade, images
    from dipcli.cli import streams

    if image and _names_degradation(image):  # the image itself comes on stdin
        degradations = [image, *(degradations or [])]
        image = None
    chain = [degrade.parse(spec) for spec in degradations or []]
    target = streams.image_output(output)
    chosen = streams.output_format(target, image_format)
    source = streams.one_input(image, "image")
    pages = streams.read_images(source, page=page, axes=axes, normalize=normalize, alpha=alpha)

    with console.progress() as progress:
        degraded = _degrade(pages, chain, seed, progress)
        first = next(degraded)
        chosen = chosen or images.format_for_pipe(first, len(pages), depth)
        history = degrade.provenance(chain, seed, first.history, first.page)
        encoded = images.encode(itertools.chain([first], degraded), chosen, depth, history)
    for remark in encoded.notes:
        console.note(remark)
    if not streams.write_output(target, encoded.data, force=force):
        console.note(f"{target} already holds just this; it is left as it is")
    elif target != "-":
        console.note(f"wrote {target} ({encoded.what})")


def _degrade(
    pages: Sequence[Image], chain: Sequence[Degradation], seed: int, progress: console.Progress
) -> Iterator[Image]:
    from dipcli import degrade

    for done, page in enumerate(pages, 1):
        yield degrade.corrupt(page, chain, seed)
        progress.update("corrupt", done, len(pages))


def _names_degradation(word: str) -> bool:
    """`cat a.png | dip corrupt gaussian:25`: the first word is no image."""
    return word.split(":")[0].split(",")[0] in DEGRADATIONS and not Path(word).exists()
