"""`dip trajdist`: the distance between trajectories, and to images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dipcli.cli import console, options

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dipcli.measure.trajectories import Compared

EXAMPLES = (
    "dip fit builtin:triangle:0.5:128 --arch dip --runs 2 -o traj.zarr | dip trajdist --summary",
    "dip trajdist monday.zarr tuesday.zarr --plot distance.svg",
    "dip trajdist traj.zarr --against clean --ssim --at 100,1000",
    "dip trajdist traj.zarr --bands 5 --format csv > by-band.csv",
    "dip trajdist restored.png --against clean.png --luma --border 4",
)


def trajdist(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="STORE|IMAGE",
            help="Stores, runs, images; - or nothing for what comes on stdin.",
        ),
    ] = None,
    against: Annotated[
        str,
        typer.Option(
            "--against",
            metavar="auto|runs|target|clean|previous|STORE|IMAGE",
            help="What to compare with. auto: the runs of a target with each other; "
            "one alone with its target, its clean image and its previous frame.",
        ),
    ] = "auto",
    bands: Annotated[
        int | None,
        typer.Option(
            "--bands",
            min=1,
            max=1000,
            help="The squared error in so many bands of frequency.",
            show_default=False,
        ),
    ] = None,
    summary: Annotated[
        bool,
        typer.Option("--summary", help="Where two trajectories meet, part, and meet again."),
    ] = False,
    ssim: Annotated[
        bool, typer.Option("--ssim", help="The structural similarity as well.")
    ] = False,
    luma: Annotated[
        bool, typer.Option("--luma", help="Compare the luma of BT.601, from 16 to 235, only.")
    ] = False,
    border: Annotated[
        int, typer.Option("--border", min=0, max=10**6, help="Pixels left out along each side.")
    ] = 0,
    at: options.At = "",
    plot: options.Plot = None,
    label: options.Label = None,
    page: options.Page = "1",
    axes: options.Axes = None,
    normalize: options.Normalize = "auto",
    alpha: options.Alpha = "unknown",
    force: options.Force = False,
    form: options.RowFormat = None,
    no_header: options.NoHeader = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Measure the distance between trajectories, and to images."""
    console.set_volume(quiet=quiet, verbose=verbose)
    import scipy.fft

    from dipcli.cli import pairing, sources
    from dipcli.measure import cores
    from dipcli.measure.distance import Comparison
    from dipcli.measure.trajectories import SUMMARY, compare, summaries

    iterations = sources.numbers(at, "--at")
    sources.check_plot(plot, form)
    failures = sources.Failures()
    reading = {"page": page, "axes": axes, "normalize": normalize, "alpha": alpha}
    found = sources.gather(names or [], failures, **reading)
    labels = sources.labelled([source.source for source in found], label)
    paired = []
    for pair in pairing.pairs(found, against, iterations):
        if isinstance(pair, Exception):
            failures.add(pair)
        else:
            paired.append(pair)
            if pair.left_out:
                console.note(pair.left_out)
    comparison = Comparison(luma=luma, border=border, ssim=ssim)
    columns = ["a", "b", *(["band", "low", "high"] if bands and summary else [])]
    columns += SUMMARY if summary else _columns(bands, ssim=ssim)
    with scipy.fft.set_workers(cores()), console.progress() as progress:
        compared = compare(paired, comparison, bands, progress.update)
    rows = summaries(compared) if summary else _rows(compared)
    console.print_rows(rows, columns, form, header=not no_header)
    if plot and compared:
        from dipcli.figures import compared as figures

        sources.write_plot(plot, figures.draw(compared, labels), force=force)
    if failures.any:
        raise typer.Exit(1)


def _columns(bands: int | None, *, ssim: bool) -> list[str]:
    if bands:
        return ["iteration", "band", "low", "high", "sse"]
    return ["iteration", "sse", "mse", "psnr", *(["ssim"] if ssim else [])]


def _rows(compared: Sequence[Compared]) -> Iterator[dict[str, Any]]:
    for one in compared:
        said = {"a": one.pair.a.label, "b": one.pair.b.label}
        yield from ({**said, **row} for row in one.rows())
