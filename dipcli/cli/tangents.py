"""`dip gpkernel --tangent`: how fast gradient descent learns what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dipcli.cli import console, tables
from dipcli.cli.progress import show_progress
from dipcli.errors import UsageError
from dipcli.rows import chosen
from dipcli.spec import whole_numbers


def show(
    stores: Sequence[Any],
    what: Any,
    asked: Mapping[str, Any],
    network: Mapping[str, Any],
    rows: Mapping[str, Any],
    drawn: tuple[str | None, Mapping[str, str]],
    *,
    force: bool,
) -> None:
    """Print the rows of a tangent kernel, and draw them."""
    from dipcli.cli import common
    from dipcli.gp import learning

    options = {**asked, "at": whole_numbers(asked["at"], "--at"), "pixel": _pixel(asked["pixel"])}
    shown = chosen(rows["columns"], learning.ROWS[what]._fields)
    with show_progress() as bars:
        found = learning.learning(stores, what, progress=bars.update, **options, **network)
    if what == "prediction":
        for source, band, off in learning.distances(found):
            console.note(
                f"{source}, band {band}: the prediction is off by {off:.0%} in the mean over the "
                "first half of its descent"
            )
    tables.print_rows((row._asdict() for row in found), shown, rows["form"], header=rows["header"])
    plot, labels = drawn
    if plot:
        from dipcli.figures import tangent as figures

        common.write_plot(plot, figures.DRAW[what](found, labels), force=force)


def _pixel(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    numbers = whole_numbers(text, "--pixel")
    if len(numbers) != 2:
        msg = f"--pixel is X,Y, not {text!r}"
        raise UsageError(msg)
    return numbers[0], numbers[1]
