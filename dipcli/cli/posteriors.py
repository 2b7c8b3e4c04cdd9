"""`dip gpkernel --posterior`: read an image, and write its posterior mean and deviation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dipcli.cli import console, streams
from dipcli.cli.progress import show_progress
from dipcli.errors import UsageError
from dipcli.gp import inference
from dipcli.images import check_output, is_up_to_date
from dipcli.store import keep_inputs

RECORDING = ("png", "tiff", "ome-zarr")  # formats whose metadata record how the image was made


def outputs(mean: str | None, std: str | None, image_format: str | None) -> dict[str, str]:
    """Name the output files of "mean" and "std"; without both, the mean goes to stdout."""
    if mean == std is not None:
        msg = f"-o and --std are both {std}; name two outputs"
        raise UsageError(msg)
    wanted = {"mean": mean, "std": std} if std else {"mean": streams.image_output(mean)}
    paths = {kind: streams.image_output(path) for kind, path in wanted.items() if path}
    for path in paths.values():
        streams.output_format(path, image_format)  # raises for an unknown extension
    return paths


def write(
    name: str,
    reading: Mapping[str, str | None],
    paths: Mapping[str, str],
    image_format: str | None,
    networks: Mapping[str, Any],
    *,
    force: bool,
    kernel: str,
    depth: Sequence[int] | None,
    **options: Any,
) -> None:
    """Infer each page of an image and write the outputs that do not exist yet.

    `networks` are the options of `inference.choose_network`, and `options` those of `Inference`.
    """
    network = inference.choose_network(kernel, depth, **networks)
    depth = None if network else depth  # the network has it
    inferring = inference.Inference(kernel=kernel, depth=depth, network=network, **options)
    source = streams.one_input(name, "image")
    keep_inputs([source.name], [("-o", paths.get("mean")), ("--std", paths.get("std"))])
    pages = streams.read_images(source, **reading)  # type: ignore[arg-type]
    records = {kind: inferring.record(kind, pages) for kind in paths}
    paths = {
        kind: path
        for kind, path in paths.items()
        if not _exists(path, records[kind], image_format, force=force)
    }
    if not paths:
        return
    title = f"{source.name} page {{}}" if len(pages) > 1 else source.name
    with show_progress() as bars:
        images = inferring.images(
            pages, paths, bars.update, lambda n, text: console.note(f"{title.format(n)}: {text}")
        )
    for kind, path in paths.items():
        what = path, images[kind], image_format, records[kind]
        streams.write_images(*what, floats=kind == "std", force=force)


def _exists(path: str, record: Mapping[str, Any], image_format: str | None, *, force: bool) -> bool:
    """Whether the file holds this result already; raise if it holds another one."""
    if not force and is_up_to_date(path, record):
        console.note(f"{path} {streams.UNCHANGED}")
        return True
    if path != "-":
        # other formats have no record, so the result itself is compared when it is written
        form = streams.output_format(path, image_format)
        check_output(path, form, force=force or form not in RECORDING)
    return False
