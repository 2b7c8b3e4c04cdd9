"""`dip spectrum`: measure what is learned when, by frequency."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dipcli.cli import options, tables
from dipcli.cli.options import argument, option
from dipcli.cli.progress import show_progress
from dipcli.figures import panel_labels
from dipcli.registry import MEASURES
from dipcli.rows import chosen
from dipcli.spec import numbers, whole_numbers

if TYPE_CHECKING:
    from dipcli.measure.inputs import Source
    from dipcli.measure.runs import SourceMeasure

EXAMPLES = (
    "dip spectrum traj.zarr --plot bands.svg",
    "dip spectrum traj.zarr --measure onset --threshold 0.3,0.5",
    "dip spectrum traj.zarr --measure error --reference clean --at 100,1000 --plot error.png",
    "dip fit noisy.png -o traj.zarr | dip spectrum --format csv > bands.csv",
    "dip spectrum restored.png --measure fbc --reference clean.png",
)
LISTS = {"Measures of frames and images (--measure)": MEASURES}


@options.command()
def spectrum(
    names: list[str] | None = argument(
        "STORE|IMAGE", "Stores, runs, images; - or no name is stdin."
    ),
    measure: str | None = option(
        "Measure from the list below, MODULE:FUNCTION, or onset: the first iteration at which the"
        " fbc of a band reaches --threshold.",
        metavar="MEASURE",
        show_default="fbc; power for images alone",
    ),
    bands: int = option("Number of frequency bands of fbc.", 5, min=1, max=1000),
    reference: str | None = option(
        "Reference to compare frames with.",
        metavar="target|clean|IMAGE",
        show_default="target; clean for psnr and ssim",
    ),
    threshold: str = option("Thresholds of onset, from 0 to 1.", "0.5", metavar="T,..."),
    at: str = options.AT,
    plot: str | None = options.PLOT,
    label: str | None = options.LABEL,
    reading: dict[str, Any] = options.reading("1"),
    force: bool = options.FORCE,
    form: options.RowFormat = options.ROW_FORMAT,
    columns: str | None = options.COLUMNS,
    no_header: bool = options.NO_HEADER,
) -> int:
    """Measure what is learned when, by frequency."""
    import scipy.fft

    from dipcli.cli import common
    from dipcli.machine import cores
    from dipcli.measure.runs import ONSET, SourceMeasure, default_measure

    levels = numbers(threshold, "--threshold", float, "numbers from 0 to 1", 1)
    iterations = whole_numbers(at, "--at")
    if measure not in (None, ONSET):
        MEASURES.find(measure)
    common.check_plot(plot, form)
    failures = common.Failures()
    inputs = common.gather(names or [], failures, ("--plot", plot), **reading)
    labels = panel_labels([source.source for source in inputs], label)
    measure = measure or default_measure(inputs, reference)
    with scipy.fft.set_workers(cores()):
        work = SourceMeasure(measure, bands, reference, iterations, levels, on_error=failures.add)
        shown = chosen(columns, work.columns)
        tables.print_rows(_rows(work, inputs), shown, form, header=not no_header)
        if plot and work.measurements:
            from dipcli.figures import measures

            if work.name == "error" and iterations:
                figure = measures.error_figure(work.references(inputs), iterations, labels)
            else:
                figure = measures.measure_figure(work.name, work.measurements, labels, levels)
            common.write_plot(plot, figure, force=force)
    return failures.code


def _rows(work: SourceMeasure, inputs: Sequence[Source]) -> Iterator[dict[str, Any]]:
    """The rows of all sources; the progress ends with them, before a table is printed."""
    with show_progress() as bars:
        yield from work.rows(inputs, bars.update)
