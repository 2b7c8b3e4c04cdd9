"""`dip trajdist`: measure the distance between trajectories, and to images."""

from __future__ import annotations

from typing import Any

from dipcli.cli import console, options, tables
from dipcli.cli.options import argument, option
from dipcli.cli.progress import show_progress
from dipcli.errors import UsageError
from dipcli.figures import panel_labels
from dipcli.rows import chosen
from dipcli.spec import whole_numbers

EXAMPLES = (
    "dip fit builtin:triangle:0.5:128 --arch dip --runs 2 -o traj.zarr | dip trajdist --summary",
    "dip trajdist monday.zarr tuesday.zarr --plot distance.svg",
    "dip trajdist traj.zarr --against clean --ssim --at 100,1000",
    "dip trajdist traj.zarr --bands 5 --format csv > by-band.csv",
    "dip trajdist traj.zarr --frc --plot agreement.svg",
    "dip trajdist restored.png --against clean.png --luma --border 4",
)


@options.command()
def trajdist(
    names: list[str] | None = argument(
        "STORE|IMAGE", "Stores, runs, images; - or no name is stdin."
    ),
    against: str = option(
        "Run or image to compare with. auto: the runs of a target with each other; a single run "
        "with its target, its clean image and its previous frame.",
        "auto",
        metavar="auto|runs|target|clean|previous|STORE|IMAGE",
    ),
    bands: int | None = option(
        "Split the squared error into this many bands of frequency.",
        min=1,
        max=1000,
        show_default=False,
    ),
    summary: bool = option(
        "Print where two trajectories converge, part, and converge again.", False
    ),
    frc: bool = option(
        "Print the Fourier ring correlation of both, in place of distances: in which frequencies "
        "they agree.",
        False,
    ),
    ssim: bool = option("Add a column of the structural similarity.", False),
    luma: bool = option("Compare only the luma of BT.601, from 16 to 235 of 255.", False),
    border: int = option("Pixels to leave out at each side.", 0, min=0, max=10**6),
    at: str = options.AT,
    plot: str | None = options.PLOT,
    label: str | None = options.LABEL,
    reading: dict[str, Any] = options.reading("1"),
    force: bool = options.FORCE,
    form: options.RowFormat = options.ROW_FORMAT,
    columns: str | None = options.COLUMNS,
    no_header: bool = options.NO_HEADER,
) -> int:
    """Measure the distance between trajectories, and to images."""
    import scipy.fft

    from dipcli.cli import common
    from dipcli.machine import cores
    from dipcli.measure import trajectories
    from dipcli.measure.distance import Comparison
    from dipcli.measure.pairs import Pair, pairs, uncompared

    iterations = whole_numbers(at, "--at")
    common.check_plot(plot, form)
    failures = common.Failures()
    inputs = common.gather(names or [], failures, ("--plot", plot), **reading)
    labels = panel_labels([source.source for source in inputs], label)
    if note := uncompared(inputs, against):
        console.note(note)
    wanted: list[Pair] = []
    for pair in pairs(inputs, against, iterations, failures.add):
        wanted.append(pair)
        if pair.left_out:
            console.note(pair.left_out)
    if frc and (bands or summary or ssim):
        msg = "--frc prints no distances: leave --bands, --summary and --ssim out"
        raise UsageError(msg)
    comparison = Comparison(bands, ssim=ssim, luma=luma, border=border, frc=frc)
    shown = chosen(columns, trajectories.columns(comparison, summary=summary))
    with scipy.fft.set_workers(cores()), show_progress() as bars:
        distances = trajectories.compare(wanted, comparison, bars.update)
    rows = trajectories.table(distances, summary=summary)
    if summary:
        for note in trajectories.unmet(distances):
            console.note(note)
    tables.print_rows(rows, shown, form, header=not no_header)
    if plot and distances:
        from dipcli.figures.distances import distance_figure

        common.write_plot(plot, distance_figure(distances, labels), force=force)
    return failures.code
