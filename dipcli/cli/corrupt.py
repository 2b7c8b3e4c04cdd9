"""`dip corrupt`: degrade an image."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipcli.cli import options, tables
from dipcli.cli.options import argument, option
from dipcli.cli.progress import Progress, show_progress
from dipcli.registry import DEGRADATIONS

if TYPE_CHECKING:
    from dipcli.degrade import Degradation
    from dipcli.images import Image

EXAMPLES = (
    "dip corrupt house.png downsample:4,kernel=area gaussian:25 -o noisy.png",
    "dip corrupt builtin:astronaut mask:0.5 --seed 1 -o holes.png",
    "dip corrupt cells.tif poisson:30 | dip corrupt - hole:0.2 -o holes.tif",
)
LISTS = {"Degradations (keys with their defaults; the first of several choices)": DEGRADATIONS}


@options.command()
def corrupt(
    image: str | None = argument(
        "IMAGE", "Image file, builtin:NAME, or part of a store; - is stdin."
    ),
    degradations: list[str] | None = argument(
        "DEGRADATION", "Degradations, applied from left to right."
    ),
    output: str | None = option("Image to write; - is stdout.", None, "-o"),
    seed: int = options.SEED,
    reading: dict[str, Any] = options.reading("all"),
    depth: options.Depth = options.DEPTH,
    image_format: options.ImageFormat = options.IMAGE_FORMAT,
    force: bool = options.FORCE,
    show: bool = option("List the degradations as rows.", False, "--list"),
    form: options.RowFormat = options.ROW_FORMAT,
    no_header: bool = options.NO_HEADER,
) -> int:
    """Degrade an image."""
    if show:
        columns = ["name", "usage", "summary"]
        tables.print_rows(DEGRADATIONS.rows(), columns, form, header=not no_header)
        return 0

    from dipcli import degrade, images
    from dipcli.cli import streams
    from dipcli.store import keep_inputs

    if image and _names_degradation(image):  # the image comes on stdin
        degradations = [image, *(degradations or [])]
        image = None
    chain = [degrade.parse(word) for word in degradations or []]
    target = streams.image_output(output)
    chosen = streams.output_format(target, image_format)
    source = streams.one_input(image, "image")
    keep_inputs([source.name], [("-o", output)])
    pages = streams.read_images(source, **reading)

    with show_progress() as bars:
        results = _corrupt_pages(pages, chain, seed, bars)
        first = next(results)
        chosen = chosen or images.format_for_pipe(first, len(pages), depth)
        encoded = images.encode(itertools.chain([first], results), chosen, depth)
    streams.write_encoded(target, encoded, force=force)
    return 0


def _corrupt_pages(
    pages: Sequence[Image], chain: Sequence[Degradation], seed: int, bars: Progress
) -> Iterator[Image]:
    from dipcli import degrade

    for done, page in enumerate(pages, 1):
        yield degrade.corrupt(page, *chain, seed=seed)
        bars.update("corrupt", done, len(pages))


def _names_degradation(word: str) -> bool:
    """Whether the first word is no image, as in `cat a.png | dip corrupt gaussian:25`."""
    return DEGRADATIONS.split(word)[0] in DEGRADATIONS and not Path(word).exists()
